/** A statement as it travels: canonical CBOR, signed by its author, whoever relays it. */
import { z } from 'zod'
import { because, MeshError } from '../errors.ts'
import { bytes, time } from '../identity/certificate.ts'
import type { Signer } from '../identity/keys.ts'
import type { RecordKind, RecordOperation } from '../interface.ts'
import { limits } from '../limits.ts'
import { decodeInPlace, equals, seal, sealed, sha256 } from './codec.ts'

const byteLength = (value: string) => Buffer.byteLength(value)

const envelopeFields = z.strictObject({
  v: z.literal(1),
  meshId: bytes(16),
  author: z.string().max(80),
  epoch: z.int().nonnegative(),
  seq: z.int().positive(),
  ts: time,
  expires: time,
  kind: z.enum(['semaphore', 'digest', 'inventory', 'alive', 'manifest']),
  key: z.string().refine((key) => byteLength(key) <= limits.keyBytes),
  op: z.enum(['raise', 'refresh', 'clear']),
  /** How much it matters, for the order in which a sync sends; absent is 0. */
  weight: z.int().min(1).max(9).optional(),
  body: z.unknown(),
  sig: bytes(64),
})

/** What travels in envelopes: records, and this room's own manifests (vouchers.ts). */
export type StatementKind = RecordKind | 'manifest'

/** An envelope that has been read, not yet believed. */
export interface Statement {
  meshId: Uint8Array
  author: string
  epoch: number
  seq: number
  ts: number
  expires: number
  kind: StatementKind
  key: string
  op: RecordOperation
  weight?: number | undefined
  body: unknown
  envelope: Uint8Array
  /** SHA-256 of the envelope. */
  hash: Uint8Array
  sig: Uint8Array
}

export type NewStatement = Omit<Statement, 'envelope' | 'hash' | 'sig'>

/** Throws MeshError 'too-large' where the envelope would exceed 8 KiB, 'bad-record' where CBOR cannot hold the body. */
export function makeEnvelope(statement: NewStatement, signer: Signer): Statement {
  const { weight, ...fields } = statement
  let envelope: Uint8Array
  try {
    envelope = seal(
      'record',
      { v: 1, ...fields, ...(weight ? { weight } : {}), body: statement.body ?? null },
      signer,
    )
  } catch (error) {
    throw new MeshError(
      'bad-record',
      `${statement.kind} ${statement.key} cannot be encoded: ${because(error)}`,
    )
  }
  if (envelope.length > limits.envelopeBytes || byteLength(statement.key) > limits.keyBytes)
    throw new MeshError(
      'too-large',
      `${statement.kind} ${statement.key} takes ${envelope.length} bytes; a record may have ${limits.envelopeBytes}, its key ${limits.keyBytes}`,
    )
  return readEnvelope(envelope)
}

/** Reads without believing; keeps `envelope`. Throws MeshError 'bad-record'. The caller has checked the size. */
export function readEnvelope(envelope: Uint8Array): Statement {
  try {
    const read = envelopeFields.parse(decodeInPlace(envelope))
    // One by one: copying "the rest" costs as much as reading it, and a late joiner does it 30 000 times.
    const { meshId, author, epoch, seq, ts, expires, kind, key, op, weight, body, sig } = read
    const hash = sha256(envelope)
    return { meshId, author, epoch, seq, ts, expires, kind, key, op, weight, body, envelope, hash, sig }
  } catch (error) {
    throw new MeshError('bad-record', `the record cannot be read: ${because(error).split('\n')[0]}`)
  }
}

export const signedBy = (statement: Statement, publicKey: Uint8Array): boolean =>
  sealed('record', statement.envelope, statement.sig, publicKey)

export const sameStatement = (a: Statement, b: Statement): boolean => equals(a.hash, b.hash)
