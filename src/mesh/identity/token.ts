/**
 * The invite as one line: "lymph1:" and base64url of canonical CBOR and the first 4 bytes of a SHA-256 over it. It carries
 * the pin of the root key and a secret for one use; the key of the mesh is not in it.
 */
import { multiaddr } from '@multiformats/multiaddr'
import { z } from 'zod'
import { MeshError } from '../errors.ts'
import { limits } from '../limits.ts'
import { concat, decode, encode, equals, fromString, sha256, text } from '../records/codec.ts'
import { bytes, hostName, someBytes, time } from './certificate.ts'
import { peerOf, publicKeyOf } from './keys.ts'

export interface Token {
  root: Uint8Array
  addresses: string[]
  /** PeerId of the enrolment host. */
  peer: string
  invite: Uint8Array
  secret: Uint8Array
  expires: number
  name?: string
}

const prefix = 'lymph1:'
const checkLength = 4

/** One letter a field: the line is carried by hand. */
const fields = z.strictObject({
  r: bytes(32),
  a: z.array(someBytes(limits.addressBytes)).min(1).max(limits.tokenAddresses),
  p: bytes(32),
  i: bytes(8),
  s: bytes(32),
  e: time,
  n: hostName.optional(),
})

const check = (body: Uint8Array) =>
  sha256(concat([fromString('lymph-token\0'), body])).subarray(0, checkLength)

export function encodeToken(token: Token): string {
  const body = encode({
    r: token.root,
    a: token.addresses.slice(0, limits.tokenAddresses).map((address) => multiaddr(address).bytes),
    p: publicKeyOf(token.peer),
    i: token.invite,
    s: token.secret,
    e: token.expires,
    ...(token.name === undefined ? {} : { n: token.name }),
  })
  return prefix + text(concat([body, check(body)]), 'base64url')
}

/** Throws MeshError 'bad-token'. Whether it has run out is the caller's to see. */
export function decodeToken(line: string): Token {
  const refuse = (why: string) =>
    new MeshError(
      'bad-token',
      `this is not a whole invite: ${why}; copy the line that lymph mesh invite printed`,
    )
  const trimmed = line.trim()
  const version = /^lymph(\d+):/.exec(trimmed)
  if (version === null) throw refuse('it does not begin with lymph1:')
  if (version[1] !== '1')
    throw new MeshError(
      'bad-token',
      `this invite has version ${version[1]}, which this lymph does not know; bring lymph up to date on this host`,
    )
  if (trimmed.length > 2048) throw refuse('it is too long')
  try {
    const whole = fromString(trimmed.slice(prefix.length), 'base64url')
    // base64 has spellings that differ in unused bits; one token has one spelling.
    if (text(whole, 'base64url') !== trimmed.slice(prefix.length)) throw new Error('not canonical')
    const body = whole.subarray(0, -checkLength)
    if (!equals(check(body), whole.subarray(-checkLength))) throw new Error('check')
    const read = fields.parse(decode(body))
    return {
      root: read.r,
      addresses: read.a.map((address) => multiaddr(address).toString()),
      peer: peerOf(read.p),
      invite: read.i,
      secret: read.s,
      expires: read.e,
      ...(read.n === undefined ? {} : { name: read.n }),
    }
  } catch {
    throw refuse('its check bytes do not fit, a character is missing or changed')
  }
}
