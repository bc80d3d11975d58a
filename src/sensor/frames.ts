/**
 * How the sensor process and the daemon speak: frames of u32 length, u8 type, u32 length of the JSON, JSON, and what
 * is left is binary (table rows). Lengths are little-endian; `length` counts what follows it.
 */
import type { ProfileTables, TableRow } from './interface.ts'

export const FrameType = { request: 1, answer: 2, events: 3 } as const

export interface Frame {
  type: number
  json: unknown
  binary: Buffer
}

/** What the daemon may send at most: one profile's tables fit twice. The other way, counters of every profile do. */
export const REQUEST_LIMIT = 2 << 20
export const ANSWER_LIMIT = 16 << 20

const HEAD = 9

export class FrameError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'FrameError'
  }
}

export function encodeFrame(type: number, json: unknown, binary?: Uint8Array): Buffer {
  const text = Buffer.from(JSON.stringify(json))
  const tail = binary?.length ?? 0
  const frame = Buffer.allocUnsafe(HEAD + text.length + tail)
  frame.writeUInt32LE(HEAD - 4 + text.length + tail, 0)
  frame.writeUInt8(type, 4)
  frame.writeUInt32LE(text.length, 5)
  text.copy(frame, HEAD)
  if (binary) frame.set(binary, HEAD + text.length)
  return frame
}

/** Takes bytes as they come, gives whole frames. Throws FrameError on what cannot be one; then the stream is lost. */
export class FrameReader {
  readonly #limit: number
  #parts: Buffer[] = []
  #bytes = 0

  constructor(limit: number) {
    this.#limit = limit
  }

  *push(chunk: Buffer): Generator<Frame> {
    this.#parts.push(chunk)
    this.#bytes += chunk.length
    while (this.#bytes >= 4) {
      const length = this.#head().readUInt32LE(0)
      if (length < HEAD - 4 || length > this.#limit)
        throw new FrameError(`a frame of ${length} bytes; allowed are ${HEAD - 4} to ${this.#limit}`)
      if (this.#bytes < 4 + length) return
      const all = this.#parts.length === 1 ? (this.#parts[0] as Buffer) : Buffer.concat(this.#parts)
      const rest = all.subarray(4 + length)
      this.#parts = rest.length > 0 ? [rest] : []
      this.#bytes = rest.length
      yield decode(all.subarray(4, 4 + length))
    }
  }

  #head(): Buffer {
    if ((this.#parts[0] as Buffer).length < 4) this.#parts = [Buffer.concat(this.#parts)]
    return this.#parts[0] as Buffer
  }
}

function decode(body: Buffer): Frame {
  const jsonLength = body.readUInt32LE(1)
  if (5 + jsonLength > body.length)
    throw new FrameError(`JSON of ${jsonLength} bytes in a frame of ${body.length}`)
  try {
    const json = JSON.parse(body.toString('utf8', 5, 5 + jsonLength)) as unknown
    return { type: body[0] as number, json, binary: body.subarray(5 + jsonLength) }
  } catch (error) {
    throw new FrameError(`the JSON of a frame: ${(error as Error).message}`)
  }
}

const SLOTS = 512
const ROW = 2 + 2 * SLOTS

/** Tables as JSON has them: `rows` is a count, the rows themselves are the binary part of the frame. */
export type TablesHead = Omit<ProfileTables, 'rows'> & { rows: number }

export function packTables(tables: ProfileTables): { head: TablesHead; binary: Buffer } {
  const binary = Buffer.allocUnsafe(tables.rows.length * ROW)
  tables.rows.forEach(({ current, train, test }, i) => {
    binary.writeUInt16LE(current, i * ROW)
    binary.set(train.subarray(0, SLOTS), i * ROW + 2)
    binary.set(test.subarray(0, SLOTS), i * ROW + 2 + SLOTS)
  })
  return { head: { ...tables, rows: tables.rows.length }, binary }
}

export function unpackTables(head: TablesHead, binary: Buffer): ProfileTables {
  if (binary.length !== head.rows * ROW)
    throw new FrameError(`${head.rows} rows are ${head.rows * ROW} bytes, not ${binary.length}`)
  const rows: TableRow[] = []
  for (let at = 0; at < binary.length; at += ROW) {
    const current = binary.readUInt16LE(at)
    if (current >= SLOTS) throw new FrameError(`there is no call ${current}`)
    rows.push({
      current,
      train: Uint8Array.from(binary.subarray(at + 2, at + 2 + SLOTS)),
      test: Uint8Array.from(binary.subarray(at + 2 + SLOTS, at + ROW)),
    })
  }
  return { ...head, rows }
}
