import type { FleetProfile, PairFacts } from '../profile.ts'

/** One host's profile among those compared: same content of the file, ABI and window. */
export interface ComparedProfile {
  /** Unique among those compared. */
  host: string
  profile: Pick<FleetProfile, 'processes' | 'pairs'>
}

/** The first processes of a host, in which configuration shows: s = max(2, ceil(n/10)). */
export const settlingOf = (processes: number): number => Math.max(2, Math.ceil(processes / 10))

/**
 * Whether a pair came after a host had settled. A tenth of the processes that do not carry it: who uses an exploit a
 * thousand times would else move its first use into the first tenth.
 */
const isLate = ({ first, seen }: PairFacts, processes: number): boolean =>
  first > settlingOf(Math.max(0, processes - seen))

/** Fewest pairs of U that one process must have brought: below it is a shifted distance. 3 at window 6, 4 at 9. */
export const leastOfEvent = (window: number): number => Math.ceil((window - 1) / 2)

/** What one host has late and (nearly) alone. */
export interface LateFinding {
  host: string
  processes: number
  settling: number
  /** U by event: the number of the process that brought them. */
  events: Map<number, number[]>
  /** Pairs in U. */
  unique: number
  /** C: processes that carry a pair of U, as far as `seen` tells. */
  carriers: number
  /** e: processes in which an honest host would have shown something new. */
  exposure: number
  /** Hosts that have pairs of U too: empty in the first list. */
  sharedWith: Set<string>
  /** ms since the epoch of the first pair of U; undefined: none. */
  since: number | undefined
}

/** Which hosts have a pair, and whether all of them have it late. */
interface Owners {
  hosts: ComparedProfile[]
  late: boolean
}

/**
 * U of every host: late pairs that at most `shared` other hosts have, all of them late too, in events that brought
 * enough of them.
 * @param tolerated pairs of a host that its operator has accepted
 */
export function lateFindings(
  compared: readonly ComparedProfile[],
  window: number,
  shared: number,
  tolerated: (host: string, code: number) => boolean,
): LateFinding[] {
  const least = leastOfEvent(window)
  const owners = ownersOf(compared)
  return compared.map(({ host, profile }) => {
    const { processes } = profile
    const settling = settlingOf(processes)
    const events = new Map<number, number[]>()
    for (const [code, facts] of profile.pairs) {
      const of = owners.get(code)!
      const { first } = facts
      if (!of.late || of.hosts.length > shared + 1 || tolerated(host, code)) continue
      const event = events.get(first)
      if (event) event.push(code)
      else events.set(first, [code])
    }
    const sharedWith = new Set<string>()
    let carriers = 0
    let unique = 0
    let since: number | undefined
    for (const [event, codes] of events) {
      if (codes.length < least) {
        events.delete(event)
        continue
      }
      unique += codes.length
      for (const code of codes) {
        const facts = profile.pairs.get(code)!
        carriers = Math.max(carriers, facts.seen)
        since = Math.min(since ?? facts.since, facts.since)
        for (const other of owners.get(code)!.hosts) if (other.host !== host) sharedWith.add(other.host)
      }
    }
    // Each event is another process, so there are as many carriers at least.
    carriers = Math.max(carriers, events.size)
    const exposure = Math.max(1, processes - settling - carriers)
    return { host, processes, settling, events, unique, carriers, exposure, sharedWith, since }
  })
}

function ownersOf(compared: readonly ComparedProfile[]): Map<number, Owners> {
  const owners = new Map<number, Owners>()
  for (const one of compared) {
    for (const [code, facts] of one.profile.pairs) {
      const of = owners.get(code)
      const late = isLate(facts, one.profile.processes)
      if (!of) owners.set(code, { hosts: [one], late })
      else {
        of.hosts.push(one)
        of.late &&= late
      }
    }
  }
  return owners
}
