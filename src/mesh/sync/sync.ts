/**
 * `/lymph/sync/1`: two members end with the same state. Turns: hash; equal or vector; numbers; wants and records; records.
 *
 * What is compared is what *stands*, not how far each has counted: per author the XOR print of the live statements, and for
 * authors whose prints differ their (epoch, number) lists. A number that was superseded is simply not in any list, so nothing
 * has to be said about gaps; a statement gossip lost below the highest number is still found; and nobody can talk a host out
 * of a statement by claiming to have counted past it. The price is about two bytes a live statement of an author who differs.
 */
import { z } from 'zod'
import { bytes, someBytes } from '../identity/certificate.ts'
import { limits } from '../limits.ts'
import { type KnownMember, knownMembers } from '../members/directory.ts'
import { compare, concat, decode, encode, equals, fromString, sha256 } from '../records/codec.ts'
import type { StatementKind } from '../records/envelope.ts'

export interface Numbered {
  kind: StatementKind
  weight?: number | undefined
  author: string
  epoch: number
  seq: number
  envelope: Uint8Array
}

/** What sync needs of a host. */
export interface Side {
  /** Every member known, with the print of its certificate and of what stands of it. */
  vector(): { peer: string; certificate: Uint8Array; records: Uint8Array }[]
  standing(author: string): Iterable<Numbered>
  member(peer: string): KnownMember | undefined
  learn(member: KnownMember): void
  /** Takes a record in. False where it can never be valid. */
  take(envelope: Uint8Array): Promise<boolean>
  /** Called after each batch: resolves when it is safe to take more. */
  settled(): Promise<void>
}

const peer = z.string().max(80)
/** author, [[epoch, first number and the steps between numbers, ascending], ...] */
const numbers = z
  .array(z.tuple([peer, z.array(z.tuple([z.int().nonnegative(), z.array(z.int().nonnegative())])).max(64)]))
  .max(limits.members)
  .refine((all) => countOf(all) <= limits.recordsInAll)
const members = knownMembers.max(membersAtOnce())
const shapes = {
  have: z.tuple([z.literal('have'), bytes(32)]),
  equalOrVector: z.union([
    z.tuple([z.literal('equal')]),
    z.tuple([z.literal('later')]),
    z.tuple([z.literal('vector'), z.array(z.tuple([peer, bytes(8), bytes(16)])).max(limits.members)]),
  ]),
  numbers: z.tuple([z.literal('numbers'), numbers, z.array(peer).max(membersAtOnce()), members]),
  wants: z.tuple([z.literal('wants'), numbers, members]),
  recordsOrDone: z.union([
    z.tuple([z.literal('records'), z.array(someBytes(limits.envelopeBytes)).max(4096)]),
    z.tuple([z.literal('done')]),
  ]),
}
type Numbers = z.infer<typeof numbers>

function countOf(all: [string, [number, number[]][]][]): number {
  let count = 0
  for (const [, epochs] of all) for (const [, deltas] of epochs) count += deltas.length
  return count
}

/** Certificates of more members than this come with the next sync. */
function membersAtOnce(): number {
  return 500
}

type Incoming = AsyncIterable<Uint8Array>
type Session = (incoming: Incoming) => AsyncGenerator<Uint8Array>

export function stateHash(side: Side): Uint8Array {
  const lines = side.vector().map((v) => concat([fromString(`${v.peer}\0`), v.certificate, v.records]))
  return sha256(concat(lines.sort(compare)))
}

/** The side that opened the stream. `later` is called where the other side has enough to do. */
export function initiate(side: Side, later: () => void = () => undefined): Session {
  return async function* (incoming) {
    const next = reader(incoming)
    yield encode(['have', stateHash(side)])
    const reply = await next(shapes.equalOrVector)
    if (reply[0] === 'later') later()
    if (reply[0] !== 'vector') return
    const mine = new Map(side.vector().map((v) => [v.peer, v]))
    const differ: string[] = []
    const wanted: string[] = []
    const unknownThere: KnownMember[] = []
    const told = new Set<string>()
    for (const [peer, certificate, records] of reply[1]) {
      told.add(peer)
      const own = mine.get(peer)
      if (own === undefined || !equals(own.records, records)) differ.push(peer)
      if (own !== undefined && equals(own.certificate, certificate)) continue
      wanted.push(peer)
      const known = own && side.member(peer)
      if (known !== undefined) unknownThere.push(known)
    }
    for (const peer of mine.keys()) {
      if (told.has(peer)) continue
      differ.push(peer)
      const known = side.member(peer)
      if (known !== undefined) unknownThere.push(known)
    }
    yield encode([
      'numbers',
      list(side, differ),
      wanted.slice(0, membersAtOnce()),
      unknownThere.slice(0, membersAtOnce()),
    ])
    const [, wants, known] = await next(shapes.wants)
    for (const member of known) side.learn(member)
    await takeRecords(side, next)
    yield* batches(pick(side, wants))
    yield encode(['done'])
  }
}

/** The side that was asked, and has enough to do: where there is something to tell the other comes back. */
export function postpone(side: Side): Session {
  return async function* (incoming) {
    const [, theirHash] = await reader(incoming)(shapes.have)
    yield encode([equals(theirHash, stateHash(side)) ? 'equal' : 'later'])
  }
}

/** The side that was asked. */
export function respond(side: Side): Session {
  return async function* (incoming) {
    const next = reader(incoming)
    const [, theirHash] = await next(shapes.have)
    if (equals(theirHash, stateHash(side))) {
      yield encode(['equal'])
      return
    }
    yield encode(['vector', side.vector().map((v) => [v.peer, v.certificate, v.records])])
    const [, theirs, wanted, known] = await next(shapes.numbers)
    for (const member of known) side.learn(member)
    const { lackHere, lackThere } = difference(side, theirs)
    const members = wanted.map((peer) => side.member(peer)).filter((member) => member !== undefined)
    yield encode(['wants', lackHere, members])
    yield* batches(lackThere)
    yield encode(['done'])
    await takeRecords(side, next)
  }
}

function reader(incoming: Incoming) {
  const iterator = incoming[Symbol.asyncIterator]()
  return async <T>(shape: z.ZodType<T>): Promise<T> => {
    const { value, done } = await iterator.next()
    if (done === true) throw new Error('the other side ended the sync early')
    return shape.parse(decode(value))
  }
}

async function takeRecords(side: Side, next: ReturnType<typeof reader>): Promise<void> {
  for (let taken = 0, bad = 0; ; ) {
    const message = await next(shapes.recordsOrDone)
    if (message[0] === 'done') return
    taken += message[1].length
    // No honest host holds more, and none stops on its own that does not mean to end.
    if (taken > limits.recordsInAll) throw new Error('more records than a mesh can hold')
    for (const envelope of message[1]) if (!(await side.take(envelope))) bad += 1
    // An author may have talked an honest host into holding some (vouchers.ts); many are the host's own doing.
    if (bad > limits.syncBad) throw new Error('many records that can never hold')
    await side.settled()
  }
}

function list(side: Side, authors: string[]): Numbers {
  const all: Numbers = []
  for (const author of authors) all.push([author, steps(side.standing(author))])
  return all
}

function steps(records: Iterable<{ epoch: number; seq: number }>): Numbers[number][1] {
  const epochs = new Map<number, number[]>()
  for (const { epoch, seq } of records) {
    const numbers = epochs.get(epoch) ?? []
    epochs.set(epoch, numbers)
    numbers.push(seq)
  }
  // An author that has restarted more than 64 times within its records' life: the newest epochs first, the rest next time.
  return [...epochs]
    .sort(([a], [b]) => b - a)
    .slice(0, 64)
    .map(([epoch, numbers]) => {
      numbers.sort((a, b) => a - b)
      return [epoch, numbers.map((number, i) => number - (numbers[i - 1] ?? 0))]
    })
}

function ids(epochs: Numbers[number][1]): Set<string> {
  const all = new Set<string>()
  for (const [epoch, deltas] of epochs) {
    let number = 0
    for (const delta of deltas) {
      number += delta
      all.add(`${epoch}.${number}`)
    }
  }
  return all
}

function difference(side: Side, theirs: Numbers): { lackHere: Numbers; lackThere: Numbered[] } {
  const lackHere: Numbers = []
  const lackThere: Numbered[] = []
  for (const [author, epochs] of theirs) {
    const there = ids(epochs)
    const lacks: Numbered[] = []
    const all = [...side.standing(author)]
    for (const record of all) if (!there.delete(`${record.epoch}.${record.seq}`)) lacks.push(record)
    if (there.size === 0 && lacks.length === 0) {
      // The same numbers, yet not the same: somewhere the author has said two things under one. Each shows all it has.
      lackThere.push(...all)
      lackHere.push([author, epochs])
      continue
    }
    lackThere.push(...lacks)
    if (there.size === 0) continue
    const wanted = [...there].map((id) => {
      const [epoch, seq] = id.split('.').map(Number) as [number, number]
      return { epoch, seq }
    })
    lackHere.push([author, steps(wanted)])
  }
  return { lackHere, lackThere }
}

function pick(side: Side, wants: Numbers): Numbered[] {
  const out: Numbered[] = []
  for (const [author, epochs] of wants) {
    const wanted = ids(epochs)
    for (const record of side.standing(author))
      if (wanted.has(`${record.epoch}.${record.seq}`)) out.push(record)
  }
  return out
}

const urgency: Record<StatementKind, number> = {
  semaphore: 2,
  manifest: 1,
  alive: 3,
  inventory: 4,
  digest: 5,
}
/** What its author says matters goes before the manifests, which go before all that they vouch for. */
const rank = ({ kind, weight }: Numbered): number =>
  kind === 'semaphore' && weight ? -weight : urgency[kind]

/** 64 KiB at a time, what matters most first, then the newest: a sync that is cut short has carried the most. */
function* batches(records: Numbered[]): Generator<Uint8Array> {
  records.sort((a, b) => rank(a) - rank(b) || b.epoch - a.epoch || b.seq - a.seq)
  let batch: Uint8Array[] = []
  let size = 0
  for (const { envelope } of records) {
    if (size + envelope.length > limits.syncBatchBytes) {
      yield encode(['records', batch])
      batch = []
      size = 0
    }
    batch.push(envelope)
    size += envelope.length
  }
  if (batch.length > 0) yield encode(['records', batch])
}
