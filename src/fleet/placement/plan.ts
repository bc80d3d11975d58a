/** Which digests to pull next, so that this host keeps those its placement says; and which it keeps no more. Pure. */
import type { DigestBook, HeldDigest } from '../book.ts'
import type { ContentKey, HeldRow, Inventory } from './inventory.ts'
import { CONTENT_DIGITS, type Placement } from './placement.ts'
import type { Puller } from './puller.ts'

/** Hashes made, and rows looked at, in one round: 10 ms. The next goes on where this one ended. */
const hashesARound = 5000
/** Rows that wait to be pulled at most. */
const waitingMost = 65_536
/** What was pulled and is not this host's to keep is given up after this, in ms: a command may want it still. */
const keptMs = 10 * 60_000

export interface PlanPorts {
  inventory: Inventory
  book: () => DigestBook
  puller: Pick<Puller, 'lacks' | 'failing'>
}

export class PullPlan {
  readonly #ports: PlanPorts
  /** Rows to pull, by author. */
  readonly #waiting = new Map<string, Map<string, HeldRow>>()
  /** Neighbours of each of this host's contents. */
  #neighbours = new Map<string, Set<string>>()
  #next = 0
  #size = 0

  constructor(ports: PlanPorts) {
    this.#ports = ports
  }

  /**
   * Looks at the next few of this host's contents (everywhere: of the members) and notes what is to be pulled. Small
   * fleets are gone through at once; 1,000 hosts in 8 minutes.
   * @param own what this host has profiles of
   */
  look(placement: Placement, own: readonly ContentKey[], now: number): void {
    if (placement.name === 'everywhere') {
      this.#lookEverywhere()
      return
    }
    const { inventory } = this.#ports
    const present = new Map(own.map((key) => [keyText(key), key]))
    for (const key of this.#neighbours.keys()) if (!present.has(key)) this.#neighbours.delete(key)
    const all = [...present]
    for (let looked = 0, hashes = 0; looked < all.length && hashes < hashesARound; looked++) {
      const [text, key] = all[this.#next++ % all.length] as [string, ContentKey]
      const rows = inventory.of(key)
      // Who has not got what it tells of keeps nobody from a place; it is asked again beside those that have.
      const { good, again } = this.#sorted(rows)
      const chosen = new Set(placement.neighbours(key.content, peersOf(good), now))
      const tried = again.length > 0 ? new Set(placement.neighbours(key.content, peersOf(rows), now)) : chosen
      hashes += rows.length + 1
      this.#neighbours.set(text, chosen)
      for (const row of good) if (chosen.has(row.peer)) this.#note(row)
      for (const row of again) if (tried.has(row.peer)) this.#note(row)
    }
  }

  /** Up to 64 rows of one author, those of this moment; undefined: nothing waits. */
  take(): { author: string; rows: HeldRow[] } | undefined {
    for (const [author, rows] of this.#waiting) {
      this.#waiting.delete(author)
      this.#size -= rows.size
      const wanted = [...rows.values()].filter((row) => this.#wants(row))
      for (const row of wanted.slice(64)) this.#note(row)
      if (wanted.length > 0) return { author, rows: wanted.slice(0, 64) }
    }
    return undefined
  }

  /** Does this host keep this one, by what it has chosen? */
  keeps(digest: { sha256: string; abi: ContentKey['abi']; window: number }, peer: string): boolean {
    return this.#neighbours.get(keyText({ ...digest, content: digest.sha256 }))?.has(peer) ?? false
  }

  /** Pulled digests that are not this host's to keep any more. */
  surplus(placement: Placement, now: number): HeldDigest[] {
    if (placement.name === 'everywhere') return []
    return [...this.#ports.book().all()].filter(
      ({ way, received, digest, peer }) =>
        way === 'pulled' && now - received > keptMs && !this.keeps(digest, peer),
    )
  }

  forget(peer: string): void {
    this.#size -= this.#waiting.get(peer)?.size ?? 0
    this.#waiting.delete(peer)
  }

  gauge(): { contents: number; neighbours: number; waiting: number; limit: number } {
    let neighbours = 0
    for (const of of this.#neighbours.values()) neighbours += of.size
    return { contents: this.#neighbours.size, neighbours, waiting: this.#size, limit: waitingMost }
  }

  #sorted(rows: readonly HeldRow[]): { good: HeldRow[]; again: HeldRow[] } {
    const good: HeldRow[] = []
    const again: HeldRow[] = []
    for (const row of rows) {
      const failing = this.#ports.puller.failing(row)
      if (failing === undefined) good.push(row)
      else if (failing === 'again') again.push(row)
    }
    return { good, again }
  }

  #lookEverywhere(): void {
    const { inventory } = this.#ports
    this.#neighbours.clear()
    const members = inventory.members()
    for (let looked = 0, rows = 0; looked < members.length && rows < 4 * hashesARound; looked++)
      for (const row of inventory.rows(members[this.#next++ % members.length] as string)) {
        rows++
        this.#note(row)
      }
  }

  #wants(row: HeldRow): boolean {
    const { puller } = this.#ports
    return puller.lacks(row) && puller.failing(row) !== 'wait'
  }

  #note(row: HeldRow): void {
    if (!this.#wants(row)) return
    const of = this.#waiting.get(row.peer) ?? new Map<string, HeldRow>()
    if (!of.has(row.id)) {
      if (this.#size >= waitingMost) return
      this.#size++
    }
    this.#waiting.set(row.peer, of.set(row.id, row))
  }
}

const peersOf = (rows: readonly HeldRow[]): string[] => [...new Set(rows.map(({ peer }) => peer))]

const keyText = ({ content, abi, window }: ContentKey): string =>
  `${content.slice(0, CONTENT_DIGITS)} ${abi} ${window}`
