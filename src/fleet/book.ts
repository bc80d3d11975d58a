import { digestKey } from './digest.ts'
import { validateDigest } from './digest-wire.ts'
import { FleetError } from './errors.ts'
import { rowOf } from './placement/rows.ts'
import type { Refusals } from './refusals.ts'
import type { Digest } from './types.ts'

/** What of a mesh record a digest is made of; its signature has been checked. */
export interface DigestRecord {
  key: string
  peer: string
  name: string
  expires: number
  body: unknown
  /** When it was signed, by its author's clock; of two under one key the later stands. */
  made?: number
  /** As it was signed, to be handed on. */
  envelope?: Uint8Array
}

/** `pulled`: asked for by name; else gossip brought it. */
export type DigestWay = 'gossiped' | 'pulled'

export interface HeldDigest {
  peer: string
  name: string
  digest: Digest
  expires: number
  /** Of its inventory row (placement/rows.ts). */
  id: string
  made: number
  way: DigestWay
  /** When it was taken, by this host's clock. */
  received: number
  envelope: Uint8Array | undefined
}

export interface DigestLimits {
  /** Digests of one host at most; another is refused. The mesh keeps 2,048 records of one author. */
  perPeer: number
  /** In all; above it the host that holds most gives up its oldest. */
  inAll: number
}

const pulledMs = 24 * 3_600_000

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
      // A newer one that was pulled meanwhile is not what was cleared.
      const held = this.#peers.get(record.peer)?.get(record.key)
      if (!held || held.way === 'gossiped' || held.made <= (record.made ?? 0))
        this.#remove(record.peer, record.key)
      return undefined
    }
    try {
      return this.take(record, 'gossiped', now).digest
    } catch (error) {
      if (!(error instanceof FleetError)) throw error
      // What stood under the key is no longer what that host says.
      this.#remove(record.peer, record.key)
      this.#refusals.add(error)
      return undefined
    }
  }

  /**
   * Keeps a digest whose signature has been checked, unless a later one of that host stands.
   * @throws FleetError where it does not hold; nothing is counted
   */
  take(record: DigestRecord, way: DigestWay, now: number): HeldDigest {
    if (record.expires <= now) throw new FleetError('stale', record.peer, 'the digest has expired')
    const digest = validateDigest(record.body, record.peer)
    const { peer, name, expires, made = 0, envelope } = record
    const key = way === 'pulled' ? digestKey(digest) : record.key
    const stands = this.#peers.get(peer)?.get(key)
    if (stands && stands.made > made) return stands
    const { id } = rowOf(digest)
    const held = {
      peer,
      name,
      digest,
      made,
      way,
      envelope,
      id,
      received: now,
      expires: ends(expires, way, now),
    }
    this.#put(key, held)
    return held
  }

  /** A member's digest by the id of its inventory row. O(digests of that member). */
  find(peer: string, id: string): HeldDigest | undefined {
    for (const held of this.#peers.get(peer)?.values() ?? []) if (held.id === id) return held
    return undefined
  }

  /** Gives up one that was pulled. */
  drop(held: HeldDigest): void {
    if (held.way === 'pulled') this.#remove(held.peer, digestKey(held.digest))
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

  gauge(): { digests: number; pulled: number; peers: number; limit: number; evicted: number } {
    let pulled = 0
    for (const { way } of this.all()) if (way === 'pulled') pulled++
    const { inAll: limit } = this.#limits
    return { digests: this.#size, pulled, peers: this.#peers.size, limit, evicted: this.#evicted }
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

/** Nothing that was pulled stands longer unseen than what is gossiped does: its author has told of a newer one, or is away. */
const ends = (expires: number, way: DigestWay, now: number): number =>
  way === 'pulled' ? Math.min(expires, now + pulledMs) : expires

const isNamed = (path: string, name: string): boolean =>
  path === name || (!name.includes('/') && path.endsWith(`/${name}`))
