/** A judgement as the plain value that a profile file's CBOR holds, and back with every field checked. */
import { CALL_LIMIT, distanceMask } from '../pairs.ts'
import { LEAST_UNITS, RING_UNITS } from './calibration.ts'
import { EDGES_LIMIT, type ExecEdge, PATH_LIMIT } from './edges.ts'
import { GRAMS_LIMIT, type GramTable } from './grams.ts'
import { type HeldUnit, heldFrom, heldUnit } from './held.ts'
import { Judgement, type JudgementParts, RING_LIMIT, type RingEntry } from './judgement.ts'
import { RECURRING } from './recurrence.ts'
import { ORDERS, type Order, Supports } from './supports.ts'
import type { Observables } from './types.ts'

const VERSION = 1
const UNITS_MOST = 0xffff_ffff
/** Bytes of a number in a profile file, little-endian as everything there. */
const CALL_BYTES = 2
const SUPPORT_BYTES = 4
const DOUBLE_BYTES = 8

/** What a profile file keeps of a judgement. Made by `judgementBody`, or checked by `checkJudgementBody`. */
export interface JudgementBody {
  version: typeof VERSION
  window: number
  /** [n, units, 1 when settled, units since the last calibration] */
  counts: number[]
  /** For k = 1, 2, 3, 7, 8: grams in ascending order (16 bits a call), and their supports (32 bits). */
  grams: [grams: Uint8Array, supports: Uint8Array][]
  /** By current call: previous calls (16 bits each) and a byte of distances for each, as in the profile's rows. */
  pairs: [current: number, previous: Uint8Array, distances: Uint8Array][]
  edges: [parent: string, started: string][]
  /** Doubles: n, r, s, ordinal of each unit. */
  ring: Uint8Array
  /** Doubles: n, r, s of each unit of the yardstick in force; empty: there is none. */
  calibration: Uint8Array
  /** Doubles: U with drift 6 and with drift 5. */
  recurrence: Uint8Array
  /** Units that wait to be learned, and units that only the operator's word learns. Absent: none. */
  held?: [waiting: HeldUnit[], aside: HeldUnit[]]
}

function doubles(values: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(values.length * DOUBLE_BYTES)
  const view = new DataView(bytes.buffer)
  for (const [i, value] of values.entries()) view.setFloat64(i * DOUBLE_BYTES, value, true)
  return bytes
}

function gramBytes(table: GramTable): [Uint8Array, Uint8Array] {
  const grams = new Uint8Array(table.count * table.order * CALL_BYTES)
  const supports = new Uint8Array(table.count * SUPPORT_BYTES)
  const gramView = new DataView(grams.buffer)
  const supportView = new DataView(supports.buffer)
  let i = 0
  for (const { gram, support } of table.entries()) {
    supportView.setUint32(i * SUPPORT_BYTES, support, true)
    for (let j = 0; j < table.order; j++)
      gramView.setUint16((i * table.order + j) * CALL_BYTES, gram[j]!, true)
    i++
  }
  return [grams, supports]
}

/** The body of a judgement; equal judgements give equal bytes. */
export function judgementBody(judgement: Judgement): JudgementBody {
  const {
    supports,
    units,
    settled,
    sinceCalibrated,
    ring,
    calibration = [],
    edges,
    u,
    quarantineU,
    held = { waiting: [], aside: [] },
  } = judgement.parts()
  return {
    version: VERSION,
    window: supports.window,
    counts: [supports.n, units, settled ? 1 : 0, sinceCalibrated],
    grams: ORDERS.map((order) => gramBytes(supports.grams[order])),
    pairs: [...supports.pairs.rows()].map(({ current, bytes }) => pairRow(current, bytes)),
    edges: edges.map(({ parent, started }) => [parent, started]),
    ring: doubles(ring.flatMap(({ n, r, s, ordinal }) => [n, r, s, ordinal])),
    calibration: doubles(calibration.flatMap(({ n, r, s }) => [n, r, s])),
    recurrence: doubles([u, quarantineU]),
    ...(held.waiting.length + held.aside.length > 0
      ? { held: [held.waiting.map(heldUnit), held.aside.map(heldUnit)] }
      : {}),
  }
}

function pairRow(current: number, row: Uint8Array): [number, Uint8Array, Uint8Array] {
  const seen: number[] = []
  for (let call = 0; call < row.length; call++) if (row[call] !== 0) seen.push(call)
  const previous = new Uint8Array(seen.length * CALL_BYTES)
  const view = new DataView(previous.buffer)
  for (const [i, call] of seen.entries()) view.setUint16(i * CALL_BYTES, call, true)
  return [current, previous, Uint8Array.from(seen, (call) => row[call]!)]
}

function check(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Error(`its judgement: ${what}`)
}

function bytesOf(value: unknown, what: string, each: number, most: number): DataView {
  check(value instanceof Uint8Array && value.length % each === 0, `${what} is wrong`)
  check(value.length / each <= most, `${what} is too long`)
  return new DataView(value.buffer, value.byteOffset, value.byteLength)
}

function wholeNumber(value: unknown, what: string, most: number): number {
  check(Number.isInteger(value) && (value as number) >= 0 && (value as number) <= most, `${what} is wrong`)
  return value as number
}

function numbersOf(view: DataView, what: string): number[] {
  const numbers = Array.from({ length: view.byteLength / DOUBLE_BYTES }, (_, i) =>
    view.getFloat64(i * DOUBLE_BYTES, true),
  )
  check(
    numbers.every((number) => Number.isFinite(number) && number >= 0 && !Object.is(number, -0)),
    `${what} holds what is no number`,
  )
  return numbers
}

function list(value: unknown, what: string, most: number): unknown[] {
  check(Array.isArray(value) && value.length <= most, `${what} is wrong`)
  return value
}

function checkGrams(
  value: unknown,
  order: Order,
  n: number,
  each: (gram: Uint16Array, support: number) => void,
) {
  const two = list(value, 'grams', 2)
  check(two.length === 2, 'grams are wrong')
  const grams = bytesOf(two[0], 'grams', order * CALL_BYTES, GRAMS_LIMIT)
  const supports = bytesOf(two[1], 'supports', SUPPORT_BYTES, GRAMS_LIMIT)
  const count = supports.byteLength / SUPPORT_BYTES
  check(grams.byteLength === count * order * CALL_BYTES, 'grams and supports differ in number')
  let before: Uint16Array | undefined
  for (let i = 0; i < count; i++) {
    const gram = Uint16Array.from({ length: order }, (_, j) =>
      grams.getUint16((i * order + j) * CALL_BYTES, true),
    )
    const support = supports.getUint32(i * SUPPORT_BYTES, true)
    check(
      gram.every((call) => call < CALL_LIMIT),
      'a gram holds what is no call',
    )
    check(support >= 1 && support <= n, 'a support is wrong')
    check(before === undefined || isBefore(before, gram), 'grams are not in order')
    each(gram, support)
    before = gram
  }
}

function isBefore(a: Uint16Array, b: Uint16Array): boolean {
  const at = a.findIndex((call, i) => call !== b[i])
  return at >= 0 && a[at]! < b[at]!
}

function checkPairs(
  value: unknown,
  window: number,
  each: (current: number, previous: number, bits: number) => void,
): void {
  const foreign = ~distanceMask(window)
  let rowBefore = -1
  for (const packed of list(value, 'pairs', CALL_LIMIT)) {
    const row = list(packed, 'a row of pairs', 3)
    check(row.length === 3, 'a row of pairs is wrong')
    const current = wholeNumber(row[0], 'a current call', CALL_LIMIT - 1)
    check(current > rowBefore, 'pairs are not in order')
    rowBefore = current
    const previous = bytesOf(row[1], 'a row of pairs', CALL_BYTES, CALL_LIMIT)
    const distances = bytesOf(row[2], 'a row of pairs', 1, CALL_LIMIT)
    const cells = distances.byteLength
    check(cells > 0 && previous.byteLength === cells * CALL_BYTES, 'a row of pairs is wrong')
    let before = -1
    for (let i = 0; i < cells; i++) {
      const call = previous.getUint16(i * CALL_BYTES, true)
      const bits = distances.getUint8(i)
      check(call > before && call < CALL_LIMIT, 'pairs are not in order')
      check(bits !== 0 && (bits & foreign) === 0, 'a distance exceeds the window')
      each(current, call, bits)
      before = call
    }
  }
}

function edgesOf(value: unknown): ExecEdge[] {
  let before = ''
  return list(value, 'edges', EDGES_LIMIT).map((edge) => {
    const two = list(edge, 'an edge', 2)
    const path = (text: unknown): text is string => typeof text === 'string' && text.length <= PATH_LIMIT
    const [parent, started] = two
    check(two.length === 2 && path(parent) && path(started), 'an edge is wrong')
    const key = `${parent}\0${started}`
    check(before === '' || key > before, 'edges are not in order')
    before = key
    return { parent, started }
  })
}

function ringOf(value: unknown, units: number): RingEntry[] {
  const numbers = numbersOf(bytesOf(value, 'the ring', 4 * DOUBLE_BYTES, RING_LIMIT), 'the ring')
  const ring: RingEntry[] = []
  for (let i = 0; i < numbers.length; i += 4) {
    const [n, r, s, ordinal] = numbers.slice(i, i + 4) as [number, number, number, number]
    check(Number.isInteger(ordinal) && ordinal < units, 'a unit of the ring is wrong')
    ring.push({ n, r, s, ordinal })
  }
  return ring
}

/** The units of a yardstick as a body has them; undefined: there is none. */
export function calibrationOf(value: unknown): Observables[] | undefined {
  const view = bytesOf(value, 'the calibration', 3 * DOUBLE_BYTES, RING_UNITS)
  if (view.byteLength === 0) return undefined
  const numbers = numbersOf(view, 'the calibration')
  check(numbers.length >= 3 * LEAST_UNITS, 'the calibration is too short')
  return Array.from({ length: numbers.length / 3 }, (_, i) => ({
    n: numbers[3 * i]!,
    r: numbers[3 * i + 1]!,
    s: numbers[3 * i + 2]!,
  }))
}

/** Checks a body, and builds what it is of where `make` gives something to build in. */
function walk(value: unknown, make?: (window: number) => Supports): JudgementParts | undefined {
  check(typeof value === 'object' && value !== null && !Array.isArray(value), 'it is no map')
  const body = value as Record<keyof JudgementBody, unknown>
  check(body.version === VERSION, `its version is ${String(body.version)}, and this lymph reads ${VERSION}`)
  const window = wholeNumber(body.window, 'window', 9)
  check(window >= 2, 'window is wrong')
  const counts = list(body.counts, 'counts', 4)
  check(counts.length === 4, 'counts are wrong')
  const [n, units, settled, sinceCalibrated] = counts.map((number, i) =>
    wholeNumber(number, 'counts', i === 2 ? 1 : UNITS_MOST),
  ) as [number, number, number, number]
  check(n <= units, 'more units were learned than there were')
  const supports = make?.(window)
  if (supports) supports.n = n
  const grams = list(body.grams, 'grams', ORDERS.length)
  check(grams.length === ORDERS.length, 'grams are wrong')
  for (const [i, order] of ORDERS.entries())
    checkGrams(grams[i], order, n, (gram, support) => supports?.grams[order].restore(gram, support))
  checkPairs(body.pairs, window, (current, previous, bits) =>
    supports?.pairs.addBits(current, previous, bits),
  )
  const recurrence = numbersOf(bytesOf(body.recurrence, 'recurrence', DOUBLE_BYTES, 2), 'recurrence')
  check(recurrence.length === 2 && recurrence.every((u) => u < RECURRING), 'recurrence is wrong')
  const rest = {
    edges: edgesOf(body.edges),
    units,
    settled: settled === 1,
    sinceCalibrated,
    ring: ringOf(body.ring, units),
    calibration: calibrationOf(body.calibration),
    u: recurrence[0]!,
    quarantineU: recurrence[1]!,
    ...(body.held === undefined ? {} : { held: heldFrom(body.held, units) }),
  }
  return supports && { supports, ...rest }
}

/**
 * A body whose every field holds; nothing is built, and what it has beside them is left out. Safe on hostile input.
 * @throws Error whose message names the field that is wrong
 */
export function checkJudgementBody(value: unknown): JudgementBody {
  walk(value)
  const { version, window, counts, grams, pairs, edges, ring, calibration, recurrence, held } =
    value as JudgementBody
  const body = { version, window, counts, grams, pairs, edges, ring, calibration, recurrence }
  return held === undefined ? body : { ...body, held }
}

/**
 * The judgement a body is of.
 * @param seed of the tables' hash; see GramTable
 * @throws Error as checkJudgementBody does
 */
export function judgementFrom(body: JudgementBody, seed = 0): Judgement {
  return new Judgement(walk(body, (window) => new Supports(window, GRAMS_LIMIT, seed))!)
}
