/**
 * Is a record to be believed? The steps in order of cost; up to the signature every step only reads, or a forger could spend
 * the author's numbers and tokens. *Reject* (which costs the forwarder score) only for what can never be valid; *ignore*
 * for what may be lag.
 */

import { limits } from '../limits.ts'
import type { Directory } from '../members/directory.ts'
import type { Buckets } from './buckets.ts'
import { equals } from './codec.ts'
import { readEnvelope, type Statement, signedBy } from './envelope.ts'
import type { LiveState } from './live.ts'
import { isManifest } from './vouchers.ts'
import type { Windows } from './windows.ts'

export type Way = 'gossip' | 'sync'

export type Reason =
  | 'size'
  | 'encoding'
  | 'mesh'
  | 'expired'
  | 'lifetime'
  | 'future'
  | 'stale'
  | 'unknown-author'
  | 'author'
  | 'own-key'
  | 'duplicate'
  | 'superseded'
  | 'equivocation'
  | 'rate'
  | 'signature'
  | 'capped'
  | 'pending'

export type Verdict =
  | { result: 'accept'; statement: Statement; vouched: boolean; equivocation: boolean }
  | { result: 'ignore' | 'reject'; reason: Reason; statement?: Statement }

export interface Court {
  meshId: Uint8Array
  now(): number
  directory: Directory
  windows: Windows
  buckets: Buckets
  live: LiveState
  /** Does a statement stand under the number of this one, that this one is preferred to? */
  replaces(statement: Statement): boolean
  /** Has its author signed a manifest that vouches for it? */
  vouched(statement: Statement): boolean
  /** Does this host's own key speak elsewhere? True for a statement of ours that we have not made. */
  notMine(statement: Statement): boolean
  /** Asks `from` for the certificate of an author nobody has told us of; resolves either way. */
  seek(author: string, from: string): Promise<void>
}

/** `from` is the peer that handed the bytes over. The state is not touched: the caller takes an accepted statement in at once. */
export async function judge(court: Court, data: Uint8Array, way: Way, from: string): Promise<Verdict> {
  if (data.length > limits.envelopeBytes) return { result: 'reject', reason: 'size' }
  let statement: Statement
  try {
    statement = readEnvelope(data)
  } catch {
    return { result: 'reject', reason: 'encoding' }
  }
  if (statement.kind === 'manifest' && !isManifest(statement)) return { result: 'reject', reason: 'encoding' }
  const { author, ts, expires } = statement
  const ignore = (reason: Reason): Verdict => ({ result: 'ignore', reason, statement })
  if (!equals(statement.meshId, court.meshId)) return { result: 'reject', reason: 'mesh' }

  const now = court.now()
  if (expires <= now) return ignore('expired')
  if (expires <= ts || expires - ts > limits.maxLifetime) return ignore('lifetime')
  if (ts > now + limits.maxFuture) return ignore('future')
  if (way === 'gossip' && ts < now - limits.maxAge) return ignore('stale')

  // The only step that waits; all that follows happens in one turn.
  if (court.directory.get(author) === undefined && way === 'gossip') await court.seek(author, from)
  const entry = court.directory.get(author)
  if (entry === undefined) return ignore('unknown-author')
  if (court.directory.objection(entry, now) !== undefined) return ignore('author')

  const standing = court.windows.standing(statement)
  if (standing === 'duplicate') return ignore('duplicate')
  if (standing === 'old' && way === 'gossip') return ignore('stale')
  const change = court.live.weigh(statement)
  if (change === 'duplicate') return ignore('duplicate')
  if (change === 'superseded' && standing !== 'equivocation') return ignore('superseded')
  if (way === 'gossip' && standing === 'new' && !court.buckets.allows(author, statement.kind, now))
    return ignore('rate')

  const vouched = way === 'sync' && standing !== 'equivocation' && court.vouched(statement)
  if (!vouched && !signedBy(statement, entry.certificate.publicKey))
    return { result: 'reject', reason: 'signature', statement }
  if (court.notMine(statement)) return ignore('own-key')
  // Two statements under one number: a proof only now that the second is signed too. The one that every host prefers stands.
  if (standing === 'equivocation' && (change === 'superseded' || !court.replaces(statement)))
    return ignore('equivocation')
  if (way === 'gossip') court.buckets.take(author, statement.kind, now)
  court.windows.note(statement)
  return { result: 'accept', statement, vouched, equivocation: standing === 'equivocation' }
}
