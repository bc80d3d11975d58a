/** What a host is in its mesh, and the files that say so (docs/reference/mesh.md, Files). */
import { randomBytes } from 'node:crypto'
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { AdminLog, adminEntries } from '../administration/adminlog.ts'
import { because, MeshError } from '../errors.ts'
import { limits } from '../limits.ts'
import { type KnownMember, knownMembers } from '../members/directory.ts'
import { decode, encode, equals, hex } from '../records/codec.ts'
import { type RingKey, ringKey } from '../transport/protector.ts'
import { bytes, type Certificate, hostName, meshIdOf, openCredential } from './certificate.ts'
import { type Signer, signerFrom } from './keys.ts'

export const files = {
  /** Written last: without it there is no mesh here, whatever else lies in the folder. */
  marker: 'mesh.cbor',
  root: 'root.key',
  issuer: 'issuer.key',
  issuerCertificate: 'issuer.cert',
  enrol: 'enrol.key',
  node: 'node.key',
  credential: 'member.cert',
  ring: 'ring.cbor',
  admin: 'admin.cbor',
  members: 'members.cbor',
  /** Of a host that waits to be let in; gone when it is. */
  applicant: 'applicant.key',
} as const

export interface Identity {
  folder: string
  /** Hex of `meshId`. */
  id: string
  meshId: Uint8Array
  root: Uint8Array
  peer: string
  name: string
  node: Signer
  certificate: Certificate
  /** Keys held; the admin log says what each is good for (ring.ts). */
  ring: RingKey[]
  admin: AdminLog
  /** The directory as it was at joining: the first addresses to dial. */
  seed: KnownMember[]
  /** On a host that may invite. */
  issuer?: { signer: Signer; certificate: Uint8Array; enrol: Signer }
}

const marker = z.strictObject({ v: z.literal(1), root: bytes(32), name: hostName })
/** Those in force and those that only recover. */
const ring = z
  .array(bytes(32))
  .min(1)
  .max(4 * limits.ringKeys)

export const hasMesh = (folder: string): boolean => existsSync(join(folder, files.marker))

/** Replaces a file as a whole, 0600, on the disk when it returns. */
export function writeFile(folder: string, name: string, content: Uint8Array): void {
  const temporary = join(folder, `.${name}.${randomBytes(4).toString('hex')}`)
  const fd = openSync(temporary, 'wx', 0o600)
  try {
    for (let at = 0; at < content.length; ) at += writeSync(fd, content, at)
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
  renameSync(temporary, join(folder, name))
}

export interface NewIdentity {
  root: Uint8Array
  name: string
  node: Signer
  credential: Uint8Array
  ring: Uint8Array[]
  admin: Uint8Array[]
  members: KnownMember[]
  /** As `sealRootKey` gives it. */
  rootKey?: Uint8Array
  issuer?: { signer: Signer; certificate: Uint8Array; enrol: Signer }
}

/** Nothing counts until the marker is there, so a crash before leaves no mesh and after it a whole one. */
export function writeIdentity(folder: string, identity: NewIdentity): void {
  refuseSecond(folder)
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const { rootKey, issuer } = identity
  if (rootKey !== undefined) writeFile(folder, files.root, rootKey)
  if (issuer !== undefined) {
    writeFile(folder, files.issuer, issuer.signer.raw)
    writeFile(folder, files.issuerCertificate, issuer.certificate)
    writeFile(folder, files.enrol, issuer.enrol.raw)
  }
  writeFile(folder, files.node, identity.node.raw)
  writeFile(folder, files.credential, identity.credential)
  writeFile(folder, files.ring, encode(identity.ring))
  writeFile(folder, files.admin, encode(identity.admin))
  writeFile(folder, files.members, encode(identity.members))
  writeFile(folder, files.marker, encode({ v: 1, root: identity.root, name: identity.name }))
  const fd = openSync(folder, 'r')
  fsyncSync(fd)
  closeSync(fd)
}

/** The key with which this host waits to be let in, if it does. */
export function applicant(folder: string): Signer | undefined {
  try {
    return signerFrom(new Uint8Array(readFileSync(join(folder, files.applicant))))
  } catch {
    return undefined
  }
}

export function keepApplicant(folder: string, node: Signer): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  writeFile(folder, files.applicant, node.raw)
}

export const forgetApplicant = (folder: string): void =>
  rmSync(join(folder, files.applicant), { force: true })

/** Throws MeshError 'already' where the folder holds a mesh, or a root key, which nothing may overwrite. */
export function refuseSecond(folder: string): void {
  if (hasMesh(folder)) {
    const { id, name } = readIdentity(folder)
    throw new MeshError(
      'already',
      `${folder} holds mesh ${id} already, this host being ${name}; leave it first (lymph mesh leave), or use another --state`,
    )
  }
  if (existsSync(join(folder, files.root)))
    throw new MeshError(
      'already',
      `${join(folder, files.root)} is the root key of a mesh; move it to a safe place before this host joins or founds one`,
    )
}

/** Throws MeshError: 'no-mesh' where there is none, 'damaged' where a file does not hold. */
export function readIdentity(folder: string): Identity {
  if (!hasMesh(folder))
    throw new MeshError(
      'no-mesh',
      `this host is in no mesh (${folder}); found one with lymph mesh init, or enter one with lymph mesh join`,
    )
  const read = <T>(name: string, parse: (content: Uint8Array) => T): T => {
    try {
      return parse(new Uint8Array(readFileSync(join(folder, name))))
    } catch (error) {
      const why = because(error).split('\n')[0]
      throw new MeshError('damaged', `${join(folder, name)} cannot be used: ${why}; restore it, or join anew`)
    }
  }
  const { root, name } = read(files.marker, (content) => marker.parse(decode(content)))
  const node = read(files.node, signerFrom)
  const certificate = read(files.credential, (content) => openCredential(content, root))
  if (!equals(certificate.publicKey, node.publicKey))
    throw new MeshError('damaged', `${folder}: ${files.credential} is not the certificate of ${files.node}`)
  const meshId = meshIdOf(root)
  const identity: Identity = {
    folder,
    id: hex(meshId),
    meshId,
    root,
    peer: certificate.peer,
    name,
    node,
    certificate,
    ring: read(files.ring, (content) => ring.parse(decode(content)).map(ringKey)),
    admin: read(files.admin, (content) => new AdminLog(root, adminEntries.parse(decode(content)))),
    seed: read(files.members, (content) => knownMembers.parse(decode(content))),
  }
  if (existsSync(join(folder, files.issuer)))
    identity.issuer = {
      signer: read(files.issuer, signerFrom),
      certificate: read(files.issuerCertificate, (content) => content),
      enrol: read(files.enrol, signerFrom),
    }
  return identity
}

/** A renewed certificate of this host. Throws MeshError 'bad-certificate'; on the disk when it returns. */
export function writeCredential(identity: Identity, credential: Uint8Array): void {
  const certificate = openCredential(credential, identity.root)
  if (certificate.peer !== identity.peer)
    throw new MeshError(
      'bad-certificate',
      `the renewed certificate is of ${certificate.name}, not of this host`,
    )
  writeFile(identity.folder, files.credential, credential)
  identity.certificate = certificate
}

/** A renewed issuer certificate. */
export function writeIssuer(identity: Identity, certificate: Uint8Array): void {
  if (identity.issuer === undefined) throw new MeshError('no-issuer', `${identity.name} holds no issuer key`)
  writeFile(identity.folder, files.issuerCertificate, certificate)
  identity.issuer.certificate = certificate
}

export function writeRing(identity: Identity, ring: RingKey[]): void {
  writeFile(identity.folder, files.ring, encode(ring.map(({ key }) => key)))
  identity.ring = ring
}

export const readRootFile = (folder: string): Uint8Array => {
  try {
    return new Uint8Array(readFileSync(join(folder, files.root)))
  } catch {
    throw new MeshError(
      'no-issuer',
      `${join(folder, files.root)} is not here; the root key is needed for this: bring it back from where it was put`,
    )
  }
}

export const writeAdminLog = (identity: Identity): void =>
  writeFile(identity.folder, files.admin, encode(identity.admin.entries()))

/** Puts every file of the mesh aside into `left-<ms>`; deletes nothing, the root key least of all. */
export function putAside(folder: string, now: number): string {
  const aside = join(folder, `left-${now}`)
  mkdirSync(aside, { mode: 0o700 })
  // The marker goes first: from then on there is no mesh here, however far the rest gets.
  renameSync(join(folder, files.marker), join(aside, files.marker))
  const known: string[] = Object.values(files)
  for (const name of readdirSync(folder))
    if (known.includes(name)) renameSync(join(folder, name), join(aside, name))
  return aside
}
