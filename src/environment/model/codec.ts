/**
 * A model as bytes and back. 4 bytes of magic, one of version, a CRC-32 over the rest, the rest little-endian. Reading
 * is strict: what writing cannot have made is refused, so that a damaged file becomes an error and not a wrong model.
 */
import { crc32 } from 'node:zlib'
import { EnvironmentError } from '../errors.ts'
import { SlotClock } from './clock.ts'
import { COUNT_MOST, MEMORY, PROBATION, QUANTILE_START, SUSTAINED, VALUE_MOST } from './constants.ts'
import { RunningMinute } from './minute.ts'
import { ObservableModel } from './observable.ts'
import type { Tail } from './tail.ts'
import { STRETCHES } from './timeline.ts'

const MODEL = 0x4b57_504c // "LPWK"
const MINUTE = 0x4e4d_504c // "LPMN"
const VERSION = 1
const HEADER = 9
const ZONE_MOST = 64

type Numbers = Float32Array | Float64Array | Uint8Array

class Writer {
  readonly #parts: Uint8Array[] = []

  /** Numbers as they are: every machine lymph runs on is little-endian. */
  array(numbers: Numbers, from = 0, to = numbers.length): void {
    const width = numbers.BYTES_PER_ELEMENT
    this.#parts.push(
      new Uint8Array(numbers.buffer, numbers.byteOffset + from * width, (to - from) * width).slice(),
    )
  }

  numbers(...values: number[]): void {
    this.array(Float64Array.from(values))
  }

  text(text: string): void {
    const bytes = new TextEncoder().encode(text)
    this.array(Uint8Array.of(bytes.length))
    this.array(bytes)
  }

  bytes(magic: number): Uint8Array {
    const body = Buffer.concat(this.#parts)
    const file = Buffer.alloc(HEADER + body.length)
    file.writeUInt32LE(magic, 0)
    file.writeUInt8(VERSION, 4)
    file.writeUInt32LE(crc32(body), 5)
    file.set(body, HEADER)
    return new Uint8Array(file)
  }
}

class Reader {
  readonly #bytes: Uint8Array
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  array<T extends Numbers>(into: T, from = 0, to = into.length): T {
    const length = (to - from) * into.BYTES_PER_ELEMENT
    check(this.#at + length <= this.#bytes.length, 'it was cut short')
    new Uint8Array(into.buffer, into.byteOffset + from * into.BYTES_PER_ELEMENT, length).set(
      this.#bytes.subarray(this.#at, this.#at + length),
    )
    this.#at += length
    return into
  }

  number(): number {
    return this.array(new Float64Array(1))[0]!
  }

  finite(what: string): number {
    const value = this.number()
    check(Number.isFinite(value), `${what} is no number`)
    return value
  }

  count(what: string, most: number): number {
    const value = this.number()
    check(Number.isSafeInteger(value) && value >= 0 && value <= most, `${what} is wrong`)
    return value
  }

  text(most: number): string {
    const length = this.array(new Uint8Array(1))[0]!
    check(length <= most, 'a text is too long')
    return new TextDecoder().decode(this.array(new Uint8Array(length)))
  }

  end(): void {
    check(this.#at === this.#bytes.length, 'there is more of it than there should be')
  }
}

function check(holds: boolean, what: string): asserts holds {
  if (!holds)
    throw new EnvironmentError('damaged', `the saved week model is damaged: ${what}: delete it to learn anew`)
}

const LIMIT = Number.MAX_SAFE_INTEGER
/** Sums and differences of values exceed a value's limit by no more than this. */
const FIGURE_MOST = 1000 * VALUE_MOST

function allWithin(numbers: Float32Array | Float64Array, what: string, length = numbers.length): void {
  for (let i = 0; i < length; i++) check(Math.abs(numbers[i]!) <= FIGURE_MOST, `${what} are wrong`)
}

/** About 97 KB for a model that has seen 8 weeks. */
export function encodeModel(model: ObservableModel): Uint8Array {
  const { history, shape, learner, timeline, bounds, pace, scalars } = model
  const out = new Writer()
  out.text(model.clock.zone)
  out.numbers(history.seen, history.end - history.begin, history.run, history.runLimit)
  out.array(history.values, history.begin, history.end)
  for (const part of [shape.dayMeans, shape.dayCounts, shape.weekMeans, shape.weekCounts]) out.array(part)
  out.numbers(learner.slot, learner.samples, learner.sum)
  out.numbers(learner.dayBase, learner.weekBase, learner.dayWeight, learner.weekWeight)
  for (const tail of Object.values(model.tails)) writeTail(out, tail)
  out.numbers(timeline.length)
  for (const part of [timeline.firsts, timeline.times, timeline.steps]) out.array(part, 0, timeline.length)
  out.numbers(bounds.seen, ...bounds.save())
  out.array(bounds.first)
  out.numbers(pace.last, pace.usual, pace.probation, pace.leap)
  out.numbers(model.residualCount)
  out.array(model.residuals)
  out.numbers(
    scalars.mean,
    scalars.deviation,
    scalars.sign,
    scalars.offset,
    scalars.impression,
    scalars.alarm,
  )
  return out.bytes(MODEL)
}

/** Throws EnvironmentError `damaged` or `version`. Safe on hostile input. */
export function decodeModel(bytes: Uint8Array): ObservableModel {
  const from = new Reader(bodyOf(bytes, MODEL))
  const model = new ObservableModel(clockOf(from.text(ZONE_MOST)))
  readHistory(from, model)
  const { shape, learner, timeline, bounds, pace } = model
  for (const part of [shape.dayMeans, shape.dayCounts, shape.weekMeans, shape.weekCounts]) from.array(part)
  for (const means of [shape.dayMeans, shape.weekMeans]) allWithin(means, 'means of slots')
  for (const counts of [shape.dayCounts, shape.weekCounts])
    check(
      counts.every((count) => count <= COUNT_MOST),
      'counts of slots are wrong',
    )
  learner.slot = from.number()
  learner.samples = from.count('the slot', LIMIT)
  learner.sum = from.finite('the slot')
  learner.dayBase = from.finite('the slot')
  learner.weekBase = from.finite('the slot')
  learner.dayWeight = from.finite('the slot')
  learner.weekWeight = from.finite('the slot')
  for (const tail of Object.values(model.tails)) readTail(from, tail)
  timeline.length = from.count('the timeline', STRETCHES)
  for (const part of [timeline.firsts, timeline.times, timeline.steps]) {
    from.array(part, 0, timeline.length)
    check(part.every(Number.isFinite), 'the timeline is wrong')
  }
  bounds.seen = from.count('the bounds', QUANTILE_START)
  bounds.restore(from.finite('a bound'), from.finite('a bound'))
  allWithin(from.array(bounds.first), 'the first residuals')
  pace.last = from.number()
  pace.usual = from.finite('the pace')
  pace.probation = from.count('the pace', PROBATION)
  pace.leap = from.finite('the pace')
  model.residualCount = from.count('the residuals', SUSTAINED)
  allWithin(from.array(model.residuals), 'the residuals')
  for (const name of ['mean', 'deviation', 'sign', 'offset', 'impression', 'alarm'] as const)
    model.scalars[name] = from.finite(name)
  from.end()
  return model
}

/** What stands behind the header, once that holds. */
function bodyOf(bytes: Uint8Array, magic: number): Uint8Array {
  check(bytes.length > HEADER, `it has ${bytes.length} bytes`)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  check(view.getUint32(0, true) === magic, 'it begins like something else')
  const version = view.getUint8(4)
  if (version !== VERSION)
    throw new EnvironmentError(
      'version',
      `the saved week model is of format ${version}; this lymph reads format ${VERSION}: delete it to learn anew`,
    )
  const body = bytes.subarray(HEADER)
  check(view.getUint32(5, true) === crc32(body), 'its checksum does not hold')
  return body
}

/** About 1.4 KB for a minute that has run for a week. */
export function encodeMinute({ tail, last, count }: RunningMinute): Uint8Array {
  const out = new Writer()
  out.numbers(count)
  out.array(last)
  writeTail(out, tail)
  return out.bytes(MINUTE)
}

/** As `decodeModel`, for `encodeMinute`. */
export function decodeMinute(bytes: Uint8Array): RunningMinute {
  const from = new Reader(bodyOf(bytes, MINUTE))
  const minute = new RunningMinute()
  minute.count = from.count('the minute', minute.last.length)
  check(from.array(minute.last).every(Number.isFinite), 'the minute is wrong')
  readTail(from, minute.tail)
  from.end()
  return minute
}

function clockOf(zone: string): SlotClock {
  try {
    return new SlotClock(zone)
  } catch {
    throw new EnvironmentError(
      'damaged',
      `the saved week model is of a time zone unknown here: delete it to learn anew`,
    )
  }
}

function readHistory(from: Reader, { history }: ObservableModel): void {
  history.seen = from.count('the number of samples', LIMIT)
  history.end = from.count('the number of samples', Math.min(MEMORY, history.seen))
  history.run = from.count('a run', history.seen)
  history.runLimit = from.number()
  check(history.runLimit >= 0, 'a run is wrong')
  from.array(history.values, 0, history.end)
  allWithin(history.values, 'the samples', history.end)
}

function writeTail(out: Writer, tail: Tail): void {
  out.numbers(tail.seen, tail.length)
  out.array(tail.values, 0, tail.length)
  out.array(tail.blocks, 0, tail.length)
}

function readTail(from: Reader, tail: Tail): void {
  tail.seen = from.count('a tail', LIMIT)
  tail.length = from.count('a tail', tail.values.length)
  from.array(tail.values, 0, tail.length)
  from.array(tail.blocks, 0, tail.length)
  for (let i = 0; i < tail.length; i++) {
    const block = tail.blocks[i]!
    check(block < tail.form.blocks && tail.held[block]! < tail.form.top, 'a tail is wrong')
    tail.held[block]!++
    check(
      tail.values[i]! >= 0 && tail.values[i]! <= (tail.values[i - 1] ?? FIGURE_MOST),
      'a tail is out of order',
    )
  }
}
