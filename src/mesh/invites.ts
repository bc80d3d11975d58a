/**
 * Invites, and the host that honours them: a second libp2p host on a port of its own, alive only while an invite has not run
 * out. A used invite is kept until then, to be able to say "used". Secrets and port survive a restart, so a token keeps working.
 */
import { randomBytes } from 'node:crypto'
import type { Connection, Libp2p, Stream } from '@libp2p/interface'
import { z } from 'zod'
import type { KeyValue } from '#store'
import { bytes, hostName, makeCredential, openIssuerCertificate, someBytes, time } from './certificate.ts'
import { decode, encode, hex } from './codec.ts'
import type { Directory, Entry, KnownMember } from './directory.ts'
import { type challenge, enrolKey, proof, proves, type Refusal, request, type Welcome } from './enrol.ts'
import { because, MeshError } from './errors.ts'
import { createEnrolHost, onMemory, reachable, startHost } from './host.ts'
import type { Identity } from './identity.ts'
import { checkName } from './init.ts'
import { peerOf } from './keys.ts'
import { limits, protocols } from './limits.ts'
import { converse } from './streams.ts'
import { encodeToken } from './token.ts'

const invite = z.strictObject({
  id: bytes(8),
  secret: bytes(32),
  expires: time,
  name: hostName.nullable(),
  usedBy: z.string().nullable(),
  credential: someBytes(4096).nullable(),
})
type Invite = z.infer<typeof invite>

export interface InviteOptions {
  identity: Identity
  directory: Directory
  store: KeyValue
  /** Where to listen, port 0 for any. */
  listen: string[]
  now(): number
  /** A host has been let in. */
  learnt(entry: Entry): void
  log: { info(message: string): void; warn(message: string): void }
}

export class Invites {
  readonly #options: InviteOptions
  readonly #invites = new Map<string, Invite>()
  #host: Libp2p | undefined
  #starting: Promise<Libp2p> | undefined
  /** One enrolment at a time: burning an invite and storing the certificate must not be overtaken. */
  #turn: Promise<unknown> = Promise.resolve()

  constructor(options: InviteOptions) {
    this.#options = options
  }

  async start(): Promise<void> {
    for await (const [key, value] of this.#options.store.list({ prefix: 'invite/' }))
      try {
        this.#invites.set(key, invite.parse(decode(value)))
      } catch {
        await this.#options.store.del(key)
      }
    await this.sweep()
    if (this.#invites.size > 0) await this.#listening()
  }

  async stop(): Promise<void> {
    await this.#starting?.catch(() => undefined)
    await this.#host?.stop()
    this.#host = undefined
  }

  get outstanding(): number {
    return [...this.#invites.values()].filter((one) => one.usedBy === null).length
  }

  /** Throws MeshError 'no-issuer', 'bad-name', 'too-large'. */
  async make(options: { name?: string; ttlMs?: number }): Promise<{ token: string; expires: number }> {
    const { identity, now, store } = this.#options
    if (identity.issuer === undefined)
      throw new MeshError(
        'no-issuer',
        `${identity.name} holds no issuer key; run lymph mesh invite on the host that founded the mesh`,
      )
    if (openIssuerCertificate(identity.issuer.certificate, identity.root).notAfter < now())
      throw new MeshError(
        'no-issuer',
        'the issuer certificate of this mesh has run out; it has to be renewed with the root key before hosts can be let in',
      )
    if (options.name !== undefined) checkName(options.name)
    await this.sweep()
    if (this.#invites.size >= limits.invites)
      throw new MeshError('too-large', `${limits.invites} invites are out; wait for some to run out`)
    const host = await this.#listening()
    const ttl = Math.min(Math.max(options.ttlMs ?? limits.inviteLifetime, 1), limits.maxInviteLifetime)
    const made: Invite = {
      id: new Uint8Array(randomBytes(8)),
      secret: new Uint8Array(randomBytes(32)),
      expires: Math.round(now() + ttl),
      name: options.name ?? null,
      usedBy: null,
      credential: null,
    }
    const key = keyOf(made.id)
    await store.batch([{ type: 'put', key, value: encode(made) }], { sync: true })
    this.#invites.set(key, made)
    const token = encodeToken({
      root: identity.root,
      addresses: reachable(host, limits.tokenAddresses),
      peer: host.peerId.toString(),
      invite: made.id,
      secret: made.secret,
      expires: made.expires,
      ...(options.name === undefined ? {} : { name: options.name }),
    })
    return { token, expires: made.expires }
  }

  /** Drops what has run out, and closes the port when nothing is left. */
  async sweep(): Promise<void> {
    const { store, now } = this.#options
    for (const [key, one] of this.#invites)
      if (now() > one.expires + limits.maxFuture) {
        this.#invites.delete(key)
        await store.del(key)
      }
    if (this.#invites.size === 0 && this.#host !== undefined && this.#starting === undefined)
      await this.stop()
  }

  async #listening(): Promise<Libp2p> {
    if (this.#host !== undefined) return this.#host
    this.#starting ??= this.#listen().finally(() => {
      this.#starting = undefined
    })
    return this.#starting
  }

  async #listen(): Promise<Libp2p> {
    const { store, listen, log } = this.#options
    const kept = await store.get('enrol/listen')
    const before = kept === undefined ? [] : z.array(z.string()).parse(decode(kept))
    let host: Libp2p
    try {
      host = await this.#open(before.length > 0 ? before : listen)
    } catch (error) {
      if (before.length === 0) throw error
      log.warn(
        `the port of earlier invites is taken (${because(error)}); they are void, make new ones (lymph mesh invite)`,
      )
      host = await this.#open(listen)
    }
    this.#host = host
    const bound = listen.map((address) => fixPort(address, host))
    await store.batch([{ type: 'put', key: 'enrol/listen', value: encode(bound) }], { sync: true })
    return host
  }

  async #open(listen: string[]): Promise<Libp2p> {
    const { identity } = this.#options
    const key = identity.issuer?.enrol
    if (key === undefined) throw new MeshError('no-issuer', 'this host holds no issuer key')
    const ring = () => [...this.#invites.values()].map((one) => enrolKey(one.secret))
    const host = await createEnrolHost({
      key,
      meshId: identity.meshId,
      listen,
      memory: onMemory(listen),
      ring,
    })
    await host.handle(protocols.enrol, (stream, connection) => this.#enrol(stream, connection))
    await startHost(host, listen)
    return host
  }

  async #enrol(stream: Stream, connection: Connection): Promise<void> {
    const talk = converse(stream, limits.enrolBytes, AbortSignal.timeout(10_000))
    const { identity, now, log } = this.#options
    const clock = () => Math.round(now())
    const joiner = connection.remotePeer.toString()
    try {
      const asked = await talk.read(request)
      const issuerNonce = new Uint8Array(randomBytes(32))
      const one = this.#invites.get(keyOf(asked.invite))
      const objection = this.#objection(one, asked, joiner)
      if (objection !== undefined || one === undefined) {
        await talk.write({ refused: objection ?? 'unknown', clock: clock() })
        throw new Error(`refused: ${objection}`)
      }
      await talk.write({ nonce: issuerNonce, clock: clock() } satisfies z.infer<typeof challenge>)
      const { mac } = await talk.read(proof)
      const issuer = peerOf(identity.issuer?.enrol.publicKey as Uint8Array)
      const parties = { joiner, issuer, joinerNonce: asked.nonce, issuerNonce }
      if (!proves(mac, one.secret, parties)) {
        await talk.write({ refused: 'proof', clock: clock() })
        throw new Error('the proof does not hold')
      }
      const settled = this.#turn.then(() => this.#burn(one, asked.name, joiner))
      this.#turn = settled.catch(() => undefined)
      const credential = await settled
      await talk.write(
        credential === undefined ? { refused: 'used', clock: clock() } : this.#welcome(credential),
      )
      await stream.close()
    } catch (error) {
      log.info(`enrolment of ${joiner}: ${because(error)}`)
      await stream.close().catch(() => stream.abort(new Error('refused')))
    }
  }

  #objection(one: Invite | undefined, asked: z.infer<typeof request>, joiner: string): Refusal | undefined {
    if (asked.v !== 1) return 'version'
    if (one === undefined) return 'unknown'
    if (one.usedBy !== null && one.usedBy !== joiner) return 'used'
    if (this.#options.now() > one.expires) return 'expired'
    return undefined
  }

  /** The invite is burnt and the certificate stored in one batch: neither is ever without the other. */
  async #burn(one: Invite, askedName: string, joiner: string): Promise<Uint8Array | undefined> {
    // The same host whose answer was lost gets the same certificate; any other comes too late.
    if (one.usedBy !== null) return one.usedBy === joiner ? (one.credential ?? undefined) : undefined
    const { identity, directory, store, now, learnt: told } = this.#options
    const issuer = identity.issuer
    if (issuer === undefined) throw new Error('no issuer key')
    const notBefore = Math.round(now())
    const credential = makeCredential(issuer, {
      meshId: identity.meshId,
      peer: joiner,
      name: one.name ?? this.#freeName(askedName),
      tags: [],
      role: 'member',
      notBefore,
      notAfter: notBefore + limits.memberLifetime,
      serial: new Uint8Array(randomBytes(16)),
    })
    const burnt = { ...one, usedBy: joiner, credential }
    const learnt = directory.learn({ credential, addresses: [] }, now())
    if (learnt === undefined) throw new Error('the directory of members is full')
    await store.batch(
      [
        { type: 'put', key: keyOf(one.id), value: encode(burnt) },
        { type: 'put', key: `member/${joiner}`, value: directory.save(learnt.entry) },
      ],
      { sync: true },
    )
    Object.assign(one, burnt)
    told(learnt.entry)
    return credential
  }

  /** Operators name hosts by name, so two members do not share one: web-7, web-7-2. */
  #freeName(wanted: string): string {
    const { directory, now } = this.#options
    const taken = new Set<string>()
    for (const entry of directory.entries())
      if (!['left', 'revoked'].includes(directory.state(entry, now()))) taken.add(entry.certificate.name)
    for (let i = 2, name = wanted; ; i++) {
      if (!taken.has(name)) return name
      name = `${wanted.slice(0, 58)}-${i}`
    }
  }

  #welcome(credential: Uint8Array): Welcome {
    const { identity, directory, now } = this.#options
    const members: KnownMember[] = []
    for (const entry of directory.entries())
      if (directory.objection(entry, now()) === undefined) members.push(directory.known(entry))
    const ring = identity.ring.map(({ key }) => key)
    return { root: identity.root, credential, ring, admin: identity.admin.entries(), members }
  }
}

const keyOf = (id: Uint8Array): string => `invite/${hex(id)}`

/** The address as it was asked for, with the port that was given. */
function fixPort(address: string, host: Libp2p): string {
  if (!address.endsWith('/tcp/0')) return address
  const family = address.split('/')[1]
  const port = host
    .getMultiaddrs()
    .map((bound) => bound.toString().split('/'))
    .find((parts) => parts[1] === family)?.[4]
  return port === undefined ? address : address.replace(/\/tcp\/0$/, `/tcp/${port}`)
}
