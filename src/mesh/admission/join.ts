/** `mesh join`: from one line to a member that has talked to a member. */
import { randomBytes } from 'node:crypto'
import type { Libp2p } from '@libp2p/interface'
import type { KeyValue } from '#store'
import { AdminLog } from '../administration/adminlog.ts'
import { because, MeshError } from '../errors.ts'
import { inForce, meshIdOf, openCredential } from '../identity/certificate.ts'
import {
  applicant,
  forgetApplicant,
  keepApplicant,
  refuseSecond,
  writeIdentity,
} from '../identity/identity.ts'
import { newSigner, peerOf, type Signer } from '../identity/keys.ts'
import { decodeToken, type Token } from '../identity/token.ts'
import type { Mesh } from '../interface.ts'
import { limits, protocols, type Timing } from '../limits.ts'
import { memoryStore } from '../memory-store.ts'
import { openNode } from '../open.ts'
import { equals, hex } from '../records/codec.ts'
import { checkAddresses, createEnrolHost, dial, onMemory, startHost } from '../transport/host.ts'
import { converse } from '../transport/streams.ts'
import * as enrol from './enrol.ts'
import { checkName } from './init.ts'

export interface JoinOptions {
  folder: string
  token: string
  name: string
  now: number
  /** Where this host will listen: looked at before the invite is spent. */
  listen?: string[]
  /** Keeps what the first sync brings; without it that comes again when the mesh is opened. */
  keyValue?: KeyValue
  version?: string
  timing?: Partial<Timing>
  /** Opens the mesh for good, where the caller goes on with it; without it the mesh is open for the greeting alone. */
  open?: () => Promise<Opened>
}

type Opened = Pick<Mesh, 'status' | 'members'>

export interface Joined {
  id: string
  peer: string
  name: string
  /** How many members the mesh has, this host included. */
  members: number
}

/** Failures after which the same invite may still let this host in. */
const comesBack = new Set<string>(['pending', 'unreachable', 'clock'])
const dialMs = 8000
const talkMs = 15_000
/** How long a joiner tries to be greeted by a member once it has its certificate. */
const greetMs = 15_000

/**
 * Resolves when a member has greeted this host as a member. Throws MeshError: 'bad-token', 'already', 'bad-name', 'expired',
 * 'used', 'wrong-mesh', 'unreachable', 'clock', 'bad-address', 'pending'. Of these only a late 'unreachable' leaves an identity behind, a whole one.
 */
export async function joinMesh(options: JoinOptions): Promise<Joined> {
  const token = decodeToken(options.token)
  checkName(options.name)
  checkAddresses(options.listen ?? [])
  refuseSecond(options.folder)
  const began = performance.now()
  const now = () => options.now + (performance.now() - began)
  const node = applicant(options.folder) ?? newSigner()
  // On the disk before it is shown: whoever dies here, or waits for an operator's word, comes back with the same key and gets in.
  keepApplicant(options.folder, node)
  const welcome = await enrolWith(token, node, options.name, now).catch((error) => {
    if (!(error instanceof MeshError && comesBack.has(error.code))) forgetApplicant(options.folder)
    throw error
  })
  const certificate = check(welcome, token, node, now())
  writeIdentity(options.folder, {
    root: token.root,
    name: certificate.name,
    node,
    credential: welcome.credential,
    ring: welcome.ring,
    admin: welcome.admin,
    members: welcome.members,
  })
  forgetApplicant(options.folder)
  const members =
    options.open === undefined ? await greetedOnce(options, now) : await greeted(await options.open())
  return { id: hex(meshIdOf(token.root)), peer: certificate.peer, name: certificate.name, members }
}

async function enrolWith(
  token: Token,
  node: Signer,
  name: string,
  now: () => number,
): Promise<enrol.Welcome> {
  const host = await createEnrolHost({
    key: node,
    meshId: meshIdOf(token.root),
    listen: [],
    memory: onMemory(token.addresses),
    ring: () => [enrol.enrolKey(token.secret)],
  })
  await startHost(host, [])
  try {
    return await talk(host, token, node, name, now)
  } finally {
    await host.stop()
  }
}

async function talk(
  host: Libp2p,
  token: Token,
  node: Signer,
  name: string,
  now: () => number,
): Promise<enrol.Welcome> {
  const ranOut = token.expires < now()
  const where = token.addresses.join(', ')
  const connection = await dial(host, token.peer, token.addresses, dialMs).catch((error) => {
    // By our clock alone one cannot tell an old invite from a wrong clock, so the issuer was asked; it is gone.
    if (ranOut) throw expired(token)
    throw unanswered(error, where)
  })
  try {
    const signal = AbortSignal.timeout(talkMs)
    const stream = await connection.newStream(protocols.enrol, { signal })
    const speak = converse(stream, limits.enrolBytes, signal)
    const joinerNonce = new Uint8Array(randomBytes(32))
    const sent = now()
    const asked = { v: 1, invite: token.invite, name, nonce: joinerNonce, clock: Math.round(sent) }
    await speak.write(asked)
    const answer = await speak.read(enrol.challenge)
    const skew = (sent + now()) / 2 - answer.clock
    if (Math.abs(skew) > limits.maxFuture) throw clockOff(skew)
    if ('refused' in answer) throw refused(answer.refused, token)
    if (ranOut) throw expired(token)
    const parties = {
      joiner: peerOf(node.publicKey),
      issuer: token.peer,
      joinerNonce,
      issuerNonce: answer.nonce,
    }
    await speak.write({ mac: enrol.proofOf(token.secret, parties) })
    const welcome = await speak.read(enrol.welcome)
    if ('refused' in welcome) throw refused(welcome.refused, token, parties.joiner)
    return welcome
  } catch (error) {
    if (error instanceof MeshError) throw error
    throw new MeshError(
      'unreachable',
      `the host that invited stopped answering at ${where} (${because(error)}); see that lymph runs there, then try again`,
      { cause: error },
    )
  }
}

/** The root pin: everything that came must be signed, in the end, by the root key the token names. */
function check(welcome: enrol.Welcome, token: Token, node: Signer, now: number) {
  try {
    if (!equals(welcome.root, token.root)) throw new Error('another root key')
    const certificate = openCredential(welcome.credential, token.root)
    if (!equals(certificate.publicKey, node.publicKey)) throw new Error('a certificate for another key')
    const objection = inForce(certificate, now)
    if (objection !== undefined) throw new Error(objection)
    new AdminLog(token.root, welcome.admin)
    for (const { credential } of welcome.members) openCredential(credential, token.root)
    return certificate
  } catch (error) {
    throw new MeshError(
      'wrong-mesh',
      `the host at ${token.addresses.join(', ')} does not speak for the mesh of this invite (${because(error)}); do not trust it, and ask for a new invite`,
    )
  }
}

/** `dial` succeeding proves nothing: the join has ended when a member has said welcome. */
async function greeted(mesh: Opened): Promise<number> {
  const until = performance.now() + greetMs
  while (mesh.status().connected === 0) {
    if (performance.now() > until) {
      const tried = mesh.members().flatMap((member) => member.addresses)
      throw new MeshError(
        'unreachable',
        `this host is enrolled, but no member greeted it at ${tried.join(', ')}: a firewall, or none is running; lymph up goes on trying`,
      )
    }
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  return mesh.status().members
}

async function greetedOnce(options: JoinOptions, now: () => number): Promise<number> {
  const { folder, timing } = options
  const node = await openNode({
    folder,
    listen: [],
    keyValue: options.keyValue ?? memoryStore(),
    version: options.version ?? '',
    log: { info: () => undefined, warn: () => undefined },
    now,
    quiet: true,
    timing: { ...timing, backoffMin: 200, backoffRecent: 1000, backoffMax: 1000, dialTick: 50 },
  })
  try {
    return await greeted(node)
  } finally {
    await node.stop()
  }
}

const expired = (token: Token) =>
  new MeshError(
    'expired',
    `this invite ran out at ${new Date(token.expires).toISOString()}; ask for a new one (lymph mesh invite)`,
  )

function clockOff(skew: number): MeshError {
  const seconds = Math.round(Math.abs(skew) / 1000)
  const off =
    seconds < 120
      ? `${seconds} s`
      : seconds < 7200
        ? `${Math.round(seconds / 60)} min`
        : `${Math.round(seconds / 3600)} h`
  return new MeshError(
    'clock',
    `this host's clock is ${off} ${skew > 0 ? 'ahead of' : 'behind'} that of the mesh, 2 min are allowed; set it (timedatectl set-ntp true), then join again`,
  )
}

function refused(why: enrol.Refusal, token: Token, joiner = ''): MeshError {
  switch (why) {
    case 'pending':
      return new MeshError(
        'pending',
        `this host waits for an operator's word: on the host that invited, run lymph mesh approve ${enrol.fingerprintOf(joiner)}, then join again here`,
      )
    case 'expired':
      return expired(token)
    case 'used':
      return new MeshError(
        'used',
        'this invite has been used by another host; each lets one host in, ask for a new one (lymph mesh invite)',
      )
    case 'version':
      return new MeshError(
        'bad-token',
        'the host that invited speaks another version of lymph; bring both up to date',
      )
    default:
      return new MeshError(
        'wrong-mesh',
        `the host that answered does not know this invite (${why}); ask for a new one (lymph mesh invite)`,
      )
  }
}

const nobodyThere =
  /ECONNREFUSED|EHOSTUNREACH|ENETUNREACH|EHOSTDOWN|ETIMEDOUT|ENOTFOUND|timed? ?out|No memory listener|aborted due to timeout/i

function unanswered(error: unknown, where: string): MeshError {
  const reasons = error instanceof AggregateError ? error.errors.map(because) : [because(error)]
  // One address where something else answers says more than another where nobody does.
  const strange = reasons.filter((reason) => !nobodyThere.test(reason))
  if (strange.length === 0)
    return new MeshError(
      'unreachable',
      `no host answers at ${where} (${reasons[0]}); see that lymph runs on the host that invited, and that a firewall lets its port through`,
      { cause: error },
    )
  return new MeshError(
    'wrong-mesh',
    `whoever answers at ${where} is not the mesh of this invite (${strange[0]}); check the address, or ask for a new invite`,
    { cause: error },
  )
}
