/**
 * Invites, and the host that honours them: a second libp2p host on a port of its own, alive only while an invite has not run
 * out. A used invite is kept until then, to be able to say "used". Secrets and port survive a restart, so a token keeps working.
 */
import { randomBytes } from 'node:crypto'
import type { Libp2p } from '@libp2p/interface'
import { z } from 'zod'
import type { KeyValue } from '#store'
import { because, MeshError } from '../errors.ts'
import { openIssuerCertificate } from '../identity/certificate.ts'
import type { Identity } from '../identity/identity.ts'
import { encodeToken } from '../identity/token.ts'
import type { Application } from '../interface.ts'
import { limits, protocols } from '../limits.ts'
import type { Directory, Entry } from '../members/directory.ts'
import { decode, encode } from '../records/codec.ts'
import { createEnrolHost, onMemory, reachable, startHost } from '../transport/host.ts'
import { enrolKey } from './enrol.ts'
import { Enrolment, type Invite, invite, keyOf } from './enrolment.ts'
import { checkName, checkTags } from './init.ts'

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
  readonly #enrolment: Enrolment

  constructor(options: InviteOptions) {
    this.#options = options
    this.#enrolment = new Enrolment({ ...options, find: (id) => this.#invites.get(keyOf(id)) })
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
  async make(options: {
    name?: string
    ttlMs?: number
    approve?: boolean
    tags?: readonly string[]
  }): Promise<{ token: string; expires: number }> {
    const { identity, now, store } = this.#options
    if (identity.issuer === undefined)
      throw new MeshError(
        'no-issuer',
        `${identity.name} holds no issuer key; run lymph mesh invite on the host that founded the mesh`,
      )
    if (openIssuerCertificate(identity.issuer.certificate, identity.root).notAfter < now())
      throw new MeshError(
        'no-issuer',
        'the issuer certificate of this mesh has run out; renew it with the root key before hosts can be let in (lymph mesh renew --issuer)',
      )
    if (options.name !== undefined) checkName(options.name)
    const tags = [...new Set(options.tags)]
    checkTags(tags)
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
      tags,
      usedBy: null,
      credential: null,
      approve: options.approve ?? false,
      approved: null,
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

  applications(): Application[] {
    return this.#enrolment.applications()
  }

  /** Says yes to a host that waits: its next try gets in. Throws MeshError 'no-application'. */
  approve(fingerprint: string): Promise<Application> {
    return this.#enrolment.approve(fingerprint)
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
    await host.handle(protocols.enrol, (stream, connection) => this.#enrolment.answer(stream, connection))
    await startHost(host, listen)
    return host
  }
}

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
