/** The records of a host: its own made, others' judged, all kept, persisted, and told to listeners. No network here. */
import { z } from 'zod'
import type { KeyValue } from '#store'
import { Buckets } from './buckets.ts'
import { someBytes, time } from './certificate.ts'
import { decode, encode, equals } from './codec.ts'
import { addresses, type Directory, type Entry } from './directory.ts'
import { makeEnvelope, readEnvelope, type Statement, signedBy } from './envelope.ts'
import { because, MeshError } from './errors.ts'
import type { Identity } from './identity.ts'
import type { MeshEvent, MeshRecord, RecordKind, RecordOperation } from './interface.ts'
import { type Court, judge, type Verdict, type Way } from './judge.ts'
import { limits } from './limits.ts'
import { type Change, LiveState, slot } from './live.ts'
import { Windows } from './windows.ts'
import type { Writes } from './writes.ts'

const saved = z.strictObject({ envelope: someBytes(limits.envelopeBytes), received: time })
const aliveBody = z.object({
  addresses,
  version: z.string().max(64),
  /** How far its admin log reaches, and the keys of the ring it holds. */
  admin: z.int().nonnegative(),
  ring: z.array(z.string().max(16)).max(16),
})
export type Alive = z.infer<typeof aliveBody>

/** The one statement of kind 'alive' a host makes. */
export const aliveKey = 'host'

export interface LedgerOptions {
  identity: Pick<Identity, 'meshId' | 'peer' | 'node'>
  /** This boot's generation. */
  epoch: number
  directory: Directory
  writes: Writes
  now(): number
  emit(event: MeshEvent): void
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
  #sequence = 0
  #evidence = 0
  /** A copy of this host's key was seen at work; said once. */
  #copied = false

  constructor(options: LedgerOptions) {
    this.#options = options
    const { identity, directory, now, seek, epoch } = options
    const { meshId, peer } = identity
    const { windows, buckets, live } = this
    const notMine = (s: Statement) =>
      s.author === peer && (s.epoch > epoch || (s.epoch === epoch && s.seq > this.#sequence))
    this.#court = { meshId, directory, now, seek, windows, buckets, live, notMine }
  }

  get gauges() {
    const { live, windows, buckets } = this
    return { ...live.gauges, windows: windows.size, buckets: buckets.size, equivocations: this.#evidence }
  }

  /** Reads back what was kept. What does not hold any more is dropped and counted, never believed. */
  async load(store: KeyValue): Promise<void> {
    for await (const [key, value] of store.list({ prefix: 'window/' }))
      this.#orDrop(key, () => {
        const author = key.slice('window/'.length)
        if (this.#options.directory.get(author) === undefined) throw new Error('author unknown')
        this.windows.load(author, value)
      })
    for await (const [key, value] of store.list({ prefix: 'record/' }))
      this.#orDrop(key, () => {
        const { envelope, received } = saved.parse(decode(value))
        const statement = readEnvelope(envelope)
        if (statement.expires <= this.#options.now()) throw new Error('expired')
        if (this.#options.directory.get(statement.author) === undefined) throw new Error('author unknown')
        this.live.merge(statement, received)
      })
    for await (const _ of store.list({ prefix: 'evidence/' })) this.#evidence += 1
  }

  /** Makes and keeps a statement of this host. It stands at least as long as the one it takes the place of. */
  say(kind: RecordKind, key: string, body: unknown, ttlMs: number, clear = false): Statement {
    const before = this.live.get(this.#options.identity.peer, slot({ kind, key }))?.statement
    const stood = before !== undefined && before.op !== 'clear' && before.expires > this.#options.now()
    const op = clear ? 'clear' : stood ? 'refresh' : 'raise'
    // An older statement must not come back when a shorter-lived one over it has run out.
    const statement = this.make(kind, key, body, ttlMs, op, before?.expires)
    this.windows.note(statement)
    this.#take(statement)
    return statement
  }

  /** Signs under the next number. Throws MeshError 'too-large', 'bad-record'. */
  make(
    kind: RecordKind,
    key: string,
    body: unknown,
    ttlMs: number,
    op: RecordOperation,
    atLeast = 0,
  ): Statement {
    const { identity, epoch, now } = this.#options
    const { meshId, peer: author, node } = identity
    if (!(ttlMs > 0 && ttlMs <= limits.maxLifetime))
      throw new MeshError('bad-record', `${kind} ${key}: ${ttlMs} ms is no lifetime; at most 30 days`)
    const ts = Math.round(now())
    const expires = Math.min(Math.max(ts + Math.ceil(ttlMs), atLeast), ts + limits.maxLifetime)
    const seq = this.#sequence + 1
    const statement = makeEnvelope({ meshId, author, epoch, seq, ts, expires, kind, key, op, body }, node)
    this.#sequence = seq
    return statement
  }

  /** Judges what came over the network and, where it holds, takes it in. */
  async receive(data: Uint8Array, way: Way, from: string): Promise<Verdict> {
    const verdict = await judge(this.#court, data, way, from)
    if (verdict.result === 'accept') {
      this.#heard(verdict.statement)
      const change = this.#take(verdict.statement)
      if (change === 'capped') this.#options.count('capped')
      return verdict
    }
    // That a sync offers what gossip has just brought is its nature.
    if (way === 'gossip' || (verdict.reason !== 'duplicate' && verdict.reason !== 'superseded'))
      this.#options.count(verdict.reason)
    if (verdict.reason === 'equivocation') this.#keepEvidence(verdict.statement as Statement)
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
      kind,
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
      if (statement.op !== 'clear' && statement.expires > now && (kind ?? statement.kind) === statement.kind)
        if (!this.#revoked(statement.author)) all.push(this.record(statement, received))
    return all.sort((a, b) => b.made - a.made || b.sequence - a.sequence)
  }

  /** Own statements that stand, but for 'alive'. */
  own(): Statement[] {
    const mine = [...this.live.of(this.#options.identity.peer)].map((held) => held.statement)
    return mine.filter(({ op, kind }) => op !== 'clear' && kind !== 'alive')
  }

  /** A member is no longer known: its windows go; its records cannot be verified and go when they run out. */
  dropped(author: string): void {
    this.windows.forget(author)
    this.#options.writes.del(`window/${author}`)
    this.#options.writes.del(`member/${author}`)
  }

  /** Its author is revoked: what it said is kept, and counts for nothing any more. */
  withdraw(author: string): void {
    for (const { statement, received } of this.live.of(author))
      if (statement.op !== 'clear')
        this.#options.emit({ type: 'record', change: 'expired', record: this.record(statement, received) })
  }

  sweep(): void {
    for (const { statement, received } of this.live.sweep(this.#options.now())) {
      this.#forget(statement)
      if (statement.op !== 'clear' && !this.#revoked(statement.author))
        this.#options.emit({ type: 'record', change: 'expired', record: this.record(statement, received) })
    }
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
    writes.put(place(statement), () => encode({ envelope: statement.envelope, received }))
    for (const gone of evicted) this.#forget(gone)
    writes.put(`window/${statement.author}`, () => this.windows.save(statement.author))
    if (change === 'raised' || change === 'refreshed' || change === 'cleared')
      emit({ type: 'record', change, record: this.record(statement, received) })
    return change
  }

  #heard(statement: Statement): void {
    const { directory, writes, now } = this.#options
    const entry = directory.get(statement.author) as Entry
    directory.heard(entry, Math.min(now(), statement.ts - entry.skewMs))
    if (statement.kind !== 'alive') return
    entry.left = statement.op === 'clear'
    const body = aliveBody.safeParse(statement.body)
    if (body.success) {
      const { addresses, version, admin, ring } = body.data
      Object.assign(entry, { addresses, version, adminSeq: Math.max(entry.adminSeq, admin), ringHeld: ring })
    }
    writes.put(`member/${statement.author}`, () => directory.save(entry))
  }

  #keepEvidence(second: Statement): void {
    const { count, log, writes, directory } = this.#options
    const sameNumber = (s: Statement) => s.epoch === second.epoch && s.seq === second.seq
    const first = [...this.live.of(second.author)].find((held) => sameNumber(held.statement))?.statement
    if (this.#evidence >= limits.equivocations) {
      count('evidence-full')
      return
    }
    this.#evidence += 1
    const name = directory.get(second.author)?.certificate.name
    log.warn(
      `${name} (${second.author}) has signed two statements under one number, ${second.epoch}.${second.seq}: its key is copied or it lies`,
    )
    const both = [second.envelope, ...(first === undefined ? [] : [first.envelope])]
    writes.put(`evidence/${second.author}/${second.epoch}/${second.seq}`, encode(both))
  }

  #forget(statement: Statement): void {
    this.#options.writes.del(place(statement))
  }

  #orDrop(key: string, load: () => void): void {
    try {
      load()
    } catch (error) {
      if (because(error) !== 'expired') this.#options.count('kept-damaged')
      this.#options.writes.del(key)
    }
  }
}

const place = (statement: Statement): string => `record/${statement.author}/${slot(statement)}`
