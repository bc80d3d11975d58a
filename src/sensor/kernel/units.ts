/** Puts the units of tasks together out of the records of the ring `unit_events`. */
import type { UnitTold } from '../interface.ts'
import { Unit, UnitRecord, UnitWindow } from './layout.ts'

/** Windows held of units that have not ended; beyond it what comes is left out, and the unit is not whole. */
const WINDOWS_LIMIT = 1 << 19
const NO_CALL = 0xffff
const GRAM = 8
const EXEC = 2
/** u16: place, times, whether it has a slot, 9 calls (oldest first). */
const WINDOW_WORDS = 12

interface Window {
  words: Uint16Array
  times: number
}

/** A unit that has not ended, as far as it was told. */
interface Partial {
  sequence: number
  records: number
  windows: Map<number, Window>
  touched: UnitTold['touched']
  cut: boolean
}

/** One that ended; numbers are the sensor's. */
export interface EndedUnit {
  profile: number
  generation: number
  pid: number
  tid: number
  /** ns of CLOCK_MONOTONIC */
  time: number
  /** The profile that an exec started. */
  next: number | undefined
  told: Omit<UnitTold, 'started'>
}

export class UnitReader {
  readonly #partial = new Map<number, Partial>()
  readonly #ended: (unit: EndedUnit) => void
  #windows = 0
  /** Units of which a record was lost. */
  broken = 0

  constructor(ended: (unit: EndedUnit) => void) {
    this.#ended = ended
  }

  get windowsHeld(): number {
    return this.#windows
  }

  take(data: DataView, at: number): void {
    const type = data.getUint32(at, true)
    if (type === UnitRecord.window) this.#window(data, at)
    else if (type === UnitRecord.again) this.#again(data, at)
    else if (type === UnitRecord.touched) {
      const partial = this.#of(data.getUint32(at + Unit.id, true), data.getUint32(at + Unit.sequence, true))
      partial.records++
      partial.touched.push(touchedOf(data, at))
    } else if (type === UnitRecord.ended) this.#end(data, at)
  }

  #of(id: number, sequence: number): Partial {
    const there = this.#partial.get(id)
    if (there?.sequence === sequence) return there
    if (there) this.#drop(id, there)
    const partial = { sequence, records: 0, windows: new Map(), touched: [], cut: false }
    this.#partial.set(id, partial)
    return partial
  }

  #drop(id: number, partial: Partial): void {
    this.#windows -= partial.windows.size
    this.#partial.delete(id)
  }

  #window(data: DataView, at: number): void {
    const partial = this.#of(
      data.getUint32(at + UnitWindow.id, true),
      data.getUint32(at + UnitWindow.sequence, true),
    )
    partial.records++
    const tag = data.getUint32(at + UnitWindow.tag, true)
    const there = partial.windows.get(tag)
    if (there) {
      there.times++
      return
    }
    if (this.#windows >= WINDOWS_LIMIT) {
      partial.cut = true
      return
    }
    const words = new Uint16Array(WINDOW_WORDS)
    words[0] = data.getUint32(at + UnitWindow.place, true)
    words[2] = data.getUint32(at + UnitWindow.again, true)
    words[3] = data.getUint32(at + UnitWindow.ninth, true)
    for (let back = 0; back < GRAM; back++)
      words[WINDOW_WORDS - 1 - back] = data.getUint16(at + UnitWindow.near + 2 * back, true)
    partial.windows.set(tag, { words, times: 1 })
    this.#windows++
  }

  #again(data: DataView, at: number): void {
    const partial = this.#of(
      data.getUint32(at + UnitWindow.id, true),
      data.getUint32(at + UnitWindow.sequence, true),
    )
    partial.records++
    const window = partial.windows.get(data.getUint32(at + UnitWindow.tag, true))
    if (window) window.times += data.getUint32(at + UnitWindow.again, true)
    else partial.cut = true
  }

  #end(data: DataView, at: number): void {
    const read = (field: number) => data.getUint32(at + field, true)
    const id = read(Unit.id)
    const partial = this.#of(id, read(Unit.sequence))
    for (let told = at + Unit.told; told < at + Unit.touched; told += 8) {
      const times = data.getUint32(told + 4, true)
      if (times === 0) continue
      const window = partial.windows.get(data.getUint32(told, true))
      if (window) window.times += times
      else partial.cut = true
    }
    this.#drop(id, partial)
    const whole = !partial.cut && partial.records === read(Unit.records)
    if (!whole) this.broken++
    const calls = read(Unit.calls)
    const touched = touchedOf(data, at)
    const next = read(Unit.next)
    this.#ended({
      profile: read(Unit.profile),
      generation: read(Unit.generation),
      pid: read(Unit.tgid),
      tid: read(Unit.tid),
      time: Number(data.getBigUint64(at + Unit.time, true)),
      next: read(Unit.reason) === EXEC ? next : undefined,
      told: {
        calls,
        cost: read(Unit.cost),
        unknown: read(Unit.unknown),
        dearestFrame: read(Unit.frameMost),
        head: headOf(data, at, calls),
        windows: packed(partial.windows.values()),
        touched: touched.bits === '' ? partial.touched : [...partial.touched, touched],
        first: data.getBigUint64(at + Unit.begun, true) === 0n,
        fresh: read(Unit.fresh) !== 0,
        whole,
      },
    })
  }
}

function headOf(data: DataView, at: number, calls: number): number[] {
  const length = Math.min(calls, GRAM)
  return Array.from({ length }, (_, i) => data.getUint16(at + Unit.head + 2 * (length - 1 - i), true))
}

function touchedOf(data: DataView, at: number): UnitTold['touched'][number] {
  const bits = data.getUint32(at + Unit.table, true) & 15
  const bytes = bits === 0 ? 0 : 2 ** bits / 8
  return {
    version: data.getUint32(at + Unit.table + 4, true),
    bits: Buffer.from(data.buffer, data.byteOffset + at + Unit.touched, bytes).toString('base64'),
  }
}

function packed(windows: Iterable<Window>): string {
  const parts: Uint16Array[] = []
  for (const { words, times } of windows) {
    words[1] = Math.min(0xffff, times)
    parts.push(words)
  }
  return Buffer.concat(parts.map(({ buffer }) => Buffer.from(buffer))).toString('base64')
}

/** What `UnitTold.windows` holds, in the order they came. */
export function unpackWindows(
  text: string,
): { at: number; times: number; slot: boolean; calls: Uint16Array }[] {
  const bytes = Buffer.from(text, 'base64')
  const windows = []
  for (let at = 0; at + 2 * WINDOW_WORDS <= bytes.length; at += 2 * WINDOW_WORDS) {
    const word = (i: number) => bytes.readUInt16LE(at + 2 * i)
    const first = word(3) === NO_CALL ? 4 : 3
    windows.push({
      at: word(0),
      times: word(1),
      slot: word(2) !== 0,
      calls: Uint16Array.from({ length: WINDOW_WORDS - first }, (_, i) => word(first + i)),
    })
  }
  return windows
}
