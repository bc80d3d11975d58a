/**
 * `/lymph/enrol/1`, what both sides say. The pre-shared key of the connection comes from the invite's secret, so only the two
 * that know it can talk at all; the MAC over both PeerIds and nonces binds the secret to this one connection.
 *   joiner: request    issuer: challenge | refusal    joiner: proof    issuer: welcome | refusal
 */
import { createHmac, hkdfSync, timingSafeEqual } from 'node:crypto'
import { z } from 'zod'
import { adminEntries } from '../administration/adminlog.ts'
import { bytes, hostName, someBytes, time } from '../identity/certificate.ts'
import { limits } from '../limits.ts'
import { knownMembers } from '../members/directory.ts'
import { concat, fromString, hex, sha256 } from '../records/codec.ts'
import { type RingKey, ringKey } from '../transport/protector.ts'

export const refusals = ['expired', 'used', 'unknown', 'proof', 'name', 'version', 'pending'] as const
export type Refusal = (typeof refusals)[number]
const refusal = z.object({ refused: z.enum(refusals), clock: time })

export const request = z.object({
  v: z.int(),
  invite: bytes(8),
  name: hostName,
  nonce: bytes(32),
  clock: time,
})
export const challenge = z.union([refusal, z.object({ nonce: bytes(32), clock: time })])
export const proof = z.object({ mac: bytes(32) })
export const welcome = z.union([
  refusal,
  z.object({
    root: bytes(32),
    credential: someBytes(4096),
    ring: z.array(bytes(32)).min(1).max(limits.ringKeys),
    admin: adminEntries,
    members: knownMembers,
  }),
])
export type Welcome = Exclude<z.infer<typeof welcome>, { refused: Refusal }>

export const enrolKey = (secret: Uint8Array): RingKey =>
  ringKey(new Uint8Array(hkdfSync('sha256', secret, new Uint8Array(), 'lymph-enrol-psk', 32)))

/** How an operator tells a host that waits from any other: 80 bits of its PeerId, in groups of four. */
export const fingerprintOf = (peer: string): string =>
  (hex(sha256(fromString(peer)).subarray(0, 10)).match(/.{4}/g) as string[]).join('-')

export interface Parties {
  joiner: string
  issuer: string
  joinerNonce: Uint8Array
  issuerNonce: Uint8Array
}

export function proofOf(secret: Uint8Array, parties: Parties): Uint8Array {
  const { joiner, issuer, joinerNonce, issuerNonce } = parties
  const said = concat([fromString(`lymph-enrol\0${joiner}\0${issuer}\0`), joinerNonce, issuerNonce])
  return new Uint8Array(createHmac('sha256', secret).update(said).digest())
}

export const proves = (mac: Uint8Array, secret: Uint8Array, parties: Parties): boolean =>
  timingSafeEqual(mac, proofOf(secret, parties))
