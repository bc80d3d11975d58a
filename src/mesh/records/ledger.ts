/** The records of a host: its own made, others' judged, all kept, persisted, told to listeners. No network here. */
import type { KeyValue } from '#store'
import { MeshError } from '../errors.ts'
import type { Identity } from '../identity/identity.ts'
import type { MeshEvent, MeshRecord, RecordKind } from '../interface.ts'
import { limits } from '../limits.ts'
import type { Directory, Entry } from '../members/directory.ts'
import { takeAlive } from './alive.ts'
import { Audit } from './audit.ts'
import { type About, Author } from './author.ts'
import { Buckets } from './buckets.ts'
import { equals } from './codec.ts'
import { readEnvelope, type Statement, type StatementKind, signedBy } from './envelope.ts'
import { Evidence } from './evidence.ts'
import { type Court, judge, type Verdict, type Way } from './judge.ts'
import { type Change, type Held, LiveState, later, slot } from './live.ts'
import { keep, restore } from './restore.ts'
import { type Manifest, Manifests, Vouchers } from './vouchers.ts'
import { Windows } from './windows.ts'
import type { Writes } from './writes.ts'

export interface Saying {
  clear?: boolean
  /** 1 to 9: a sync sends the heavier first. */
  weight?: number | undefined
}

export interface LedgerOptions {
  identity: Pick<Identity, 'meshId' | 'peer' | 'node'>
  /** This boot's generation. */
  epoch: number
  directory: Directory
  writes: Writes
  now(): number
  emit(event: MeshEvent): void
  /** A member told of a journal shorter than before. */
  cut(entry: Entry): void
  count(reason: string): void
  log: { warn(message: string): void }
  seek: Court['seek']
}

export class Ledger {
  readonly live = new LiveState()
  readonly windows = new Windows()
  readonly buckets = new Buckets()
  readonly #options: LedgerOptions
  readonly #court: Court
  readonly #author: Author
  readonly #evidence: Evidence
  readonly #vouchers: Vouchers
  readonly #manifests = new Manifests()
  readonly #audit = new Audit()
  /** A copy of this host's key was seen at work; said once. */
  #copied = false

  constructor(options: LedgerOptions) {
    this.#options = options
    const { identity, directory, now, seek, epoch } = options
    const { windows, buckets, live } = this
    this.#evidence = new Evidence(options)
    this.#vouchers = new Vouchers(live)
    this.#author = new Author(identity, epoch, now)
    const rules = {
      vouched: (s: Statement) => this.#vouchers.vouched(s),
      notMine: (s: Statement) => this.#author.foreign(s),
      replaces(s: Statement) {
        const rival = live.rival(s)
        return rival !== undefined && later(s, rival)
      },
    }
    const { meshId } = identity
    this.#court = { meshId, directory, now, seek, windows, buckets, live, ...rules }
  }

  get gauges() {
    const { live, windows, buckets } = this
    return {
      ...live.gauges,
      windows: windows.size,
      buckets: buckets.size,
      equivocations: this.#evidence.size,
      audit: this.#audit.waiting,
    }
  }

  /** Reads back what was kept. What does not hold any more is dropped and counted, never believed. */
  async load(store: KeyValue): Promise<void> {
    const { directory, now, count, writes } = this.#options
    const { windows, live } = this
    this.#evidence.size = await restore({ store, directory, windows, live, now: now() }, (key, damaged) => {
      if (damaged) count('kept-damaged')
      writes.del(key)
    })
  }

  /** Makes and keeps a statement of this host. It stands at least as long as the one it takes the place of. */
  say(kind: StatementKind, key: string, body: unknown, ttlMs: number, more: Saying = {}): Statement {
    const { clear = false, weight } = more
    const before = this.live.get(this.#options.identity.peer, slot({ kind, key }))?.statement
    const stood = before !== undefined && before.op !== 'clear' && before.expires > this.#options.now()
    const op = clear ? 'clear' : stood ? 'refresh' : 'raise'
    // An older statement must not come back when a shorter-lived one over it has run out.
    const statement = this.#author.make({ kind, key, body, op, weight }, ttlMs, before?.expires)
    this.windows.note(statement)
    this.#take(statement)
    return statement
  }

  /** Signs without keeping. Throws MeshError 'too-large', 'bad-record'. */
  make(about: About, ttlMs: number): Statement {
    return this.#author.make(about, ttlMs)
  }

  /** Judges what came over the network and, where it holds, takes it in. */
  async receive(data: Uint8Array, way: Way, from: string): Promise<Verdict> {
    const verdict = await judge(this.#court, data, way, from)
    if (verdict.result === 'accept') {
      if (verdict.equivocation) this.#outdo(verdict.statement)
      this.#heard(verdict.statement)
      const change = this.#take(verdict.statement)
      if (verdict.vouched && change !== 'capped') this.#audit.add(verdict.statement)
      if (change === 'capped') this.#options.count('capped')
      return verdict
    }
    // That a sync offers what gossip has just brought is its nature.
    if (way === 'gossip' || (verdict.reason !== 'duplicate' && verdict.reason !== 'superseded'))
      this.#options.count(verdict.reason)
    if (verdict.reason === 'equivocation') this.#prove(verdict.statement as Statement)
    if (verdict.reason === 'own-key' && !this.#copied) {
      this.#copied = true
      this.#options.log.warn(
        `another host signs with this host's key (${this.#options.identity.peer}); find the copy of its state folder, and join anew`,
      )
    }
    return verdict
  }

  /** Verifies an envelope alone. Throws MeshError 'bad-record' or 'bad-certificate'. */
  verify(envelope: Uint8Array): MeshRecord {
    const { directory, identity, now } = this.#options
    if (envelope.length > limits.envelopeBytes) throw new MeshError('bad-record', 'the record is too large')
    const statement = readEnvelope(envelope)
    const entry = directory.get(statement.author)
    if (entry === undefined)
      throw new MeshError('bad-certificate', `${statement.author} is no member this host knows`)
    const objection = directory.objection(entry, now())
    if (objection !== undefined) throw new MeshError('bad-certificate', objection)
    if (!equals(statement.meshId, identity.meshId))
      throw new MeshError('bad-record', 'the record belongs to another mesh')
    if (!signedBy(statement, entry.certificate.publicKey))
      throw new MeshError('bad-record', `the record is not signed by ${entry.certificate.name}`)
    return this.record(statement, now())
  }

  record(statement: Statement, received: number): MeshRecord {
    const { author, kind, key, op, epoch, seq, ts, expires, body, envelope } = statement
    const name = this.#options.directory.get(author)?.certificate.name ?? author
    return {
      kind: kind as RecordKind,
      key,
      operation: op,
      peer: author,
      name,
      epoch,
      sequence: seq,
      made: ts,
      expires,
      received,
      body,
      envelope,
    }
  }

  records(kind?: RecordKind): MeshRecord[] {
    const now = this.#options.now()
    const all: MeshRecord[] = []
    for (const { statement, received } of this.live.all())
      if (isRecord(statement) && statement.expires > now && (kind ?? statement.kind) === statement.kind)
        if (!this.#revoked(statement.author)) all.push(this.record(statement, received))
    return all.sort((a, b) => b.made - a.made || b.sequence - a.sequence)
  }

  own(): Statement[] {
    const mine = [...this.live.of(this.#options.identity.peer)].map((held) => held.statement)
    return mine.filter((statement) => isRecord(statement) && statement.kind !== 'alive')
  }

  /** A member is no longer known: its windows go; its records cannot be verified and go when they run out. */
  dropped(author: string): void {
    this.windows.forget(author)
    this.#options.writes.del(`window/${author}`)
    this.#options.writes.del(`member/${author}`)
  }

  /** Its author is revoked: kept, and counting for nothing. */
  withdraw(author: string): void {
    for (const { statement, received } of this.live.of(author))
      if (isRecord(statement))
        this.#options.emit({ type: 'record', change: 'expired', record: this.record(statement, received) })
  }

  /** The manifest this host should publish now, if one is due. */
  manifest(): Manifest | undefined {
    return this.#manifests.next(this.live, this.#options.identity.peer, this.#options.now())
  }

  /** Looks at some of the signatures that manifests stood in for. What is false goes, and its author is believed no manifest more. */
  audit(): void {
    const { directory, count } = this.#options
    const holds = (statement: Statement) => {
      const entry = directory.get(statement.author)
      return entry === undefined || signedBy(statement, entry.certificate.publicKey)
    }
    for (const statement of this.#audit.turn(holds)) {
      count('false-voucher')
      const manifests = [...this.live.of(statement.author)].map((held) => held.statement)
      this.#evidence.falseVoucher(
        statement,
        manifests.filter(({ kind }) => kind === 'manifest').map((m) => m.envelope),
      )
      this.#vouchers.distrust(statement.author)
      if (this.live.drop(statement)) this.#gone({ statement, received: this.#options.now() })
    }
  }

  sweep(): void {
    for (const held of this.live.sweep(this.#options.now())) this.#gone(held)
  }

  #gone({ statement, received }: Held): void {
    this.#forget(statement)
    if (isRecord(statement) && !this.#revoked(statement.author))
      this.#options.emit({ type: 'record', change: 'expired', record: this.record(statement, received) })
  }

  #revoked(author: string): boolean {
    const entry = this.#options.directory.get(author)
    return entry !== undefined && this.#options.directory.state(entry, this.#options.now()) === 'revoked'
  }

  #take(statement: Statement): Change {
    const { writes, emit, now } = this.#options
    const received = Math.round(now())
    const { change, evicted } = this.live.merge(statement, received)
    if (change === 'duplicate' || change === 'superseded') return change
    writes.put(place(statement), () => keep(statement.envelope, received))
    for (const gone of evicted) this.#forget(gone)
    writes.put(`window/${statement.author}`, () => this.windows.save(statement.author))
    if (statement.kind === 'manifest') this.#vouchers.changed(statement.author)
    else if (change === 'raised' || change === 'refreshed' || change === 'cleared')
      emit({ type: 'record', change, record: this.record(statement, received) })
    return change
  }

  #heard(statement: Statement): void {
    const { directory, writes, now } = this.#options
    const entry = directory.get(statement.author) as Entry
    directory.heard(entry, Math.min(now(), statement.ts - entry.skewMs))
    if (statement.kind !== 'alive') return
    entry.left = statement.op === 'clear'
    if (takeAlive(entry, statement.body, directory, now())) this.#options.cut(entry)
    writes.put(`member/${statement.author}`, () => directory.save(entry))
  }

  #prove(second: Statement): void {
    this.#evidence.equivocation(second, this.live.rival(second))
  }

  /** Of two statements under one number every host keeps the same one. */
  #outdo(second: Statement): void {
    this.#options.count('equivocation')
    const first = this.live.rival(second)
    this.#evidence.equivocation(second, first)
    if (first !== undefined && slot(first) !== slot(second) && this.live.drop(first))
      this.#gone({ statement: first, received: this.#options.now() })
  }

  #forget(statement: Statement): void {
    if (statement.kind === 'manifest') this.#vouchers.changed(statement.author)
    this.#options.writes.del(place(statement))
  }
}

const isRecord = ({ op, kind }: Statement): boolean => op !== 'clear' && kind !== 'manifest'

const place = (statement: Statement): string => `record/${statement.author}/${slot(statement)}`
