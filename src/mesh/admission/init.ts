/** `mesh init`: a new mesh, with this host as its first member and its issuer. */
import { randomBytes } from 'node:crypto'
import { AdminLog } from '../administration/adminlog.ts'
import { MeshError } from '../errors.ts'
import {
  capabilities,
  hostName,
  hostTags,
  makeCredential,
  makeIssuerCertificate,
  meshIdOf,
} from '../identity/certificate.ts'
import { refuseSecond, writeIdentity } from '../identity/identity.ts'
import { newSigner, peerOf } from '../identity/keys.ts'
import { newPassphrase, sealRootKey } from '../identity/rootkey.ts'
import { limits } from '../limits.ts'
import { hex } from '../records/codec.ts'
import { ringKey } from '../transport/protector.ts'

export interface InitOptions {
  /** The mesh folder of the state; made where it is missing. */
  folder: string
  name: string
  now: number
}

export interface Founded {
  id: string
  peer: string
  name: string
  /** Opens the root key's file; kept nowhere. Needed to renew the issuer's certificate, once a year. */
  passphrase: string
}

/** Throws MeshError 'bad-name' or 'already'. Root and issuer are two keys, so that the root key can be moved offline. */
export async function initMesh({ folder, name, now }: InitOptions): Promise<Founded> {
  checkName(name)
  refuseSecond(folder)
  const root = newSigner()
  const node = newSigner()
  const peer = peerOf(node.publicKey)
  const meshId = meshIdOf(root.publicKey)
  const signer = newSigner()
  const certificate = makeIssuerCertificate(root, {
    issuer: signer.publicKey,
    can: [...capabilities],
    notBefore: now,
    notAfter: now + limits.issuerLifetime,
  })
  const issuer = { signer, certificate, enrol: newSigner() }
  const credential = makeCredential(issuer, {
    meshId,
    peer,
    name,
    tags: [],
    role: 'admin',
    notBefore: now,
    notAfter: now + limits.memberLifetime,
    serial: new Uint8Array(randomBytes(16)),
  })
  const psk = new Uint8Array(randomBytes(32))
  const { id: key } = ringKey(psk)
  const log = new AdminLog(root.publicKey)
  log.append(log.make({ op: 'issuer', certificate }, root, now))
  log.append(log.make({ op: 'psk', act: 'install', key }, signer, now))
  log.append(log.make({ op: 'psk', act: 'use', key }, signer, now))
  const passphrase = newPassphrase()
  writeIdentity(folder, {
    root: root.publicKey,
    name,
    node,
    credential,
    ring: [psk],
    admin: log.entries(),
    members: [],
    rootKey: sealRootKey(root, passphrase),
    issuer,
  })
  return { id: hex(meshId), peer, name, passphrase }
}

export function checkName(name: string): void {
  if (!hostName.safeParse(name).success)
    throw new MeshError(
      'bad-name',
      `"${name}" cannot be a host's name in a mesh: letters, digits, dots and dashes, at most 64; give another with --host`,
    )
}

/** Throws MeshError 'bad-name'. */
export function checkTags(tags: readonly string[]): void {
  if (!hostTags.safeParse(tags).success)
    throw new MeshError(
      'bad-name',
      `"${tags.join('", "')}" cannot be a host's tags: letters, digits and _, at most 64 each, 16 of them; give others with --tag`,
    )
}
