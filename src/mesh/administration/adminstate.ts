/**
 * What the admin log has said so far: who may issue, who is revoked, which keys the ring has. Pure. A checkpoint carries the
 * whole of it, so that the entries before one can be forgotten.
 */
import { z } from 'zod'
import {
  type Capability,
  type IssuerCertificate,
  openIssuerCertificate,
  someBytes,
  time,
} from '../identity/certificate.ts'
import { limits } from '../limits.ts'
import { encode, equals, hex } from '../records/codec.ts'

const keyId = z.string().regex(/^[0-9a-f]{16}$/)
const keyState = z.enum(['installed', 'used', 'removed'])
const acts = ['install', 'use', 'remove', 'destroy'] as const
export type KeyAct = (typeof acts)[number]

/** Everything that stood when it was made, in canonical order. Key bytes never stand here. */
const checkpoint = z.strictObject({
  op: z.literal('checkpoint'),
  issuers: z.array(someBytes(1024)).max(64),
  /** peer, serial in hex or empty for every certificate of the peer, when. */
  revoked: z.array(z.tuple([z.string().max(80), z.string().max(32), time])).max(limits.members),
  ring: z.array(z.tuple([keyId, keyState, time])).max(64),
})
export type Checkpoint = z.infer<typeof checkpoint>

export const adminStatement = z.discriminatedUnion('op', [
  /** By root: this issuer may do what its certificate says. */
  z.strictObject({ op: z.literal('issuer'), certificate: someBytes(1024) }),
  /** By an issuer that may 'revoke'. */
  z.strictObject({
    op: z.literal('revoke'),
    peer: z.string().max(80),
    serial: z.string().max(32),
    reason: z.string().max(256),
  }),
  /** By an issuer that may handle 'keys'. A removed key still opens a connection that asks for the new one; a destroyed one none. */
  z.strictObject({ op: z.literal('psk'), act: z.enum(acts), key: keyId }),
  /** By an issuer that may 'revoke'. Whoever holds the entries before it checks that it says what they said. */
  checkpoint,
])
export type AdminStatement = z.infer<typeof adminStatement>

/** A statement with its signer and time. */
export interface Ruling {
  by: Uint8Array
  ts: number
}

interface Issuer {
  bytes: Uint8Array
  certificate: IssuerCertificate
}

interface Key {
  state: z.infer<typeof keyState>
  /** When it came to this state. */
  since: number
}

/** Which keys open a connection, the one to dial with first, and which open one only to ask for a newer key. */
export interface RingRules {
  use: string | undefined
  accept: string[]
  recover: string[]
}

/** After this long no certificate that stood at a revocation can be in force. */
const revocationLasts = limits.memberLifetime + limits.maxFuture

export class AdminState {
  readonly #root: Uint8Array
  #issuers = new Map<string, Issuer>()
  #revoked = new Map<string, Map<string, number>>()
  #ring = new Map<string, Key>()

  constructor(root: Uint8Array) {
    this.#root = root
  }

  revoked(peer: string, serial: string): boolean {
    const serials = this.#revoked.get(peer)
    return serials !== undefined && (serials.has('') || serials.has(serial))
  }

  rules(now: number): RingRules {
    const rules: RingRules = { use: undefined, accept: [], recover: [] }
    for (const [id, { state, since }] of this.#ring)
      if (state === 'removed') {
        if (now - since < limits.keyRecovery) rules.recover.push(id)
      } else if (state === 'used') {
        rules.use = id
        rules.accept.unshift(id)
      } else rules.accept.push(id)
    return rules
  }

  keys(): { id: string; state: Key['state']; since: number }[] {
    return [...this.#ring].map(([id, key]) => ({ id, ...key }))
  }

  /** The newest issuer certificate of a key, as root signed it. */
  issuer(publicKey: Uint8Array): Uint8Array | undefined {
    return this.#issuers.get(hex(publicKey))?.bytes
  }

  /** Takes a statement in. Throws what `refuse` makes where its signer may not say it, or it makes no sense; nothing is changed then. */
  obey(statement: AdminStatement, ruling: Ruling, refuse: (why: string) => Error): void {
    switch (statement.op) {
      case 'issuer':
        if (!equals(ruling.by, this.#root)) throw refuse('only the root key names issuers')
        this.#name(statement.certificate)
        return
      case 'revoke': {
        this.#may('revoke', ruling, refuse)
        const serials = this.#revoked.get(statement.peer) ?? new Map<string, number>()
        if (!serials.has(statement.serial)) serials.set(statement.serial, ruling.ts)
        this.#revoked.set(statement.peer, serials)
        return
      }
      case 'psk':
        this.#may('keys', ruling, refuse)
        this.#turn(statement.act, statement.key, ruling.ts, refuse)
        return
      case 'checkpoint':
        this.#may('revoke', ruling, refuse)
        if (!equals(encode(statement), encode(this.snapshot(ruling.ts))))
          throw refuse('it does not say what the entries before it said')
        this.#restore(statement)
    }
  }

  /** What a checkpoint made at `ts` says: all but revocations that concern no certificate any more, and keys long gone. */
  snapshot(ts: number): Checkpoint {
    const revoked: Checkpoint['revoked'] = []
    for (const [peer, serials] of this.#revoked)
      for (const [serial, since] of serials)
        if (ts - since < revocationLasts) revoked.push([peer, serial, since])
    const ring = [...this.#ring]
      .filter(([, key]) => key.state !== 'removed' || ts - key.since < limits.keyRecovery)
      .map(([id, { state, since }]): Checkpoint['ring'][number] => [id, state, since])
    const issuers = [...this.#issuers.values()].map((issuer) => issuer.bytes)
    const order = (a: unknown, b: unknown) => Buffer.compare(encode(a), encode(b))
    return {
      op: 'checkpoint',
      issuers: issuers.sort(order),
      revoked: revoked.sort(order),
      ring: ring.sort(order),
    }
  }

  /**
   * Takes a checkpoint without the entries before it: by an issuer that root has signed, and never taking back a revocation
   * that is known here.
   */
  jump(statement: Checkpoint, ruling: Ruling, refuse: (why: string) => Error): void {
    const later = new AdminState(this.#root)
    later.#restore(statement)
    later.#may('revoke', ruling, refuse)
    for (const [peer, serial] of this.snapshot(ruling.ts).revoked)
      if (!later.revoked(peer, serial)) throw refuse(`it takes back the revocation of ${peer}`)
    this.#restore(statement)
  }

  #restore({ issuers, revoked, ring }: Checkpoint): void {
    this.#issuers = new Map()
    for (const certificate of issuers) this.#name(certificate)
    this.#revoked = new Map()
    for (const [peer, serial, since] of revoked)
      this.#revoked.set(peer, (this.#revoked.get(peer) ?? new Map<string, number>()).set(serial, since))
    this.#ring = new Map(ring.map(([id, state, since]) => [id, { state, since }]))
  }

  #name(sealed: Uint8Array): void {
    const certificate = openIssuerCertificate(sealed, this.#root)
    const id = hex(certificate.issuer)
    const held = this.#issuers.get(id)
    if (held === undefined || certificate.notAfter >= held.certificate.notAfter)
      this.#issuers.set(id, { bytes: sealed, certificate })
  }

  #may(capability: Capability, { by, ts }: Ruling, refuse: (why: string) => Error): void {
    const certificate = this.#issuers.get(hex(by))?.certificate
    if (certificate?.can.includes(capability) !== true) throw refuse(`its signer may not '${capability}'`)
    if (ts < certificate.notBefore - limits.maxFuture || ts > certificate.notAfter + limits.maxFuture)
      throw refuse("its signer's certificate was not in force when it was made")
  }

  #turn(act: KeyAct, id: string, ts: number, refuse: (why: string) => Error): void {
    const held = this.#ring.get(id)
    const standing = [...this.#ring.values()].filter(({ state }) => state !== 'removed')
    if (act === 'install') {
      if (held !== undefined) throw refuse(`key ${id} has been installed before`)
      if (standing.length >= limits.ringKeys) throw refuse(`the ring holds ${limits.ringKeys} keys already`)
      this.#ring.set(id, { state: 'installed', since: ts })
      return
    }
    if (held === undefined) throw refuse(`no key ${id} is installed`)
    if (act === 'use') {
      if (held.state === 'removed') throw refuse(`key ${id} has been removed`)
      for (const key of this.#ring.values())
        if (key.state === 'used') Object.assign(key, { state: 'installed', since: ts })
      Object.assign(held, { state: 'used', since: ts })
      return
    }
    if (held.state === 'used') throw refuse(`key ${id} is in use; use another first`)
    if (act === 'destroy') this.#ring.delete(id)
    else if (held.state === 'removed') throw refuse(`key ${id} has been removed`)
    else Object.assign(held, { state: 'removed', since: ts })
  }
}
