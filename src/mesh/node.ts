/** A running member: the parts of this room put together. `openMesh` hands out its face, tests and simulations take it whole. */
import { Administration } from './administration/administration.ts'
import type { AdminStatement } from './administration/adminstate.ts'
import { Authority } from './administration/authority.ts'
import { operatorOf } from './administration/operator.ts'
import { Renewal } from './administration/renewal.ts'
import { Admission } from './admission/hello.ts'
import { Invites } from './admission/invites.ts'
import { Relations } from './admission/relations.ts'
import { because, MeshError } from './errors.ts'
import { Events } from './events.ts'
import { validateGossip } from './gossip.ts'
import { type Identity, putAside } from './identity/identity.ts'
import { publicKeyOf, purposeful, verifySignature } from './identity/keys.ts'
import { derived } from './identity/ring.ts'
import type {
  Member,
  MemberState,
  Mesh,
  MeshEvent,
  MeshRecord,
  MeshStatus,
  Operator,
  RecordKind,
  RequestHandler,
} from './interface.ts'
import { type Timing, topic, timing as usual } from './limits.ts'
import type { AskBounds } from './members/ask.ts'
import { Certificates } from './members/certificates.ts'
import type { Directory, Entry } from './members/directory.ts'
import { Requests } from './members/requests.ts'
import { Roster } from './members/roster.ts'
import type { OpenOptions, Parts } from './options.ts'
import { Ledger } from './records/ledger.ts'
import { Speaker } from './speaker.ts'
import { type Gauged, statusOf } from './status.ts'
import { sideOf } from './sync/side.ts'
import { Synchroniser } from './sync/synchroniser.ts'
import { enrolListen, type MeshHost, startHost } from './transport/host.ts'
import { Neighbours } from './transport/neighbours.ts'
import { directly, Reach } from './transport/reach.ts'
import type { Relay } from './transport/relay.ts'

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
  readonly relay: Relay | undefined
  /** Whether and where this host can be dialled. */
  readonly reach: Reach
  readonly #parts: Parts
  readonly #gauged: Omit<Gauged, 'now' | keyof Parts>
  readonly #roster: Roster
  readonly #relations: Relations
  readonly #speaker: Speaker
  readonly #neighbours: Neighbours
  readonly #invites: Invites
  readonly #certificates: Certificates
  readonly #requests: Requests
  readonly #options: OpenOptions
  readonly #timing: Timing
  readonly #now: () => number
  readonly #events: Events
  readonly #timers: NodeJS.Timeout[] = []
  #stopping: Promise<void> | undefined

  constructor(parts: Parts) {
    const { options, identity, host, directory, writes, counters, epoch, manners, gate } = parts
    const { log, keyValue: store, version } = options
    this.#parts = parts
    this.#options = options
    this.identity = identity
    this.host = host
    this.relay = parts.relay
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
    this.#events = new Events(log.warn, (event) => this.#followed(event))
    const { emit } = this.#events
    const clock = { now, random, timing }
    const common = { host, identity, directory, writes, self, version, log, count, emit, gate, ...clock }
    this.#roster = new Roster({ ...common, admitted })
    const learnt = (entry: Entry) => this.#roster.learnt(entry)
    this.#certificates = new Certificates({ ...common, learnt })
    const seek = (author: string, from: string) => this.#certificates.seek(author, from)
    this.ledger = new Ledger({ ...common, epoch, seek, cut: (entry) => this.#roster.tellCut(entry) })
    this.#neighbours = new Neighbours({ ...common, admitted, deny })
    this.#requests = new Requests({
      ...{ ...common, admitted, roster: this.#roster, neighbours: this.#neighbours },
      admission: () => this.admission,
    })
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
    this.reach = new Reach({
      ...{ ...common, ...options.relay, relay: parts.relay, listen: options.listen },
      peers: () => directly(host, peers()),
      probing: (peer, on) => this.admission.probing(peer, on),
      changed: () => this.#moved(),
    })
    this.admission = new Admission({
      ...common,
      administration,
      admitted: (entry, initiator) => relations.met(entry, initiator),
      gone: (peer) => void [this.#neighbours, this.reach].map((part) => part.gone(peer)),
      recovering: (entry) => void relations.recover(entry),
    })
    const side = sideOf({ ...common, ledger: this.ledger, learnt })
    const taken = () => side.taken
    this.synchroniser = new Synchroniser({ ...common, side, peers, admitted, may: this.#requests.may, taken })
    const { ledger, synchroniser } = this
    this.#speaker = new Speaker({
      ...common,
      options,
      ledger,
      administration,
      synchroniser,
      reach: this.reach,
    })
    const listen = options.enrolListen ?? enrolListen(options.listen)
    this.#invites = new Invites({ ...common, store, listen, learnt })
    const reach = (peer: string) => this.#neighbours.reach(peer)
    const issue = (entries: Uint8Array[]) => administration.issue(entries)
    this.renewal = new Renewal({ ...common, reach, learnt, issue })
    const authority = new Authority({ ...common, administration })
    this.operator = operatorOf({ authority, renewal: this.renewal, invites: this.#invites })
    const [neighbours, invites, questions] = [this.#neighbours, this.#invites, this.#requests.quota]
    const { admission, reach: whereabouts } = this
    const gauged = { ledger, synchroniser, admission, invites, neighbours, questions, relations }
    this.#gauged = { ...gauged, reach: whereabouts, roster: this.#roster }
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
    const { may, mayRecover } = this.#requests
    await Promise.all([
      admission.serve(),
      this.administration.serve(mayRecover),
      this.renewal.serve(mayRecover),
      this.#certificates.serve(may),
      ...(quiet ? [] : [this.synchroniser.serve(), this.reach.serve(may)]),
    ])
    await startHost(host, this.#options.listen)
    this.relay?.watch(host)
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
    if (quiet) return
    this.synchroniser.start()
    if (this.relay !== undefined) this.reach.start()
  }

  status(): MeshStatus {
    return statusOf({ ...this.#parts, ...this.#gauged, now: this.#now() })
  }

  members(): Member[] {
    return this.#roster.members()
  }

  stateOf(peer: string): MemberState | undefined {
    const entry = this.directory.get(peer)
    return entry && this.directory.state(entry, this.#now())
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
    this.#events.on(listener)
  }

  serve(name: string, handler: RequestHandler, bounds: { requestBytes: number; answerBytes: number }): void {
    this.#requests.serve(name, handler, bounds)
  }

  request(peer: string, name: string, request: Uint8Array, bounds: AskBounds): Promise<Uint8Array> {
    return this.#requests.request(peer, name, request, bounds)
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
    this.reach.stop()
    this.synchroniser.stop()
    this.admission.stop()
    this.administration.stop()
    await this.#invites.stop()
    await this.host.stop()
    await this.#parts.writes.end()
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

  /** Where this host can be reached has changed, or whether it serves as a relay. */
  #moved(): void {
    const own = this.directory.get(this.identity.peer)
    if (own !== undefined) own.addresses = this.reach.addresses()
    void this.#speaker.sayAlive()
  }

  #followed(event: MeshEvent): void {
    const author = event.type === 'record' && event.record.kind === 'alive' ? event.record.peer : undefined
    const entry = author === undefined ? undefined : this.directory.get(author)
    if (entry !== undefined) this.#relations.heard(entry)
  }

  #warn(what: string, error: unknown): void {
    this.#options.log.warn(`${what}: ${because(error)}`)
  }
}
