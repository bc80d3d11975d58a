/** A profile record as the plain value that a profile file's CBOR holds, and back with every field checked. */
import { checkJudgementBody } from './judgement/index.ts'
import { bitCount, CALL_LIMIT, distanceMask, pairCode } from './pairs.ts'
import type { ProfileRecord } from './record.ts'
import type { PairSupport } from './support.ts'
import { type ProfileTables, SLOTS, type TableRow } from './types.ts'

const ABIS = ['x86-64', 'i386', 'arm64'] as const
const TEXT_LIMIT = 4096
const ABOUT_LIMIT = 32

type Fields = Record<string, unknown>

/** Process numbers are kept as a byte of their logarithm, in eighths: within 5 %, up to 2^31. */
const toLog = (count: number) => Math.min(255, Math.max(1, Math.round(Math.log2(Math.max(1, count)) * 8) + 1))
const fromLog = (byte: number) => Math.round(2 ** ((byte - 1) / 8))

/** Pairs of a row in the order their support is written in. */
function* rowPairs(row: TableRow): Generator<number> {
  for (let previous = 0; previous < row.train.length; previous++)
    for (let rest = row.train[previous]!; rest !== 0; rest &= rest - 1)
      yield pairCode(row.current, previous, 32 - Math.clz32(rest & -rest))
}

/** [current, previous slots (16 bit little-endian), train bytes, test bytes, (first, seen: log bytes, 0 = none)]. */
function packRow(row: TableRow, support: ProfileRecord['support']): unknown[] {
  const slots: number[] = []
  for (let previous = 0; previous < row.train.length; previous++)
    if (row.train[previous] !== 0 || row.test[previous] !== 0) slots.push(previous)
  const previous = new Uint8Array(slots.length * 2)
  slots.forEach((slot, i) => {
    previous[2 * i] = slot & 0xff
    previous[2 * i + 1] = slot >> 8
  })
  const packed: unknown[] = [
    row.current,
    previous,
    Uint8Array.from(slots, (slot) => row.train[slot]!),
    Uint8Array.from(slots, (slot) => row.test[slot]!),
  ]
  if (support) {
    const known = [...rowPairs(row)].map((code) => support.get(code))
    packed.push(
      Uint8Array.from(known, (pair) => (pair ? toLog(pair.first) : 0)),
      Uint8Array.from(known, (pair) => (pair ? toLog(pair.seen) : 0)),
      Uint8Array.from(known, (pair) => (pair?.borrowed ? 1 : 0)),
    )
  }
  return packed
}

/** Nothing where none of it is of a pair that is there: training may have been dropped since. Reading gives nothing then. */
function supportIn({ tables, support }: ProfileRecord): ProfileRecord['support'] {
  if (!support) return undefined
  for (const row of tables.rows) for (const code of rowPairs(row)) if (support.has(code)) return support
  return undefined
}

/** Key order does not matter: the encoder sorts. */
export function bodyOf(record: ProfileRecord): Fields {
  const { key, tables } = record
  const support = supportIn(record)
  const set = (kind: 'train' | 'test') => [
    tables[kind].sequences,
    tables[kind].trainCount,
    tables[kind].lastModCount,
  ]
  return {
    binary: key.binary,
    abi: key.abi,
    window: key.window,
    sha256: key.sha256,
    empty: record.empty,
    calls: tables.calls,
    anomalies: tables.anomalies,
    normal: tables.normal,
    frozen: record.frozen,
    normalTime: record.normalTime,
    since: record.since,
    made: record.made,
    train: set('train'),
    test: set('test'),
    about: record.about,
    names: [...record.names].sort(([a], [b]) => a - b),
    ...(record.response === undefined ? {} : { response: record.response }),
    ...(record.judgement === undefined ? {} : { judgement: record.judgement }),
    rows: tables.rows
      .map((row) => packRow(row, support))
      .filter((row) => (row[1] as Uint8Array).length > 0)
      .sort((a, b) => (a[0] as number) - (b[0] as number)),
  }
}

function check(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Error(what)
}

function count(value: unknown, what: string, most = Number.MAX_SAFE_INTEGER): number {
  check(
    Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) <= most,
    `${what} is wrong`,
  )
  return value as number
}

function text(value: unknown, what: string, most = TEXT_LIMIT): string {
  check(typeof value === 'string' && value.length <= most, `${what} is wrong`)
  return value
}

function oneOf<T extends string>(value: unknown, words: readonly T[], what: string): T {
  check(words.includes(value as T), `${what} is wrong`)
  return value as T
}

function flag(value: unknown, what: string): boolean {
  check(typeof value === 'boolean', `${what} is wrong`)
  return value
}

function list(value: unknown, what: string, most: number): unknown[] {
  check(Array.isArray(value) && value.length <= most, `${what} is wrong`)
  return value
}

function bytes(value: unknown, what: string, length?: number): Uint8Array {
  check(value instanceof Uint8Array && (length === undefined || value.length === length), `${what} is wrong`)
  return value
}

function counters(value: unknown, what: string): ProfileTables['train'] {
  const three = list(value, what, 3)
  return {
    sequences: count(three[0], what),
    trainCount: count(three[1], what),
    lastModCount: count(three[2], what),
  }
}

function unpackRow(value: unknown, window: number, support: Map<number, PairSupport>): TableRow {
  const packed = list(value, 'a row', 7)
  check(packed.length === 4 || packed.length === 7, 'a row is wrong')
  const current = count(packed[0], 'a current call', CALL_LIMIT - 1)
  const previous = bytes(packed[1], 'a row')
  check(
    previous.length % 2 === 0 && previous.length > 0 && previous.length <= CALL_LIMIT * 2,
    'a row is wrong',
  )
  const cells = previous.length / 2
  const train = bytes(packed[2], 'a training row', cells)
  const test = bytes(packed[3], 'a test row', cells)
  const last = previous[2 * cells - 2]! | (previous[2 * cells - 1]! << 8)
  check(last < CALL_LIMIT, 'a previous call is wrong')
  let width = SLOTS
  while (width <= last) width *= 2
  const row = { current, train: new Uint8Array(width), test: new Uint8Array(width) }
  const foreign = ~distanceMask(window)
  let before = -1
  let pairs = 0
  for (let i = 0; i < cells; i++) {
    const slot = previous[2 * i]! | (previous[2 * i + 1]! << 8)
    check(slot > before && slot < width, 'previous calls are not in order')
    check((train[i]! & foreign) === 0 && (test[i]! & foreign) === 0, 'a distance exceeds the window')
    row.train[slot] = train[i]!
    row.test[slot] = test[i]!
    pairs += bitCount(train[i]!)
    before = slot
  }
  if (packed.length === 7) {
    const [first, seen, borrowed] = [4, 5, 6].map((i) => bytes(packed[i], 'support of a row', pairs))
    let i = 0
    for (const code of rowPairs(row)) {
      if (first![i] !== 0)
        support.set(code, {
          first: fromLog(first![i]!),
          seen: fromLog(seen![i]!),
          borrowed: borrowed![i] === 1,
        })
      i++
    }
  }
  return row
}

/** Throws an Error that names the field which is wrong. */
export function recordOfBody(value: unknown): ProfileRecord {
  check(typeof value === 'object' && value !== null && !Array.isArray(value), 'it is no map')
  const body = value as Fields
  const window = count(body.window, 'window', 9)
  check(window >= 2, 'window is wrong')
  const sha256 = text(body.sha256, 'sha256', 64)
  check(/^([0-9a-f]{64})?$/.test(sha256), 'sha256 is wrong')
  const about = body.about
  check(typeof about === 'object' && about !== null && !Array.isArray(about), 'about is wrong')
  check(Object.keys(about).length <= ABOUT_LIMIT, 'about is too long')
  const names = new Map<number, string>()
  for (const entry of list(body.names, 'names', CALL_LIMIT)) {
    const two = list(entry, 'names', 2)
    names.set(count(two[0], 'names', CALL_LIMIT - 1), text(two[1], 'names', 256))
  }
  const judgement = body.judgement === undefined ? undefined : checkJudgementBody(body.judgement)
  check(judgement === undefined || judgement.window === window, 'the window of its judgement is another')
  const support = new Map<number, PairSupport>()
  const rows = list(body.rows, 'rows', CALL_LIMIT).map((row) => unpackRow(row, window, support))
  check(
    rows.every((row, i) => i === 0 || rows[i - 1]!.current < row.current),
    'rows are not in order',
  )
  return {
    key: {
      binary: text(body.binary, 'binary'),
      abi: oneOf(body.abi, ABIS, 'abi'),
      window,
      sha256,
    },
    empty: oneOf(body.empty, ['symbol', 'skip'] as const, 'empty'),
    tables: {
      calls: count(body.calls, 'calls'),
      train: counters(body.train, 'train'),
      test: counters(body.test, 'test'),
      anomalies: count(body.anomalies, 'anomalies'),
      normal: flag(body.normal, 'normal'),
      rows,
    },
    frozen: flag(body.frozen, 'frozen'),
    normalTime: count(body.normalTime, 'normalTime'),
    since: count(body.since, 'since'),
    made: count(body.made, 'made'),
    ...(body.response === undefined
      ? {}
      : { response: oneOf(body.response, ['ignore', 'delay'] as const, 'response') }),
    names,
    about: Object.fromEntries(
      Object.entries(about).map(([name, said]) => [text(name, 'about', 64), text(said, 'about')]),
    ),
    ...(support.size > 0 ? { support } : {}),
    ...(judgement === undefined ? {} : { judgement }),
  }
}
