/** A running member: the parts of this room put together. `openMesh` hands out its face, tests and simulations take it whole. */

import { askOn, serveOn } from './ask.ts'
import { Certificates } from './certificates.ts'
import type { Directory, Entry } from './directory.ts'
import { because, MeshError } from './errors.ts'
import { validateGossip } from './gossip.ts'
import { Admission } from './hello.ts'
import { enrolListen, type MeshHost, reachable, startHost } from './host.ts'
import { type Identity, putAside } from './identity.ts'
import type {
  Member,
  Mesh,
  MeshEvent,
  MeshRecord,
  MeshStatus,
  RecordKind,
  RequestHandler,
} from './interface.ts'
import { Invites } from './invites.ts'
import { aliveKey, Ledger } from './ledger.ts'
import { limits, protocols, type Timing, topic, timing as usual } from './limits.ts'
import { Neighbours } from './neighbours.ts'
import type { OpenOptions, Parts } from './options.ts'
import { Roster } from './roster.ts'
import { sideOf } from './side.ts'
import { Synchroniser } from './synchroniser.ts'
import type { Writes } from './writes.ts'

export class MeshNode implements Mesh {
  readonly identity: Identity
  readonly host: MeshHost
  readonly directory: Directory
  readonly ledger: Ledger
  readonly admission: Admission
  readonly synchroniser: Synchroniser
  readonly #roster: Roster
  readonly #neighbours: Neighbours
  readonly #invites: Invites
  readonly #writes: Writes
  readonly #options: OpenOptions
  readonly #timing: Timing
  readonly #now: () => number
  readonly #counters: Map<string, number>
  readonly #listeners: ((event: MeshEvent) => void)[] = []
  readonly #timers: NodeJS.Timeout[] = []
  #stopping: Promise<void> | undefined

  constructor(parts: Parts) {
    const { options, identity, host, directory, writes, counters, epoch } = parts
    const { log, keyValue: store, version } = options
    this.#options = options
    this.identity = identity
    this.host = host
    this.directory = directory
    this.#writes = writes
    this.#counters = counters
    this.#timing = { ...usual, ...options.timing }
    this.#now = options.now ?? Date.now
    const self = identity.peer
    const now = this.#now
    const timing = this.#timing
    const random = options.random ?? Math.random
    const deny = options.deny ?? (() => false)
    const count = (reason: string) => void counters.set(reason, (counters.get(reason) ?? 0) + 1)
    const admitted = (peer: string) => this.admission.admitted(peer)
    const emit = (event: MeshEvent) => this.#emit(event)
    const common = { host, identity, directory, writes, self, version, timing, now, random, log, count, emit }
    this.#roster = new Roster({ ...common, admitted })
    const learnt = (entry: Entry) => this.#roster.learnt(entry)
    const certificates = new Certificates({ ...common, learnt })
    const seek = (author: string, from: string) => certificates.seek(author, from)
    this.ledger = new Ledger({ ...common, epoch, seek })
    this.#neighbours = new Neighbours({ ...common, admitted, deny })
    this.admission = new Admission({
      ...common,
      admitted: (entry, initiator) => this.#met(entry, initiator),
      gone: (peer) => this.#neighbours.lost(peer),
      ruled: () => this.#enforce(),
    })
    const side = sideOf({ ...common, ledger: this.ledger, learnt })
    const peers = () => this.admission.peers()
    this.synchroniser = new Synchroniser({ ...common, side, peers, admitted, taken: () => side.taken })
    const listen = options.enrolListen ?? enrolListen(options.listen)
    this.#invites = new Invites({ ...common, store, listen, learnt })
    void certificates.serve(admitted)
    validateGossip({ ...common, ledger: this.ledger, admitted })
  }

  async start(): Promise<void> {
    const { identity, directory, host } = this
    const own = directory.learn({ credential: identity.certificate.credential, addresses: [] }, this.#now())
    if (own === undefined)
      throw new MeshError(
        'bad-certificate',
        `the certificate of ${identity.name} has expired; get an invite from a host of the mesh, leave and join again`,
      )
    await this.ledger.load(this.#options.keyValue)
    await this.admission.serve()
    if (this.#options.quiet !== true) await this.synchroniser.serve()
    await startHost(host, this.#options.listen)
    host.services.pubsub.subscribe(topic)
    own.entry.addresses = this.#alive().addresses
    try {
      if (identity.issuer !== undefined && this.#options.quiet !== true) await this.#invites.start()
    } catch (error) {
      this.#warn('invites cannot be honoured now', error)
    }
    this.#every(this.#timing.sweep, () => this.#tick())
    if (this.#options.quiet !== true) {
      const alive = () =>
        this.#say('alive', aliveKey, this.#alive(), this.#timing.silent).then(() => undefined)
      this.#every(
        this.#timing.alive,
        () => void alive().catch((error) => this.#options.log.warn(because(error))),
      )
      await alive()
    }
    this.#neighbours.start()
    if (this.#options.quiet !== true) this.synchroniser.start()
  }

  status(): MeshStatus & { gauges: Record<string, number> } {
    const { identity, admission, ledger } = this
    return {
      id: identity.id,
      peer: identity.peer,
      name: identity.name,
      addresses: reachable(this.host),
      members: this.#roster.size,
      connected: admission.peers().length,
      certificateExpires: identity.certificate.notAfter,
      refused: Object.fromEntries(this.#counters),
      gauges: {
        ...ledger.gauges,
        pendingPeers: admission.pending,
        pendingWrites: this.#writes.pending,
        dialling: this.#neighbours.dialling,
        invites: this.#invites.outstanding,
        known: this.directory.size,
        adminEntries: identity.admin.head().seq,
        syncBytesSent: this.synchroniser.bytesSent,
      },
    }
  }

  members(): Member[] {
    return this.#roster.members()
  }

  records(kind?: RecordKind): MeshRecord[] {
    return this.ledger.records(kind)
  }

  async publish(kind: RecordKind, key: string, body: unknown, ttlMs: number): Promise<MeshRecord> {
    return this.#say(kind, key, body, ttlMs)
  }

  async clear(kind: RecordKind, key: string): Promise<void> {
    if (this.ledger.own().some((s) => s.kind === kind && s.key === key))
      await this.#say(kind, key, null, 1, true)
  }

  onEvent(listener: (event: MeshEvent) => void): void {
    this.#listeners.push(listener)
  }

  serve(name: string, handler: RequestHandler, bounds: { requestBytes: number; answerBytes: number }): void {
    serveOn(
      this.host,
      protocols.ask(name),
      { ...bounds, timeoutMs: this.#timing.exchange },
      (peer) => this.admission.admitted(peer),
      (request, peer) => handler(request, this.#roster.member(this.directory.get(peer) as Entry)),
    ).catch((error) => this.#warn(`${name} cannot be served`, error))
  }

  request(
    peer: string,
    name: string,
    request: Uint8Array,
    bounds: { answerBytes: number; timeoutMs: number },
  ): Promise<Uint8Array> {
    if (!this.admission.admitted(peer)) {
      const who = this.directory.get(peer)?.certificate.name ?? peer
      const why = `${who} is not connected; lymph mesh members shows who is`
      return Promise.reject(new MeshError('not-connected', why))
    }
    return askOn(this.host, protocols.ask(name), peer, request, bounds)
  }

  verify(envelope: Uint8Array): MeshRecord {
    return this.ledger.verify(envelope)
  }

  sign(kind: RecordKind, key: string, body: unknown, ttlMs: number): MeshRecord {
    return this.ledger.record(this.ledger.make(kind, key, body, ttlMs, 'raise'), this.#now())
  }

  invite(options: { name?: string; ttlMs?: number }): Promise<{ token: string; expires: number }> {
    return this.#invites.make(options)
  }

  /** Takes back what this host has said, tells that it leaves, stops, and puts the identity's files aside. */
  async leave(): Promise<void> {
    for (const { kind, key } of this.ledger.own()) await this.#say(kind, key, null, 1, true)
    await this.#say('alive', aliveKey, this.#alive(), limits.leaveLifetime, true)
    // Gossip is fire and forget; a sync is not.
    await Promise.all(this.admission.peers().map((peer) => this.synchroniser.with(peer)))
    await this.stop()
    putAside(this.identity.folder, Math.round(this.#now()))
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop()
    return this.#stopping
  }

  async #stop(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer)
    this.#neighbours.stop()
    this.synchroniser.stop()
    this.admission.stop()
    await this.#invites.stop()
    await this.host.stop()
    await this.#writes.flush()
  }

  async #say(
    kind: RecordKind,
    key: string,
    body: unknown,
    ttlMs: number,
    clear = false,
  ): Promise<MeshRecord> {
    if (this.#stopping !== undefined) throw new MeshError('stopped', 'this host has left or is stopping')
    const statement = this.ledger.say(kind, key, body, ttlMs, clear)
    const sent = this.host.services.pubsub.publish(topic, statement.envelope)
    // What gossip could not send is kept, and the next sync carries it.
    await sent.catch((error) => this.#warn('gossip', error))
    this.synchroniser.published()
    await this.#writes.flush()
    return this.ledger.record(statement, Math.round(this.#now()))
  }

  #alive(): { addresses: string[]; version: string } {
    const addresses = this.#options.listen.length === 0 ? [] : reachable(this.host)
    return { addresses, version: this.#options.version }
  }

  #met(entry: Entry, initiator: boolean): void {
    const { peer } = entry.certificate
    const others = this.admission.peers().length - 1
    this.directory.heard(entry, this.#now())
    this.#roster.learnt(entry)
    this.#neighbours.met(peer, others)
    if (this.#options.quiet !== true) this.synchroniser.greeted(peer, initiator)
  }

  /** The admin log has said something new: whoever is revoked by it is cut off now. */
  #enforce(): void {
    for (const entry of this.directory.entries())
      if (this.directory.state(entry, this.#now()) === 'revoked') {
        this.admission.cut(entry.certificate.peer)
        this.#roster.tell(entry)
      }
  }

  #tick(): void {
    this.ledger.sweep()
    this.#roster.tellAll()
    if (this.identity.issuer !== undefined)
      this.#invites.sweep().catch((error) => this.#warn('invites', error))
  }

  #emit(event: MeshEvent): void {
    const author = event.type === 'record' && event.record.kind === 'alive' && event.record.peer
    for (const listener of this.#listeners)
      try {
        listener(event)
      } catch (error) {
        this.#warn('a listener to mesh events failed', error)
      }
    const entry = author ? this.directory.get(author) : undefined
    if (entry !== undefined) this.#roster.tell(entry)
  }

  #warn(what: string, error: unknown): void {
    this.#options.log.warn(`${what}: ${because(error)}`)
  }

  #every(ms: number, work: () => void): void {
    this.#timers.push(setInterval(work, ms))
  }
}
