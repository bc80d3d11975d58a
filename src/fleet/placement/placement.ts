import { createHash } from 'node:crypto'

/** A binary as placement knows it: SHA-256 of its file, hex. */
export type BinaryHash = string

/**
 * Whose digests of a binary a host keeps, and whom it asks, compares with and adopts from. One interface: in a small
 * fleet everybody's, in a large one those of a few that nobody can choose.
 */
export interface Placement {
  /** What it is called in `status`. */
  readonly name: 'everywhere' | 'rendezvous'
  /**
   * Of those that have the binary, the members this host keeps digests of.
   * @param holders PeerIds of other members that have it
   * @param now ms since the epoch
   */
  neighbours(binary: BinaryHash, holders: readonly string[], now: number): string[]
  /** Whether a digest is gossiped to all; else members say only that they have the binary, and digests are pulled. */
  readonly gossipsDigests: boolean
}

/** Up to some 100 hosts: everybody keeps every digest. */
export class Everywhere implements Placement {
  readonly name = 'everywhere'
  readonly gossipsDigests = true

  neighbours(_: BinaryHash, holders: readonly string[]): string[] {
    return [...holders]
  }
}

/** Members that a host keeps digests of, a binary. */
export const NEIGHBOURS = 64
/** How long a neighbourhood stands, in ms. Weeks are counted from the epoch. */
export const NEIGHBOURHOOD_AGE = 7 * 24 * 3_600_000

/**
 * The `count` holders with the smallest SHA-256(binary, own PeerId, their PeerId, week): nobody can choose whose
 * neighbour he is, the load is even, and it moves every week.
 */
export class Rendezvous implements Placement {
  readonly name = 'rendezvous'
  readonly gossipsDigests = false
  readonly #self: string
  readonly #count: number

  constructor(self: string, count: number = NEIGHBOURS) {
    if (!Number.isInteger(count) || count < 1)
      throw new RangeError(`a neighbourhood has 1 or more members, not ${count}`)
    this.#self = self
    this.#count = count
  }

  neighbours(binary: BinaryHash, holders: readonly string[], now: number): string[] {
    const others = holders.filter((peer) => peer !== this.#self)
    if (others.length <= this.#count) return others
    const week = Math.floor(now / NEIGHBOURHOOD_AGE)
    const ranked = others.map((peer) => ({ peer, rank: rankOf(binary, this.#self, peer, week) }))
    ranked.sort((a, b) => a.rank - b.rank || (a.peer < b.peer ? -1 : 1))
    return ranked.slice(0, this.#count).map(({ peer }) => peer)
  }
}

/** The first 48 bits of the hash: two of 10,000 hosts share them once in 5 million neighbourhoods, and names decide then. */
function rankOf(binary: BinaryHash, self: string, peer: string, week: number): number {
  return createHash('sha256').update(`${binary}\0${self}\0${peer}\0${week}`).digest().readUIntBE(0, 6)
}

/** Members above which digests are no longer gossiped to all. */
export const EVERYWHERE_MOST = 100

/** The placement for a fleet of so many members. */
export function placementFor(self: string, members: number): Placement {
  return members <= EVERYWHERE_MOST ? new Everywhere() : new Rendezvous(self)
}
