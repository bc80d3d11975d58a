/** Canonical CBOR (RFC 8949 section 4.2) and signatures over it. */
import { hash } from 'node:crypto'
import { encode as cborEncode, rfc8949EncodeOptions } from 'cborg'
import { compare } from 'uint8arrays/compare'
import { concat } from 'uint8arrays/concat'
import { equals } from 'uint8arrays/equals'
import { fromString } from 'uint8arrays/from-string'
import { toString as text } from 'uint8arrays/to-string'
import { type Signer, verifySignature } from '../identity/keys.ts'
import { decodeCanonical } from './canonical.ts'

export { compare, concat, equals, fromString, text }

export const encode = (value: unknown): Uint8Array => cborEncode(value, rfc8949EncodeOptions)

/** Bytes that are not the one canonical encoding of their value throw: a signed thing has one spelling. */
export const decode = (bytes: Uint8Array): unknown => decodeCanonical(bytes)

/** The same, for who keeps `bytes` themselves as long as the value: byte strings in it are parts of them. */
export const decodeInPlace = (bytes: Uint8Array): unknown => decodeCanonical(bytes, true)

export const sha256 = (bytes: Uint8Array): Uint8Array => new Uint8Array(hash('sha256', bytes, 'buffer'))

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

const sigHead = new Uint8Array([0x63, 0x73, 0x69, 0x67, 0x58, 0x40])

/**
 * Does the signature hold? What was signed is the same map without `sig`: it is cut out of the bytes, which are canonical, rather
 * than encoded again. Were the same 70 bytes to stand earlier, the wrong ones would be cut out and the signature not hold.
 */
export function sealed(type: string, bytes: Uint8Array, sig: Uint8Array, publicKey: Uint8Array): boolean {
  const pair = concat([sigHead, sig])
  const at = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).indexOf(pair)
  // A map of at most 23 pairs has its count in its first byte.
  const head = bytes[0] as number
  if (at < 1 || head < 0xa1 || head > 0xb7) return false
  const unsigned = concat([
    new Uint8Array([head - 1]),
    bytes.subarray(1, at),
    bytes.subarray(at + pair.length),
  ])
  return verifySignature(publicKey, message(type, unsigned), sig)
}
