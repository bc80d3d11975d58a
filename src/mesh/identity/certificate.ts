/**
 * Who is a member. The root key signs an issuer certificate, the issuer signs member certificates; both travel together as
 * a *credential*, so that a member can be verified by whoever knows the root, with nobody's help.
 */
import { z } from 'zod'
import { because, MeshError } from '../errors.ts'
import { limits } from '../limits.ts'
import { decode, encode, equals, hex, seal, sealed, sha256, unseal } from '../records/codec.ts'
import { publicKeyOf, type Signer } from './keys.ts'

export const meshIdOf = (root: Uint8Array): Uint8Array => sha256(root).slice(0, 16)

export const bytes = (length: number) =>
  z.custom<Uint8Array>((value) => value instanceof Uint8Array && value.length === length)
export const someBytes = (atMost: number) =>
  z.custom<Uint8Array>((value) => value instanceof Uint8Array && value.length <= atMost)
export const time = z.int().nonnegative()
export const hostName = z.string().regex(/^[A-Za-z0-9]([A-Za-z0-9._-]{0,62}[A-Za-z0-9])?$/)

/** A class's name, as the config's tags are. */
export const hostTags = z.array(z.string().regex(/^[A-Za-z0-9_]{1,64}$/)).max(16)

export const capabilities = ['invite', 'revoke', 'keys'] as const
export type Capability = (typeof capabilities)[number]

const issuerFields = z.strictObject({
  v: z.literal(1),
  meshId: bytes(16),
  issuer: bytes(32),
  can: z.array(z.enum(capabilities)).max(8),
  notBefore: time,
  notAfter: time,
})
export type IssuerCertificate = z.infer<typeof issuerFields>

const memberFields = z.strictObject({
  v: z.literal(1),
  meshId: bytes(16),
  peer: z.string().max(80),
  name: hostName,
  tags: hostTags,
  role: z.enum(['member', 'observer', 'admin']),
  notBefore: time,
  notAfter: time,
  serial: bytes(16),
  issuer: bytes(32),
})
type MemberFields = z.infer<typeof memberFields>

/** A verified member certificate. `serial` in hex. */
export interface Certificate extends Omit<MemberFields, 'serial'> {
  serial: string
  publicKey: Uint8Array
  credential: Uint8Array
}

const credentialFields = z.strictObject({ member: someBytes(2048), issuer: someBytes(1024) })

export const makeIssuerCertificate = (
  root: Signer,
  fields: { issuer: Uint8Array; can: Capability[]; notBefore: number; notAfter: number },
): Uint8Array => seal('issuer', { v: 1, meshId: meshIdOf(root.publicKey), ...fields }, root)

/** Throws MeshError 'bad-certificate'. */
export function openIssuerCertificate(sealedBytes: Uint8Array, root: Uint8Array): IssuerCertificate {
  const { fields, sig } = reading('issuer certificate', () => unseal(sealedBytes))
  const certificate = reading('issuer certificate', () => issuerFields.parse(fields))
  if (!sealed('issuer', sealedBytes, sig, root) || !equals(certificate.meshId, meshIdOf(root)))
    throw new MeshError(
      'bad-certificate',
      'the issuer certificate is not signed by the root key of this mesh',
    )
  return certificate
}

/** A credential for `fields.peer`, signed by `issuer`, whose certificate it carries. */
export function makeCredential(
  issuer: { signer: Signer; certificate: Uint8Array },
  fields: Omit<MemberFields, 'v' | 'issuer'>,
): Uint8Array {
  const member = seal('member', { v: 1, ...fields, issuer: issuer.signer.publicKey }, issuer.signer)
  return encode({ member, issuer: issuer.certificate })
}

/**
 * Verifies the chain root, issuer, member. Dates are the caller's to check (`inForce`): a statement of a member whose
 * certificate has run out since is still that member's.
 */
export function openCredential(credential: Uint8Array, root: Uint8Array): Certificate {
  const what = 'member certificate'
  const parts = reading(what, () => credentialFields.parse(decode(credential)))
  const issuer = openIssuerCertificate(parts.issuer, root)
  const { fields, sig } = reading(what, () => unseal(parts.member))
  const member = reading(what, () => memberFields.parse(fields))
  const refuse = (why: string) =>
    new MeshError('bad-certificate', `the certificate of ${member.name}: ${why}`)
  if (!equals(member.meshId, issuer.meshId)) throw refuse('it belongs to another mesh')
  if (!equals(member.issuer, issuer.issuer))
    throw refuse('the issuer certificate beside it is not its issuer’s')
  if (!issuer.can.includes('invite')) throw refuse('its issuer may not certify hosts')
  if (member.notBefore > issuer.notAfter + limits.maxFuture)
    throw refuse('its issuer had run out before it was made')
  if (!sealed('member', parts.member, sig, issuer.issuer)) throw refuse('the signature does not hold')
  const publicKey = reading(what, () => publicKeyOf(member.peer))
  return { ...member, serial: hex(member.serial), publicKey, credential }
}

/** Why a certificate does not hold at `now`, or nothing. */
export function inForce(certificate: Certificate, now: number): string | undefined {
  if (now + limits.maxFuture < certificate.notBefore)
    return `certificate of ${certificate.name} is not valid yet`
  if (now > certificate.notAfter) return `certificate of ${certificate.name} has expired`
  return undefined
}

function reading<T>(what: string, read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (error instanceof MeshError) throw error
    throw new MeshError('bad-certificate', `the ${what} cannot be read: ${because(error).split('\n')[0]}`)
  }
}
