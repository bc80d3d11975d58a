/** Canonical CBOR (RFC 8949 section 4.2) and signatures over it. */
import { createHash } from 'node:crypto'
import { decode as cborDecode, encode as cborEncode, rfc8949EncodeOptions } from 'cborg'
import { compare } from 'uint8arrays/compare'
import { concat } from 'uint8arrays/concat'
import { equals } from 'uint8arrays/equals'
import { fromString } from 'uint8arrays/from-string'
import { toString as text } from 'uint8arrays/to-string'
import { type Signer, verifySignature } from './keys.ts'

export { compare, concat, equals, fromString, text }

export const encode = (value: unknown): Uint8Array => cborEncode(value, rfc8949EncodeOptions)

/** Bytes that are not the one canonical encoding of their value throw: a signed thing has one spelling. */
export function decode(bytes: Uint8Array): unknown {
  const value: unknown = cborDecode(bytes, {
    strict: true,
    allowIndefinite: false,
    allowUndefined: false,
    allowNaN: false,
    allowInfinity: false,
    rejectDuplicateMapKeys: true,
  })
  if (!equals(encode(value), bytes)) throw new Error('not canonical CBOR')
  return value
}

export const sha256 = (bytes: Uint8Array): Uint8Array =>
  new Uint8Array(createHash('sha256').update(bytes).digest())

export const hex = (bytes: Uint8Array): string => text(bytes, 'base16')

const message = (type: string, bytes: Uint8Array): Uint8Array =>
  concat([fromString(`lymph/v1/${type}\0`), bytes])

export type Fields = Record<string, unknown>

/** Canonical bytes of `fields` with `sig`, Ed25519 over "lymph/v1/<type>\0" and the bytes without it. */
export function seal(type: string, fields: Fields, signer: Signer): Uint8Array {
  return encode({ ...fields, sig: signer.sign(message(type, encode(fields))) })
}

/** Reads without verifying. Throws where the bytes are not a sealed thing. */
export function unseal(bytes: Uint8Array): { fields: Fields; sig: Uint8Array } {
  const value = decode(bytes)
  if (value === null || typeof value !== 'object' || Array.isArray(value) || value instanceof Uint8Array)
    throw new Error('not a map')
  const { sig, ...fields } = value as Fields
  if (!(sig instanceof Uint8Array) || sig.length !== 64) throw new Error('no signature')
  return { fields, sig }
}

export const sealed = (type: string, fields: Fields, sig: Uint8Array, publicKey: Uint8Array): boolean =>
  verifySignature(publicKey, message(type, encode(fields)), sig)
