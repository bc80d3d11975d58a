/**
 * Manifests: an author signs the list of what stands of it, so that a late joiner verifies one signature for 128 statements
 * instead of 128. A manifest is a statement like the others (kind 'manifest', key one of 32 places), so it is gossiped,
 * synchronised, kept, replaced and run out like them. What a manifest vouches for is believed in a sync without its own
 * signature, which is looked at later (audit.ts): the author has signed its hash.
 */
import { z } from 'zod'
import { someBytes } from '../identity/certificate.ts'
import { limits } from '../limits.ts'
import { concat } from './codec.ts'
import type { Statement } from './envelope.ts'
import type { LiveState } from './live.ts'

export const places = 32
export const perManifest = 128
const hashBytes = 16
/** Indices kept: a sync goes author by author. */
const indices = 64

const body = someBytes(perManifest * hashBytes).refine((bytes) => bytes.length % hashBytes === 0)
const name = (hash: Uint8Array): string =>
  Buffer.from(hash.buffer, hash.byteOffset, hashBytes).toString('latin1')

/** Is this a manifest that can be read? */
export const isManifest = (statement: Statement): boolean =>
  /^([0-9]|[12][0-9]|3[01])$/.test(statement.key) &&
  (statement.op === 'clear' || z.safeParse(body, statement.body).success)

const namesIn = (statement: Statement): string[] => {
  const bytes = statement.body as Uint8Array
  return Array.from({ length: bytes.length / hashBytes }, (_, i) => name(bytes.subarray(i * hashBytes)))
}

const carried = ({ kind, op }: Statement): boolean =>
  kind !== 'alive' && kind !== 'manifest' && op !== 'clear'

function* manifestsOf(live: LiveState, author: string): Generator<Statement> {
  for (const { statement } of live.of(author))
    if (statement.kind === 'manifest' && statement.op !== 'clear') yield statement
}

/** What manifests that stand vouch for. */
export class Vouchers {
  readonly #live: LiveState
  readonly #indices = new Map<string, Set<string>>()
  readonly #faulty = new Set<string>()

  constructor(live: LiveState) {
    this.#live = live
  }

  vouched(statement: Statement): boolean {
    const { author, kind } = statement
    if (kind === 'manifest' || this.#faulty.has(author)) return false
    let index = this.#indices.get(author)
    if (index === undefined) {
      index = new Set()
      for (const manifest of manifestsOf(this.#live, author))
        for (const one of namesIn(manifest)) index.add(one)
      this.#indices.set(author, index)
      if (this.#indices.size > indices) this.#indices.delete(this.#indices.keys().next().value as string)
    }
    return index.has(name(statement.hash))
  }

  /** A manifest of this author has come or gone. */
  changed(author: string): void {
    this.#indices.delete(author)
  }

  /** It has vouched for what it did not sign: from now on every signature of it is looked at. */
  distrust(author: string): void {
    if (this.#faulty.size < limits.members) this.#faulty.add(author)
  }
}

export interface Manifest {
  key: string
  body: Uint8Array
  ttlMs: number
}

/** What is vouched for at once where little is said, and after how long. */
const few = 16
const quietMs = 30_000

/** When a host has said enough to sign for it. Pure. */
export class Manifests {
  #last = Number.NEGATIVE_INFINITY

  /** The next manifest to publish, if one is due: the place that holds least, filled up. */
  next(live: LiveState, author: string, now: number): Manifest | undefined {
    const standing = new Map<string, Statement>()
    for (const { statement } of live.of(author))
      if (carried(statement)) standing.set(name(statement.hash), statement)
    if (standing.size < few) return undefined
    const held = new Map<string, string[]>(Array.from({ length: places }, (_, i) => [String(i), []]))
    const open = new Map(standing)
    for (const manifest of manifestsOf(live, author)) {
      const names = namesIn(manifest).filter((one) => standing.has(one))
      held.set(manifest.key, names)
      for (const one of names) open.delete(one)
    }
    if (open.size < (now - this.#last > quietMs ? few : perManifest / 2)) return undefined
    this.#last = now
    const [key, names] = [...held].reduce((least, one) => (one[1].length < least[1].length ? one : least))
    const taken = [...names, ...[...open.keys()].slice(0, perManifest - names.length)]
    const statements = taken.map((one) => standing.get(one) as Statement)
    const ends = statements.reduce((latest, { expires }) => Math.max(latest, expires), 0)
    const hashes = statements.map(({ hash }) => hash.subarray(0, hashBytes))
    return { key, body: concat(hashes), ttlMs: Math.min(ends - now, limits.maxLifetime) }
  }
}
