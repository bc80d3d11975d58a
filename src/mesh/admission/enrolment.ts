/** The issuer's side of `/lymph/enrol/1`: one invite, one host, one certificate; and the hosts that wait for an operator's word. */
import { randomBytes } from 'node:crypto'
import type { Connection, Stream } from '@libp2p/interface'
import { z } from 'zod'
import type { KeyValue } from '#store'
import { because, MeshError } from '../errors.ts'
import { bytes, hostName, hostTags, makeCredential, someBytes, time } from '../identity/certificate.ts'
import type { Identity } from '../identity/identity.ts'
import { peerOf } from '../identity/keys.ts'
import { inForce } from '../identity/ring.ts'
import type { Application } from '../interface.ts'
import { limits } from '../limits.ts'
import type { Directory, Entry, KnownMember } from '../members/directory.ts'
import { encode, hex } from '../records/codec.ts'
import { converse } from '../transport/streams.ts'
import { type challenge, fingerprintOf, proof, proves, type Refusal, request, type Welcome } from './enrol.ts'

export const invite = z.strictObject({
  id: bytes(8),
  secret: bytes(32),
  expires: time,
  name: hostName.nullable(),
  /** What the certificate calls the host; none in invites of before there were any. */
  tags: hostTags.default([]),
  usedBy: z.string().nullable(),
  credential: someBytes(4096).nullable(),
  /** Must an operator say yes first, and the PeerId that has been said yes to. */
  approve: z.boolean(),
  approved: z.string().nullable(),
})
export type Invite = z.infer<typeof invite>

export const keyOf = (id: Uint8Array): string => `invite/${hex(id)}`

const talkMs = 10_000

export interface EnrolmentOptions {
  identity: Identity
  directory: Directory
  store: KeyValue
  now(): number
  find(id: Uint8Array): Invite | undefined
  /** A host has been let in. */
  learnt(entry: Entry): void
  log: { info(message: string): void; warn(message: string): void }
}

export class Enrolment {
  readonly #options: EnrolmentOptions
  readonly #applications = new Map<string, Application & { invite: Invite }>()
  /** One at a time: burning an invite and storing the certificate must not be overtaken. */
  #turn: Promise<unknown> = Promise.resolve()

  constructor(options: EnrolmentOptions) {
    this.#options = options
  }

  async answer(stream: Stream, connection: Connection): Promise<void> {
    const talk = converse(stream, limits.enrolBytes, AbortSignal.timeout(talkMs))
    const { identity, now, log, find } = this.#options
    const clock = () => Math.round(now())
    const joiner = connection.remotePeer.toString()
    const refuse = async (why: Refusal) => {
      await talk.write({ refused: why, clock: clock() })
      throw new Error(`refused: ${why}`)
    }
    try {
      const asked = await talk.read(request)
      const one = find(asked.invite)
      if (one === undefined) return await refuse('unknown')
      const objection = this.#objection(one, asked.v, joiner)
      if (objection !== undefined) return await refuse(objection)
      const issuerNonce = new Uint8Array(randomBytes(32))
      await talk.write({ nonce: issuerNonce, clock: clock() } satisfies z.infer<typeof challenge>)
      const { mac } = await talk.read(proof)
      const issuer = peerOf(identity.issuer?.enrol.publicKey as Uint8Array)
      if (!proves(mac, one.secret, { joiner, issuer, joinerNonce: asked.nonce, issuerNonce }))
        return await refuse('proof')
      if (one.approve && one.approved !== joiner) {
        this.#apply(one, asked.name, joiner)
        return await refuse('pending')
      }
      const settled = this.#turn.then(() => this.#burn(one, asked.name, joiner))
      this.#turn = settled.catch(() => undefined)
      const credential = await settled
      if (credential === undefined) return await refuse('used')
      await talk.write(this.#welcome(credential))
      await stream.close()
    } catch (error) {
      log.info(`enrolment of ${joiner}: ${because(error)}`)
      await stream.close().catch(() => stream.abort(new Error('refused')))
    }
  }

  /** Hosts that wait, the longest first. */
  applications(): Application[] {
    this.#sweep()
    return [...this.#applications.values()].map(({ invite: _, ...application }) => application)
  }

  async approve(fingerprint: string): Promise<Application> {
    this.#sweep()
    const found = this.#applications.get(fingerprint.trim().toLowerCase())
    if (found === undefined)
      throw new MeshError(
        'no-application',
        `no host with fingerprint ${fingerprint} waits; lymph mesh approve lists those that do`,
      )
    const { invite: one, ...application } = found
    const approved = { ...one, approved: application.peer }
    await this.#options.store.batch([{ type: 'put', key: keyOf(one.id), value: encode(approved) }], {
      sync: true,
    })
    Object.assign(one, approved)
    this.#applications.delete(application.fingerprint)
    return application
  }

  #apply(one: Invite, name: string, peer: string): void {
    this.#sweep()
    const fingerprint = fingerprintOf(peer)
    const asked = Math.round(this.#options.now())
    if (!this.#applications.has(fingerprint))
      this.#options.log.info(`${name} asks to be let in: lymph mesh approve ${fingerprint}`)
    this.#applications.delete(fingerprint)
    this.#applications.set(fingerprint, {
      fingerprint,
      name: one.name ?? name,
      peer,
      asked,
      expires: one.expires,
      invite: one,
    })
    // Whoever has asked longest ago asks again if it still wants to.
    if (this.#applications.size > limits.applications)
      this.#applications.delete(this.#applications.keys().next().value as string)
  }

  #sweep(): void {
    for (const [key, { expires }] of this.#applications)
      if (expires < this.#options.now()) this.#applications.delete(key)
  }

  #objection(one: Invite, version: number, joiner: string): Refusal | undefined {
    if (version !== 1) return 'version'
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
      tags: one.tags,
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
    const ring = inForce(identity.ring, identity.admin.rules(now())).map(({ key }) => key)
    return { root: identity.root, credential, ring, admin: identity.admin.entries(), members }
  }
}
