import { createHash } from 'node:crypto'

/** A program's content as placement knows it: SHA-256 of its file, hex; of a whole one the first 16 digits count. */
export type ContentHash = string
/** Digits of a content's hash that a row of an inventory carries. */
export const CONTENT_DIGITS = 16

/**
 * Whose digests of a content a host keeps, and whom it asks, compares with and adopts from. One interface: in a small
 * fleet everybody's, in a large one those of a few that nobody can choose.
 */
export interface Placement {
  /** What it is called in `status`. */
  readonly name: 'everywhere' | 'chosen'
  /**
   * Of those that have the content, the members this host keeps digests of.
   * @param holders PeerIds of members that have it; this host is passed over
   * @param now ms since the epoch
   */
  neighbours(content: ContentHash, holders: readonly string[], now: number): string[]
  /** Whether a digest is gossiped to all; else members say only that they have the content, and digests are pulled. */
  readonly gossipsDigests: boolean
}

/** Up to some 100 hosts: everybody keeps every digest. */
export class Everywhere implements Placement {
  readonly name = 'everywhere'
  readonly gossipsDigests = true
  readonly #self: string

  constructor(self: string) {
    this.#self = self
  }

  neighbours(_: ContentHash, holders: readonly string[]): string[] {
    return holders.filter((peer) => peer !== this.#self)
  }
}

/** Members that a host keeps digests of, a content. */
export const NEIGHBOURS = 64
/** How long a neighbourhood stands, in ms. Each content's begins at another time, so that not all move at once. */
export const NEIGHBOURHOOD_AGE = 7 * 24 * 3_600_000

/**
 * The `count` holders nearest to this host, by SHA-256(content, the two PeerIds, week): nobody can choose whose neighbour
 * he is, the load is even, and it moves every week. The distance of two hosts is the same from both sides, so that
 * whoever is among the nearest of a host keeps its digests too, and everybody can tell who that is (`nearest`).
 */
export class Rendezvous implements Placement {
  readonly name = 'chosen'
  readonly gossipsDigests = false
  readonly #self: string
  readonly #count: number

  constructor(self: string, count: number = NEIGHBOURS) {
    if (!Number.isInteger(count) || count < 1)
      throw new RangeError(`a neighbourhood has 1 or more members, not ${count}`)
    this.#self = self
    this.#count = count
  }

  neighbours(content: ContentHash, holders: readonly string[], now: number): string[] {
    return nearest(this.#self, content, holders, now, this.#count)
  }
}

/** Of the holders the `count` nearest to a host, nearest first; itself never. O(holders) hashes. */
export function nearest(
  to: string,
  content: ContentHash,
  holders: readonly string[],
  now: number,
  count: number,
): string[] {
  const others = holders.filter((peer) => peer !== to)
  const short = content.slice(0, CONTENT_DIGITS)
  const week = weekOf(short, now)
  const ranked = others.map((peer) => ({ peer, rank: distance(short, to, peer, week) }))
  ranked.sort((a, b) => a.rank - b.rank || (a.peer < b.peer ? -1 : 1))
  return ranked.slice(0, count).map(({ peer }) => peer)
}

/** The first 48 bits of the hash: two of 10,000 hosts share them once in 5 million neighbourhoods, and names decide then. */
function distance(content: ContentHash, a: string, b: string, week: number): number {
  const [first, second] = a < b ? [a, b] : [b, a]
  return createHash('sha256').update(`${content}\0${first}\0${second}\0${week}`).digest().readUIntBE(0, 6)
}

function weekOf(content: ContentHash, now: number): number {
  const share = Number.parseInt(content.slice(0, 8), 16) / 2 ** 32
  return Math.floor(now / NEIGHBOURHOOD_AGE + share)
}
