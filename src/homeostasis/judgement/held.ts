/** The units of a quarantine as plain values of a profile file, and back with every field checked. */
import { CALL_LIMIT } from '../pairs.ts'
import { type ExecEdge, PATH_LIMIT } from './edges.ts'
import { HELD_CALLS_LIMIT, type Learnable, QUARANTINE_UNITS } from './quarantine.ts'
import { UNIT_CALLS } from './types.ts'

/** Programs that one unit started: exec ends it. */
const UNIT_EDGES = 8

/** [ordinal, n, r, s, lengths of the runs (16 bits each), their calls (16 bits each), edges] */
export type HeldUnit = [
  ordinal: number,
  n: number,
  r: number,
  s: number,
  lengths: Uint8Array,
  calls: Uint8Array,
  edges: [parent: string, started: string][],
]

function bytesOf(words: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(words.length * 2)
  const view = new DataView(bytes.buffer)
  for (const [i, word] of words.entries()) view.setUint16(2 * i, word, true)
  return bytes
}

export function heldUnit({ ordinal, score, runs, edges }: Learnable): HeldUnit {
  const calls = bytesOf(runs.flatMap((run) => [...run]))
  const { n, r, s } = score
  const lengths = bytesOf(runs.map((run) => run.length))
  return [ordinal, n, r, s, lengths, calls, edges.map(({ parent, started }) => [parent, started])]
}

function check(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Error(`its judgement: ${what}`)
}

function words(value: unknown, what: string, most: number): number[] {
  check(value instanceof Uint8Array && value.length % 2 === 0 && value.length / 2 <= most, `${what} is wrong`)
  const view = new DataView(value.buffer, value.byteOffset, value.byteLength)
  return Array.from({ length: value.length / 2 }, (_, i) => view.getUint16(2 * i, true))
}

function edgeFrom(value: unknown): ExecEdge {
  const path = (text: unknown): text is string => typeof text === 'string' && text.length <= PATH_LIMIT
  check(Array.isArray(value) && value.length === 2, 'an edge is wrong')
  const [parent, started] = value as unknown[]
  check(path(parent) && path(started), 'an edge is wrong')
  return { parent, started }
}

function unitFrom(value: unknown, units: number): Learnable {
  check(Array.isArray(value) && value.length === 7, 'a unit that waits is wrong')
  const [ordinal, n, r, s, packed, all, edges] = value as unknown[]
  const isNumber = (one: unknown): one is number => Number.isFinite(one) && (one as number) >= 0
  check(isNumber(ordinal) && Number.isInteger(ordinal) && ordinal < units, 'a unit that waits is wrong')
  check(isNumber(n) && isNumber(r) && isNumber(s), 'a unit that waits is wrong')
  const lengths = words(packed, 'a unit that waits', HELD_CALLS_LIMIT)
  const calls = words(all, 'a unit that waits', HELD_CALLS_LIMIT)
  check(
    calls.every((call) => call < CALL_LIMIT),
    'a unit that waits holds what is no call',
  )
  check(
    lengths.reduce((sum, length) => sum + length, 0) === calls.length &&
      lengths.every((length) => length <= UNIT_CALLS),
    'a unit that waits is wrong',
  )
  check(Array.isArray(edges) && edges.length <= UNIT_EDGES, 'an edge is wrong')
  let at = 0
  const runs = lengths.map((length) => {
    at += length
    return Uint16Array.from(calls.slice(at - length, at))
  })
  return { ordinal, score: { n, r, s }, runs, edges: edges.map(edgeFrom) }
}

/** @throws Error that says what is wrong */
export function heldFrom(value: unknown, units: number): { waiting: Learnable[]; aside: Learnable[] } {
  check(Array.isArray(value) && value.length === 2, 'what waits is wrong')
  const [waiting, aside] = value.map((list) => {
    // One may wait beyond the 64 that pass before it is learned.
    check(Array.isArray(list) && list.length <= QUARANTINE_UNITS + 1, 'what waits is wrong')
    return list.map((unit) => unitFrom(unit, units))
  }) as [Learnable[], Learnable[]]
  return { waiting, aside }
}
