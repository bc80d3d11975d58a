/** The files of a journal: `NUMBER.jsonl`, where NUMBER is that of the first record in it. */
import { closeSync, createReadStream, openSync, readdirSync, readSync } from 'node:fs'
import { join } from 'node:path'
import { ChainCheck, type JournalFinding, type JournalHead, lineLimitBytes } from './chain.ts'
import type { JournalRecord } from './record.ts'

export interface Segment {
  path: string
  name: string
  first: number
}

const digits = 12
const pattern = /^(\d{12})\.jsonl$/

export const segmentName = (first: number): string => `${String(first).padStart(digits, '0')}.jsonl`

/** Oldest first. A folder that is not there has none. */
export function segmentsOf(folder: string): Segment[] {
  let names: string[]
  try {
    names = readdirSync(folder)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
  return names
    .flatMap((name) => {
      const match = pattern.exec(name)
      return match ? [{ path: join(folder, name), name, first: Number(match[1]) }] : []
    })
    .sort((a, b) => a.first - b.first)
}

interface Line {
  /** Without its newline. */
  line: Buffer
  /** False: the file ends without a newline. */
  whole: boolean
  /** Where it begins, in bytes. */
  offset: number
}

/** Bounded: a line beyond the limit comes in pieces, none of which is a record. */
export async function* linesOf(path: string): AsyncGenerator<Line> {
  let rest: Buffer = Buffer.alloc(0)
  let offset = 0
  const line = (bytes: Buffer, whole: boolean): Line => {
    const made = { line: bytes, whole, offset }
    offset += bytes.length + (whole ? 1 : 0)
    return made
  }
  for await (const chunk of createReadStream(path, { highWaterMark: 256 * 1024 })) {
    let bytes = rest.length > 0 ? Buffer.concat([rest, chunk as Buffer]) : (chunk as Buffer)
    for (let end = bytes.indexOf(10); end >= 0; end = bytes.indexOf(10)) {
      yield line(bytes.subarray(0, end), true)
      bytes = bytes.subarray(end + 1)
    }
    if (bytes.length > lineLimitBytes) {
      yield line(bytes, false)
      bytes = Buffer.alloc(0)
    }
    rest = bytes
  }
  if (rest.length > 0) yield line(rest, false)
}

/** The records that hold, oldest first; what does not is left out (`verifyJournal` tells). */
export async function* readJournal(folder: string): AsyncGenerator<JournalRecord> {
  const check = new ChainCheck()
  for (const { path, name } of segmentsOf(folder))
    for await (const { line, whole } of linesOf(path)) {
      const record = whole ? check.take(line, name, 0) : undefined
      if (record) yield record
    }
}

export interface Verified {
  records: number
  /** Numbers of the oldest and newest record; 0: none. */
  first: number
  last: number
  head: JournalHead
  /** The head it was compared with; undefined: there was none to compare with. */
  kept: JournalHead | undefined
  files: number
  bytes: number
  findings: JournalFinding[]
  findingsCut: number
}

/** Reads all of it and tells what was cut, edited, left out, put in another order or torn. */
export async function verifyJournal(
  folder: string,
  kept: JournalHead | undefined,
  exact = false,
): Promise<Verified> {
  const check = new ChainCheck()
  const segments = segmentsOf(folder)
  let bytes = 0
  for (const [index, segment] of segments.entries()) {
    let number = 0
    try {
      for await (const { line, whole } of linesOf(segment.path)) {
        number++
        bytes += line.length + (whole ? 1 : 0)
        const torn = !whole && index === segments.length - 1 && line.length <= lineLimitBytes
        if (torn) check.torn(segment.name, number, line.length)
        else check.take(whole ? line : Buffer.alloc(0), segment.name, number)
      }
    } catch (error) {
      check.unreadable(segment.name, `cannot be read: ${(error as Error).message}`)
    }
  }
  check.end(kept, exact)
  const { records, first, head, findings, findingsCut } = check
  return {
    ...{ records, first: first?.seq ?? 0, last: head.seq, head, kept },
    ...{ files: segments.length, bytes, findings, findingsCut },
  }
}

/** What the first record of a file names as the hash before it; undefined where it cannot be read. */
export function firstPrevOf(path: string): string | undefined {
  const start = Buffer.alloc(256)
  const file = openSync(path, 'r')
  try {
    const text = start.subarray(0, readSync(file, start, 0, start.length, 0)).toString('latin1')
    return /^\{"seq":\d+,"at":\d+,"prev":"([0-9a-f]{64})"/.exec(text)?.[1]
  } finally {
    closeSync(file)
  }
}
