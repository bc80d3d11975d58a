import type { PairHash } from '../pair-hash.ts'

/** Hashes of unfamiliar pairs that a semaphore carries at most. */
export const WAVE_HASHES = 64
/** Share of an incident's unfamiliar pairs that another's must hold; of all novel pairs harmless waves took attacks in. */
export const WAVE_SHARE = 0.8
/** How long an incident can be joined, in ms. */
export const WAVE_AGE = 7 * 24 * 3_600_000
const INCIDENTS_MOST = 4096
const PER_HOST = 64

/** An incident of another host, as its semaphore tells. */
export interface ForeignIncident {
  peer: string
  /** Its key there; one semaphore a subject. */
  key: string
  /** Which program: SHA-256, ABI and window in one word. */
  program: string
  raised: number
  /** 16 hex digits each, ascending, at most 64. */
  hashes: readonly string[]
}

/** What a semaphore says of unfamiliar pairs: 8 bytes each, under the mesh's secret; of more than 64 the smallest. */
export function pairHashes(codes: Iterable<number>, hash: PairHash): string[] {
  const { words } = hash.hash(codes)
  const hashes: string[] = []
  for (let at = 0; at < words.length; at += 4) hashes.push(hex(words[at]!) + hex(words[at + 1]!))
  return hashes.sort().slice(0, WAVE_HASHES)
}

const hex = (word: number): string => word.toString(16).padStart(8, '0')

/** Share of `own` that `theirs` holds; of lists that were cut only what both could hold is compared. */
export function containedIn(
  own: readonly string[],
  theirs: ReadonlySet<string>,
  last: string | undefined,
): number {
  const cut = theirs.size >= WAVE_HASHES ? last : undefined
  let comparable = 0
  let held = 0
  for (const one of own) {
    if (cut !== undefined && one > cut) continue
    comparable++
    if (theirs.has(one)) held++
  }
  return comparable === 0 ? 0 : held / comparable
}

/** Live incidents of other hosts, to be joined instead of paging anew: 4,096 in all, 64 a host, the oldest goes first. */
export class WaveBook {
  readonly #incidents = new Map<string, ForeignIncident & { set: ReadonlySet<string> }>()
  readonly #perHost = new Map<string, number>()

  raise(incident: ForeignIncident): void {
    const key = keyOf(incident)
    this.clear(incident)
    if ((this.#perHost.get(incident.peer) ?? 0) >= PER_HOST) this.#dropOldest(incident.peer)
    else if (this.#incidents.size >= INCIDENTS_MOST) this.#dropOldest()
    const hashes = [...new Set(incident.hashes)].sort().slice(0, WAVE_HASHES)
    this.#incidents.set(key, { ...incident, hashes, set: new Set(hashes) })
    this.#perHost.set(incident.peer, (this.#perHost.get(incident.peer) ?? 0) + 1)
  }

  clear(incident: Pick<ForeignIncident, 'peer' | 'key'>): void {
    if (!this.#incidents.delete(keyOf(incident))) return
    const left = (this.#perHost.get(incident.peer) ?? 1) - 1
    if (left === 0) this.#perHost.delete(incident.peer)
    else this.#perHost.set(incident.peer, left)
  }

  /** The incident to join: of another host, at most 7 days old, holding 80 % of the unfamiliar pairs. The oldest such. */
  find(program: string, hashes: readonly string[], now: number): ForeignIncident | undefined {
    let found: ForeignIncident | undefined
    for (const incident of this.#incidents.values()) {
      if (incident.program !== program || now - incident.raised > WAVE_AGE || incident.raised > now) continue
      if (found && found.raised <= incident.raised) continue
      if (containedIn(hashes, incident.set, incident.hashes.at(-1)) >= WAVE_SHARE) found = incident
    }
    return found
  }

  expire(now: number): void {
    for (const incident of [...this.#incidents.values()])
      if (now - incident.raised > WAVE_AGE) this.clear(incident)
  }

  gauge(): { incidents: number; limit: number } {
    return { incidents: this.#incidents.size, limit: INCIDENTS_MOST }
  }

  #dropOldest(peer?: string): void {
    let oldest: ForeignIncident | undefined
    for (const incident of this.#incidents.values())
      if ((peer === undefined || incident.peer === peer) && (!oldest || incident.raised < oldest.raised))
        oldest = incident
    if (oldest) this.clear(oldest)
  }
}

const keyOf = ({ peer, key }: Pick<ForeignIncident, 'peer' | 'key'>): string => `${peer}\0${key}`
