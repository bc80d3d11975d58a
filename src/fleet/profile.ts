import { type ProfileRecord, pairCode, tableInForce } from '#homeostasis'

/** What a host knows of one of its pairs. */
export interface PairFacts {
  /** Number (1, 2, ...) of the process that first showed it; 0: taken over from other hosts and not yet seen here. */
  first: number
  /** In how many processes it was seen. */
  seen: number
  /** ms since the epoch: when it was first seen here, or taken over. */
  since: number
  /** Accepted on other hosts' word: it is not vouched for. */
  borrowed: boolean
}

/** The calls that a `pairCode` is of. */
export const currentOf = (code: number): number => Math.floor(code / 32_768)
export const previousOf = (code: number): number => Math.floor(code / 8) % 4096
export const distanceOf = (code: number): number => (code % 8) + 1

/** The distinct pairs of one process; windows that reach over its start are passed over. */
export function pairsOfCalls(calls: ArrayLike<number>, window: number): Uint32Array {
  const codes = new Set<number>()
  for (let at = 1; at < calls.length; at++)
    for (let distance = Math.min(at, window - 1); distance > 0; distance--)
      codes.add(pairCode(calls[at]!, calls[at - distance]!, distance))
  return Uint32Array.from(codes).sort()
}

/**
 * One host's profile of one binary as the fleet sees it: pairs by `pairCode`, and for each which process brought it, in
 * how many it was seen, and whether it was borrowed. One value for outliers, answers and adoption.
 */
export class FleetProfile {
  readonly window: number
  /** Processes learned. */
  processes = 0
  readonly pairs = new Map<number, PairFacts>()

  constructor(window: number) {
    this.window = window
  }

  /**
   * Out of a profile file. The pairs in force that have no support count as the first process's. When a pair was first
   * seen is not in the file: taken to be even over the time of learning.
   * @param processes learned, where it is known better than the file does
   */
  static of(record: ProfileRecord, processes?: number): FleetProfile {
    const profile = new FleetProfile(record.key.window)
    let most = record.judgement?.counts[0] ?? 0
    for (const { first, seen } of record.support?.values() ?? []) most = Math.max(most, first, seen)
    profile.processes = processes ?? most
    const span = Math.max(0, record.made - record.since)
    for (const { current, previous, distance } of tableInForce(record).entries()) {
      const code = pairCode(current, previous, distance)
      const { first, seen, borrowed } = record.support?.get(code) ?? { first: 1, seen: 1, borrowed: false }
      const part = profile.processes > 0 ? Math.min(1, first / profile.processes) : 0
      profile.pairs.set(code, { first, seen, borrowed, since: record.since + span * part })
    }
    return profile
  }

  /** Pairs of a process that this profile has not. */
  novel(codes: Iterable<number>): number[] {
    const novel: number[] = []
    for (const code of codes) if (!this.pairs.has(code)) novel.push(code)
    return novel
  }

  /**
   * Learns one process.
   * @param codes its distinct pairs
   * @param now when it ran, ms since the epoch
   * @param borrowed its new pairs are accepted on other hosts' word
   */
  learn(codes: Iterable<number>, now: number, borrowed = false): void {
    const process = ++this.processes
    for (const code of codes) {
      const facts = this.pairs.get(code)
      if (!facts) this.pairs.set(code, { first: process, seen: 1, since: now, borrowed })
      else {
        facts.seen++
        if (facts.first === 0) {
          facts.first = process
          facts.since = now
        }
      }
    }
  }

  clone(): FleetProfile {
    const copy = new FleetProfile(this.window)
    copy.processes = this.processes
    for (const [code, facts] of this.pairs) copy.pairs.set(code, { ...facts })
    return copy
  }
}
