/**
 * `/lymph/hello/1`: who is at the other end. Until it is done a connected peer is *pending*: it neither injects nor hears, and
 * every other protocol of this room turns it away. The dialler speaks first; each side sends its certificate, the head of its
 * admin log and the entries the other lacks, so a revocation arrives before anything else. Four messages:
 * hello, answer (+ entries), confirmation (+ entries), welcome; any of the last three may be a refusal instead.
 */
import type { Connection, Libp2p, Stream } from '@libp2p/interface'
import { z } from 'zod'
import {
  type Administration,
  entryBytesAtOnce,
  fitting,
  adminHead as head,
} from '../administration/administration.ts'
import { adminEntries as entries } from '../administration/adminlog.ts'
import { because, MeshError } from '../errors.ts'
import { someBytes, time } from '../identity/certificate.ts'
import type { Identity } from '../identity/identity.ts'
import { limits, protocols, type Timing } from '../limits.ts'
import type { Directory, Entry } from '../members/directory.ts'
import { type Conversation, converse } from '../transport/streams.ts'
import type { Gate } from './gate.ts'

// Not strict: later versions may say more.
const hello = z.object({
  v: z.literal(1),
  credential: someBytes(4096),
  head,
  version: z.string().max(64),
  features: z.int().nonnegative(),
  clock: time,
})
const refusal = z.object({ refused: z.string().max(256) })
const answer = z.union([refusal, hello.extend({ entries })])
const confirmation = z.union([refusal, z.object({ clock: time, entries })])
const welcome = z.union([refusal, z.object({ welcome: z.literal(true), recovering: z.boolean() })])

/** Bits this version can do beyond the base; none yet. */
const features = 0

export interface AdmissionOptions {
  host: Libp2p
  identity: Identity
  directory: Directory
  version: string
  timing: Timing
  now(): number
  count(reason: string): void
  log: { info(message: string): void; warn(message: string): void }
  admitted(entry: Entry, initiator: boolean): void
  gone(peer: string): void
  administration: Administration
  gate: Gate
  /** A member has come in by a key that only recovers, or has let this host in so: the two compare rings, then part. */
  recovering(entry: Entry): void
}

export class Admission {
  readonly #options: AdmissionOptions
  readonly #admitted = new Set<string>()
  /** Connections that a key which only recovers has opened, hello done. */
  readonly #recovering = new Set<Connection>()
  readonly #timers = new Map<Connection, NodeJS.Timeout>()
  /** Dialled back at their asking, just now: whoever makes that connection closes it. */
  readonly #probed = new Set<string>()
  #stopped = false

  constructor(options: AdmissionOptions) {
    this.#options = options
    const { host } = options
    host.addEventListener('connection:open', ({ detail }) => this.#opened(detail))
    host.addEventListener('connection:close', ({ detail }) => {
      this.#forgetTimer(detail)
      this.#recovering.delete(detail)
    })
    host.addEventListener('peer:disconnect', ({ detail }) => {
      if (this.#admitted.delete(detail.toString())) options.gone(detail.toString())
    })
  }

  async serve(): Promise<void> {
    await this.#options.host.handle(
      protocols.hello,
      (stream, connection) => this.#answer(stream, connection),
      {
        maxInboundStreams: 2,
        runOnLimitedConnection: true,
      },
    )
  }

  admitted(peer: string): boolean {
    return this.#admitted.has(peer)
  }

  /** May it ask for admin log, ring and a new certificate? */
  mayRecover(peer: string): boolean {
    return this.#admitted.has(peer) || [...this.#recovering].some((one) => one.remotePeer.toString() === peer)
  }

  peers(): string[] {
    return [...this.#admitted]
  }

  get pending(): number {
    return this.#timers.size
  }

  /** A connection made to `peer` while this is on is a look at whether it can be reached, no acquaintance. */
  probing(peer: string, on: boolean): void {
    if (on) this.#probed.add(peer)
    else this.#probed.delete(peer)
  }

  /** Cuts a peer off; the gater is not asked about connections that are open. */
  cut(peer: string): void {
    this.#admitted.delete(peer)
    for (const connection of this.#options.host.getConnections())
      if (connection.remotePeer.toString() === peer) connection.abort(new Error('not a member any more'))
  }

  stop(): void {
    this.#stopped = true
    for (const timer of this.#timers.values()) clearTimeout(timer)
    this.#timers.clear()
  }

  #opened(connection: Connection): void {
    if (this.#stopped) return
    const peer = connection.remotePeer.toString()
    if (this.#timers.size >= limits.pendingPeers) {
      this.#options.count('pending-full')
      connection.abort(new Error('too many that are not members yet'))
      return
    }
    const timer = setTimeout(() => {
      this.#timers.delete(connection)
      if (this.#admitted.has(peer)) return
      this.#options.count('hello-timeout')
      connection.abort(new Error('no hello in time'))
    }, this.#options.timing.hello)
    timer.unref()
    this.#timers.set(connection, timer)
    if (connection.direction !== 'outbound' || this.#probed.has(peer)) return
    this.#ask(connection).catch((error) => {
      this.#options.log.info(`hello with ${peer}: ${because(error)}`)
      connection.abort(error instanceof Error ? error : new Error(String(error)))
    })
  }

  #forgetTimer(connection: Connection): void {
    clearTimeout(this.#timers.get(connection))
    this.#timers.delete(connection)
  }

  #signal(): AbortSignal {
    return AbortSignal.timeout(this.#options.timing.hello)
  }

  #hello() {
    const { identity, version, now } = this.#options
    const { credential } = identity.certificate
    return { v: 1, credential, head: identity.admin.head(), version, features, clock: Math.round(now()) }
  }

  async #ask(connection: Connection): Promise<void> {
    const { identity, now, administration } = this.#options
    const signal = this.#signal()
    const stream = await connection.newStream(protocols.hello, { signal, runOnLimitedConnection: true })
    const talk = converse(stream, limits.helloBytes, signal)
    const sent = now()
    await talk.write(this.#hello())
    const theirs = accepted(await talk.read(answer))
    const skew = theirs.clock - (sent + now()) / 2
    administration.learn(theirs.head, theirs.entries)
    const entry = await this.#orRefuse(talk, () => this.#check(theirs.credential, connection))
    const missing = fitting(identity.admin.since(theirs.head.seq), entryBytesAtOnce)
    await talk.write({ clock: Math.round(now()), entries: missing })
    const { recovering } = accepted(await talk.read(welcome))
    await stream.close()
    this.#heard(entry, theirs, skew)
    if (recovering) this.#options.recovering(entry)
    else this.#admit(entry, connection, true)
  }

  async #answer(stream: Stream, connection: Connection): Promise<void> {
    const { identity, now, log, administration, gate } = this.#options
    const talk = converse(stream, limits.helloBytes, this.#signal())
    try {
      const theirs = await talk.read(hello)
      const entry = await this.#orRefuse(talk, () => this.#check(theirs.credential, connection))
      const sent = now()
      const missing = fitting(identity.admin.since(theirs.head.seq), entryBytesAtOnce)
      await talk.write({ ...this.#hello(), entries: missing })
      const last = accepted(await talk.read(confirmation))
      const skew = last.clock - (sent + now()) / 2
      administration.learn(theirs.head, last.entries)
      // What they just told may concern themselves.
      await this.#orRefuse(talk, () => this.#check(theirs.credential, connection))
      this.#heard(entry, theirs, skew)
      const recovering = gate.recovering(connection)
      if (recovering) this.#recovering.add(connection)
      else this.#admit(entry, connection, false)
      await talk.write({ welcome: true, recovering })
      await stream.close()
    } catch (error) {
      this.#options.count('hello-refused')
      log.info(`hello of ${connection.remotePeer}: ${because(error)}`)
      stream.abort(error instanceof Error ? error : new Error(String(error)))
      connection.close().catch(() => connection.abort(new Error('refused')))
    }
  }

  /** Throws MeshError 'bad-certificate' where whoever is at the other end is not a member now. */
  #check(credential: Uint8Array, connection: Connection): Entry {
    const { directory, now } = this.#options
    const learnt = directory.learn({ credential, addresses: [] }, now())
    const refuse = (why: string) => new MeshError('bad-certificate', why)
    if (learnt === undefined) throw refuse('the certificate has expired, or the directory is full')
    const { entry } = learnt
    if (entry.certificate.peer !== connection.remotePeer.toString())
      throw refuse(`this is the certificate of ${entry.certificate.name}, not of whoever shows it`)
    const objection = directory.objection(entry, now())
    if (objection !== undefined) throw refuse(objection)
    return entry
  }

  async #orRefuse<T>(talk: Conversation, check: () => T): Promise<T> {
    try {
      return check()
    } catch (error) {
      await talk.write({ refused: because(error).slice(0, 256) }).catch(() => undefined)
      throw error
    }
  }

  #heard(entry: Entry, theirs: z.infer<typeof hello>, skew: number): void {
    Object.assign(entry, { version: theirs.version, skewMs: Math.round(skew), adminSeq: theirs.head.seq })
    this.#options.directory.heard(entry, this.#options.now())
  }

  #admit(entry: Entry, connection: Connection, initiator: boolean): void {
    if (connection.status !== 'open' || this.#stopped) return
    this.#forgetTimer(connection)
    this.#options.gate.proved(connection)
    this.#admitted.add(entry.certificate.peer)
    this.#options.admitted(entry, initiator)
  }
}

function accepted<T extends object>(said: T | { refused: string }): Exclude<T, { refused: string }> {
  if ('refused' in said) throw new Error(`refused: ${said.refused}`)
  return said as Exclude<T, { refused: string }>
}
