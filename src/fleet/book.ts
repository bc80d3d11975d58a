import { validateDigest } from './digest-wire.ts'
import { FleetError } from './errors.ts'
import type { Refusals } from './refusals.ts'
import type { Digest } from './types.ts'

/** What of a mesh record a digest is made of; its signature has been checked. */
export interface DigestRecord {
  key: string
  peer: string
  name: string
  expires: number
  body: unknown
}

export interface HeldDigest {
  peer: string
  name: string
  digest: Digest
  expires: number
}

export interface DigestLimits {
  /** Digests of one host at most; another is refused. The mesh keeps 2,048 records of one author. */
  perPeer: number
  /** In all; above it the host that holds most gives up its oldest. */
  inAll: number
}

export const digestLimits: DigestLimits = { perPeer: 2048, inAll: 65_536 }

/** The digests that other hosts have told and that have not run out. */
export class DigestBook {
  readonly #peers = new Map<string, Map<string, HeldDigest>>()
  readonly #limits: DigestLimits
  readonly #refusals: Refusals
  #size = 0
  #evicted = 0

  constructor(refusals: Refusals, limits: Partial<DigestLimits> = {}) {
    this.#refusals = refusals
    this.#limits = { ...digestLimits, ...limits }
  }

  /** The digest now held, or undefined: cleared, or refused (and counted). */
  apply(
    change: 'raised' | 'refreshed' | 'cleared' | 'expired',
    record: DigestRecord,
    now: number,
  ): Digest | undefined {
    if (change === 'cleared' || change === 'expired') {
      this.#remove(record.peer, record.key)
      return undefined
    }
    try {
      if (record.expires <= now) throw new FleetError('stale', record.peer, 'the digest has expired')
      const digest = validateDigest(record.body, record.peer)
      const { peer, name, expires } = record
      this.#put(record.key, { peer, name, digest, expires })
      return digest
    } catch (error) {
      if (!(error instanceof FleetError)) throw error
      // What stood under the key is no longer what that host says.
      this.#remove(record.peer, record.key)
      this.#refusals.add(error)
      return undefined
    }
  }

  /** How many have run out and were removed. */
  expire(now: number): number {
    let gone = 0
    for (const [peer, held] of this.#peers)
      for (const [key, { expires }] of held)
        if (expires <= now) {
          this.#remove(peer, key)
          gone++
        }
    return gone
  }

  /** A member that left or was revoked. */
  forget(peer: string): void {
    this.#size -= this.#peers.get(peer)?.size ?? 0
    this.#peers.delete(peer)
  }

  *all(): Generator<HeldDigest> {
    for (const held of this.#peers.values()) yield* held.values()
  }

  /** Who has a profile of a binary; `binary` as digests name it, or the last part of its path. */
  of(binary: string): HeldDigest[] {
    return [...this.all()].filter(({ digest }) => isNamed(digest.binary, binary))
  }

  gauge(): { digests: number; peers: number; limit: number; evicted: number } {
    return { digests: this.#size, peers: this.#peers.size, limit: this.#limits.inAll, evicted: this.#evicted }
  }

  #put(key: string, held: HeldDigest): void {
    const of = this.#peers.get(held.peer) ?? new Map<string, HeldDigest>()
    if (!of.has(key)) {
      if (of.size >= this.#limits.perPeer)
        throw new FleetError('too-large', held.peer, `more than ${this.#limits.perPeer} digests of one host`)
      this.#size++
    }
    // Newest last, so that the first is the oldest.
    of.delete(key)
    this.#peers.set(held.peer, of.set(key, held))
    if (this.#size <= this.#limits.inAll) return
    const [loudest, most] = [...this.#peers].reduce((a, b) => (b[1].size > a[1].size ? b : a))
    this.#remove(loudest, most.keys().next().value as string)
    this.#evicted++
  }

  #remove(peer: string, key: string): void {
    const of = this.#peers.get(peer)
    if (!of?.delete(key)) return
    this.#size--
    if (of.size === 0) this.#peers.delete(peer)
  }
}

const isNamed = (path: string, name: string): boolean =>
  path === name || (!name.includes('/') && path.endsWith(`/${name}`))
