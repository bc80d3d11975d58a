/**
 * lymph's own traces: two lines of text (`lymph trace 1`, then a JSON object with `abi`), then records. A record is an
 * unsigned LEB128 number whose low three bits say what it is and whose rest is its value; docs/reference/traces.md.
 * The last record carries the number of calls and a CRC-32, so that a file cut short shows.
 */
import { crc32 } from 'node:zlib'
import type { CallNames } from '../call-names.ts'
import { ABIS, isAbi } from '../calls.ts'
import { TraceError } from '../errors.ts'
import type { Abi } from '../types.ts'
import type { TraceParser, TraceSink } from './sink.ts'

export const MAGIC = 'lymph trace 1\n'
const HEADER_MOST = 4096
const TEXT_MOST = 4096

export const RECORD = { call: 0, task: 1, exec: 2, fork: 3, exit: 4, name: 5, foreign: 6, end: 7 } as const

/** The ABI a recorded trace's header names; undefined while the header is not whole. Throws TraceError. */
export function recordedAbi(head: Uint8Array): Abi | undefined {
  const end = headerEnd(head)
  return end === undefined ? undefined : headerOf(head, end)
}

function headerEnd(bytes: Uint8Array): number | undefined {
  const end = bytes.indexOf(10, MAGIC.length)
  if (end < 0 && bytes.length > HEADER_MOST)
    throw new TraceError('line 2: its header is longer than 4096 bytes')
  return end < 0 ? undefined : end + 1
}

function headerOf(bytes: Uint8Array, end: number): Abi {
  let abi: unknown
  try {
    abi = (JSON.parse(Buffer.from(bytes.subarray(MAGIC.length, end)).toString()) as { abi?: unknown }).abi
  } catch {
    throw new TraceError('line 2: the header is no JSON')
  }
  if (typeof abi !== 'string' || !isAbi(abi))
    throw new TraceError(`line 2: the header names no ABI that lymph knows (${ABIS.join(', ')})`)
  return abi
}

export class RecordedParser implements TraceParser {
  readonly #names: CallNames
  readonly #sink: TraceSink
  /** Bytes of a header or record that is not whole yet. */
  #rest: Uint8Array = new Uint8Array(0)
  #begun = false
  #ended = false
  #offset = 0
  #crc = 0
  #task = 0
  #calls = 0
  /** The file's numbers for names -> ours. */
  readonly #dynamic = new Map<number, number>()

  constructor(names: CallNames, sink: TraceSink) {
    this.#names = names
    this.#sink = sink
  }

  push(chunk: Uint8Array): void {
    const bytes = this.#rest.length > 0 ? Buffer.concat([this.#rest, chunk]) : chunk
    let at = 0
    if (!this.#begun) {
      const end = headerEnd(bytes)
      if (end !== undefined) {
        if (Buffer.from(bytes.subarray(0, MAGIC.length)).toString('latin1') !== MAGIC)
          throw new TraceError(`byte 0: no '${MAGIC.trim()}'`)
        const abi = headerOf(bytes, end)
        if (abi !== this.#names.abi)
          throw new TraceError(`it was recorded on ${abi}, and ${this.#names.abi} is asked for: see --abi`)
        this.#begun = true
        at = end
      }
    }
    if (this.#begun) at = this.#records(bytes, at)
    this.#crc = crc32(bytes.subarray(0, at), this.#crc)
    this.#offset += at
    this.#rest = bytes.slice(at)
  }

  end(): void {
    if (!this.#ended)
      throw new TraceError(`byte ${this.#offset}: ends without an end record: it was cut short`)
  }

  /** Reads whole records; gives back where the first that is not whole begins. */
  #records(bytes: Uint8Array, begin: number): number {
    let at = begin
    while (at < bytes.length) {
      const where = this.#offset + at
      if (this.#ended) throw new TraceError(`byte ${where}: something follows the end record`)
      let next = at
      let value = 0
      let scale = 1
      let byte = 0x80
      while ((byte & 0x80) !== 0) {
        if (next === bytes.length) return at
        byte = bytes[next++]!
        value += (byte & 0x7f) * scale
        scale *= 128
        if (scale > 2 ** 56 || value > Number.MAX_SAFE_INTEGER)
          throw new TraceError(`byte ${where}: no record`)
      }
      const kind = value % 8
      const rest = (value - kind) / 8
      if (kind === RECORD.call) {
        this.#calls++
        this.#sink.call(this.#task, this.#callOf(rest, where))
        at = next
        continue
      }
      const used = this.#other(kind, rest, bytes, at, next, where)
      if (used === undefined) return at
      at = used
    }
    return at
  }

  #callOf(number: number, where: number): number {
    if (number < 512) return this.#names.ofNumber(number)
    const dynamic = this.#dynamic.get(number)
    if (dynamic === undefined) throw new TraceError(`byte ${where}: call ${number} has no name`)
    return dynamic
  }

  /** Every record but a call. Gives back where it ends, undefined when it is not whole. */
  #other(
    kind: number,
    value: number,
    bytes: Uint8Array,
    at: number,
    next: number,
    where: number,
  ): number | undefined {
    if (kind === RECORD.task) this.#task = value
    else if (kind === RECORD.fork) this.#sink.fork(this.#task, value)
    else if (kind === RECORD.exit) this.#sink.exit(this.#task)
    else if (kind === RECORD.foreign) {
      const abi = ABIS[value]
      if (abi === undefined) throw new TraceError(`byte ${where}: ABI ${value} is none`)
      this.#sink.foreign?.(this.#task, abi)
    } else if (kind === RECORD.end) {
      if (next + 4 > bytes.length) return undefined
      const crc = Buffer.from(bytes.subarray(next, next + 4)).readUInt32LE()
      // The sum is over all that is before the end record.
      if (crc !== crc32(bytes.subarray(0, at), this.#crc) || value !== this.#calls)
        throw new TraceError(`byte ${where}: the check sum does not hold: the file was changed`)
      this.#ended = true
      return next + 4
    } else {
      const name = kind === RECORD.name
      const from = name ? next + 2 : next
      if (value > TEXT_MOST) throw new TraceError(`byte ${where}: a name of ${value} bytes`)
      if (from + value > bytes.length) return undefined
      const text = Buffer.from(bytes.subarray(from, from + value)).toString('utf8')
      if (name) this.#dynamic.set(bytes[next]! | (bytes[next + 1]! << 8), this.#names.ofName(text))
      else this.#sink.exec(this.#task, text)
      return from + value
    }
    return next
  }
}
