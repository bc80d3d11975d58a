/** A running member: the parts of this room put together. `openMesh` hands out its face, tests and simulations take it whole. */
import { Administration } from './administration.ts'
import type { AdminStatement } from './adminstate.ts'
import { type AskBounds, askOn, serveOn } from './ask.ts'
import { Authority } from './authority.ts'
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
  Operator,
  RecordKind,
  RequestHandler,
} from './interface.ts'
import { Invites } from './invites.ts'
import { publicKeyOf, purposeful, verifySignature } from './keys.ts'
import { Ledger } from './ledger.ts'
import { questions as asked, protocols, type Timing, topic, timing as usual } from './limits.ts'
import { Neighbours } from './neighbours.ts'
import { operatorOf } from './operator.ts'
import type { OpenOptions, Parts } from './options.ts'
import { Quota } from './quota.ts'
import { Relations } from './relations.ts'
import { Renewal } from './renewal.ts'
import { derived } from './ring.ts'
import { Roster } from './roster.ts'
import { sideOf } from './side.ts'
import { Speaker } from './speaker.ts'
import { type Gauged, gaugesOf } from './status.ts'
import { Synchroniser } from './synchroniser.ts'

export class MeshNode implements Mesh {
  readonly identity: Identity
  readonly host: MeshHost
  readonly directory: Directory
  readonly ledger: Ledger
  readonly admission: Admission
  readonly synchroniser: Synchroniser
  readonly administration: Administration
  readonly renewal: Renewal
  readonly operator: Operator
  readonly #parts: Parts
  readonly #gauged: Omit<Gauged, 'now' | keyof Parts>
  readonly #roster: Roster
  readonly #relations: Relations
  readonly #speaker: Speaker
  readonly #neighbours: Neighbours
  readonly #invites: Invites
  readonly #certificates: Certificates
  readonly #questions = new Quota(asked)
  readonly #options: OpenOptions
  readonly #timing: Timing
  readonly #now: () => number
  readonly #listeners: ((event: MeshEvent) => void)[] = []
  readonly #timers: NodeJS.Timeout[] = []
  #stopping: Promise<void> | undefined

  constructor(parts: Parts) {
    const { options, identity, host, directory, writes, counters, epoch, manners, gate } = parts
    const { log, keyValue: store, version } = options
    this.#parts = parts
    this.#options = options
    this.identity = identity
    this.host = host
    this.directory = directory
    this.#timing = { ...usual, ...options.timing }
    this.#now = options.now ?? Date.now
    const self = identity.peer
    const now = this.#now
    const timing = this.#timing
    const random = options.random ?? Math.random
    const deny = (peer: string) => options.deny?.(peer) === true || manners.banned(peer, now())
    const count = (reason: string) => void counters.set(reason, (counters.get(reason) ?? 0) + 1)
    const admitted = (peer: string) => this.admission.admitted(peer)
    const peers = () => this.admission.peers()
    const emit = (event: MeshEvent) => this.#emit(event)
    const clock = { now, random, timing }
    const common = { host, identity, directory, writes, self, version, log, count, emit, gate, ...clock }
    this.#roster = new Roster({ ...common, admitted })
    const learnt = (entry: Entry) => this.#roster.learnt(entry)
    this.#certificates = new Certificates({ ...common, learnt })
    const seek = (author: string, from: string) => this.#certificates.seek(author, from)
    this.ledger = new Ledger({ ...common, epoch, seek })
    this.#neighbours = new Neighbours({ ...common, admitted, deny })
    this.#relations = new Relations({
      ...common,
      quiet: options.quiet === true,
      manners,
      roster: this.#roster,
      neighbours: this.#neighbours,
      parts: () => this,
      sayAlive: () => this.#speaker.sayAlive(),
    })
    const relations = this.#relations
    const ruled = (statements: AdminStatement[]) => relations.ruled(statements)
    this.administration = new Administration({ ...common, peers, ruled })
    const { administration } = this
    this.admission = new Admission({
      ...common,
      administration,
      admitted: (entry, initiator) => relations.met(entry, initiator),
      gone: (peer) => this.#neighbours.lost(peer),
      recovering: (entry) => void relations.recover(entry),
    })
    const side = sideOf({ ...common, ledger: this.ledger, learnt })
    const may = (peer: string) => this.#mayAsk(peer)
    const taken = () => side.taken
    this.synchroniser = new Synchroniser({ ...common, side, peers, admitted, may, taken })
    const { ledger, synchroniser } = this
    this.#speaker = new Speaker({ ...common, options, ledger, administration, synchroniser })
    const listen = options.enrolListen ?? enrolListen(options.listen)
    this.#invites = new Invites({ ...common, store, listen, learnt })
    const reach = (peer: string) => this.#neighbours.reach(peer)
    const issue = (entries: Uint8Array[]) => administration.issue(entries)
    this.renewal = new Renewal({ ...common, reach, learnt, issue })
    const authority = new Authority({ ...common, administration })
    this.operator = operatorOf({ authority, renewal: this.renewal, invites: this.#invites })
    const [neighbours, invites, questions] = [this.#neighbours, this.#invites, this.#questions]
    this.#gauged = {
      ledger,
      synchroniser,
      admission: this.admission,
      invites,
      neighbours,
      questions,
      relations,
    }
    const refused = (peer: string, reason: string) => relations.refused(peer, reason)
    validateGossip({ ...common, ledger: this.ledger, admitted, refused })
  }

  async start(): Promise<void> {
    const { identity, directory, host, admission } = this
    const quiet = this.#options.quiet === true
    const own = directory.learn({ credential: identity.certificate.credential, addresses: [] }, this.#now())
    if (own === undefined)
      throw new MeshError(
        'bad-certificate',
        `the certificate of ${identity.name} has expired; get an invite from a host of the mesh, leave and join again`,
      )
    await this.ledger.load(this.#options.keyValue)
    const mayAsk = (peer: string) => this.#mayAsk(peer)
    const recovers = (peer: string) => admission.mayRecover(peer) && this.#questions.take(peer, this.#now())
    await Promise.all([
      admission.serve(),
      this.administration.serve(recovers),
      this.renewal.serve(recovers),
      this.#certificates.serve(mayAsk),
      ...(quiet ? [] : [this.synchroniser.serve()]),
    ])
    await startHost(host, this.#options.listen)
    host.services.pubsub.subscribe(topic)
    own.entry.addresses = this.#speaker.alive().addresses
    try {
      if (identity.issuer !== undefined && !quiet) await this.#invites.start()
    } catch (error) {
      this.#warn('invites cannot be honoured now', error)
    }
    this.#timers.push(setInterval(() => this.#tick(), this.#timing.sweep))
    if (!quiet) {
      this.#timers.push(setInterval(() => void this.#speaker.sayAlive(), this.#timing.alive))
      await this.#speaker.sayAlive()
    }
    this.#neighbours.start()
    if (!quiet) this.synchroniser.start()
  }

  status(): MeshStatus {
    const { identity, admission } = this
    return {
      id: identity.id,
      peer: identity.peer,
      name: identity.name,
      addresses: reachable(this.host),
      members: this.#roster.size,
      connected: admission.peers().length,
      certificateExpires: identity.certificate.notAfter,
      refused: Object.fromEntries(this.#parts.counters),
      gauges: gaugesOf({ ...this.#parts, ...this.#gauged, now: this.#now() }),
    }
  }

  members(): Member[] {
    return this.#roster.members()
  }

  records(kind?: RecordKind): MeshRecord[] {
    return this.ledger.records(kind)
  }

  publish(kind: RecordKind, key: string, body: unknown, ttlMs: number, weight?: number): Promise<MeshRecord> {
    return this.#speaker.say(kind, key, body, ttlMs, { weight })
  }

  async clear(kind: RecordKind, key: string): Promise<void> {
    if (this.ledger.own().some((s) => s.kind === kind && s.key === key))
      await this.#speaker.say(kind, key, null, 1, { clear: true })
  }

  onEvent(listener: (event: MeshEvent) => void): void {
    this.#listeners.push(listener)
  }

  serve(name: string, handler: RequestHandler, bounds: { requestBytes: number; answerBytes: number }): void {
    serveOn(
      this.host,
      protocols.ask(name),
      { ...bounds, timeoutMs: this.#timing.exchange },
      (peer) => this.#mayAsk(peer),
      (request, peer) => handler(request, this.#roster.member(this.directory.get(peer) as Entry)),
    ).catch((error) => this.#warn(`${name} cannot be served`, error))
  }

  request(peer: string, name: string, request: Uint8Array, bounds: AskBounds): Promise<Uint8Array> {
    if (this.admission.admitted(peer)) return askOn(this.host, protocols.ask(name), peer, request, bounds)
    const who = this.directory.get(peer)?.certificate.name ?? peer
    const why = `${who} is not connected; lymph mesh members shows who is`
    return Promise.reject(new MeshError('not-connected', why))
  }

  verify(envelope: Uint8Array): MeshRecord {
    return this.ledger.verify(envelope)
  }

  sign(kind: RecordKind, key: string, body: unknown, ttlMs: number): MeshRecord {
    return this.ledger.record(this.ledger.make({ kind, key, body, op: 'raise' }, ttlMs), this.#now())
  }

  derive(purpose: string): Uint8Array {
    return derived(this.identity.ring, this.identity.admin.rules(this.#now()), purpose)
  }

  signBytes(purpose: string, bytes: Uint8Array): Uint8Array {
    return this.identity.node.sign(purposeful(purpose, bytes))
  }

  verifyBytes(purpose: string, bytes: Uint8Array, signature: Uint8Array, peer: string): boolean {
    const known = this.directory.get(peer) !== undefined
    return known && verifySignature(publicKeyOf(peer), purposeful(purpose, bytes), signature)
  }

  invite(options: Parameters<Mesh['invite']>[0]): Promise<{ token: string; expires: number }> {
    return this.#invites.make(options)
  }

  /** Takes back what this host has said, tells that it leaves, stops, and puts the identity's files aside. */
  async leave(): Promise<void> {
    await this.#speaker.leave()
    // Gossip is fire and forget; a sync is not.
    await Promise.all(this.admission.peers().map((peer) => this.synchroniser.with(peer)))
    await this.stop()
    putAside(this.identity.folder, Math.round(this.#now()))
  }

  stop(): Promise<void> {
    this.#speaker.end()
    this.#stopping ??= this.#stop()
    return this.#stopping
  }

  async #stop(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer)
    this.#neighbours.stop()
    this.synchroniser.stop()
    this.admission.stop()
    this.administration.stop()
    await this.#invites.stop()
    await this.host.stop()
    await this.#parts.writes.end()
  }

  #mayAsk(peer: string): boolean {
    return this.admission.admitted(peer) && this.#questions.take(peer, this.#now())
  }

  #tick(): void {
    this.ledger.sweep()
    this.ledger.audit()
    this.#speaker.vouch()
    this.#roster.tellAll()
    if (this.#options.quiet === true) return
    this.#relations.hear(this.host)
    this.renewal.tick()
    if (this.identity.issuer !== undefined)
      this.#invites.sweep().catch((error) => this.#warn('invites', error))
  }

  #emit(event: MeshEvent): void {
    const author = event.type === 'record' && event.record.kind === 'alive' ? event.record.peer : undefined
    for (const listener of this.#listeners)
      try {
        listener(event)
      } catch (error) {
        this.#warn('a listener to mesh events failed', error)
      }
    const entry = author === undefined ? undefined : this.directory.get(author)
    if (entry !== undefined) this.#relations.heard(entry)
  }

  #warn(what: string, error: unknown): void {
    this.#options.log.warn(`${what}: ${because(error)}`)
  }
}
