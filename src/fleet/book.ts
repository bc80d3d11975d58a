import type { ProfileStateName } from '#homeostasis'
import { validateDigest } from './digest.ts'
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

/** One program of the fleet: a row of `fleet binaries`. */
export interface FleetBinary {
  binary: string
  hosts: {
    name: string
    peer: string
    sha256: string
    abi: string
    window: number
    state: ProfileStateName
    calls: number
    pairs: number
  }[]
  /** Distinct contents of its file. */
  versions: number
  /** How many hosts' profiles are in each state. */
  states: Record<ProfileStateName, number>
  pairs: { min: number; max: number }
  calls: number
}

/** Every program that a host has told of, own profiles included; on most hosts first. */
export function binaries(
  book: DigestBook,
  own: { name: string; peer: string; digests: Iterable<Digest> },
): FleetBinary[] {
  const rows = new Map<string, FleetBinary>()
  for (const digest of own.digests) addTo(rows, own, digest)
  for (const { peer, name, digest } of book.all()) addTo(rows, { name, peer }, digest)
  for (const row of rows.values()) {
    row.versions = new Set(row.hosts.map(({ sha256 }) => sha256)).size
    row.hosts.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0))
  }
  const hostsOf = (row: FleetBinary): number => new Set(row.hosts.map(({ peer }) => peer)).size
  return [...rows.values()].sort((a, b) => hostsOf(b) - hostsOf(a) || (a.binary < b.binary ? -1 : 1))
}

function addTo(rows: Map<string, FleetBinary>, host: { name: string; peer: string }, digest: Digest): void {
  const { binary, sha256, abi, window, state, calls, pairs } = digest
  let row = rows.get(binary)
  if (!row) {
    row = {
      binary,
      hosts: [],
      versions: 0,
      states: { learning: 0, frozen: 0, normal: 0 },
      pairs: { min: pairs, max: pairs },
      calls: 0,
    }
    rows.set(binary, row)
  }
  row.hosts.push({ name: host.name, peer: host.peer, sha256, abi, window, state, calls, pairs })
  row.states[state]++
  row.pairs = { min: Math.min(row.pairs.min, pairs), max: Math.max(row.pairs.max, pairs) }
  row.calls += calls
}
