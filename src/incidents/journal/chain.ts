/**
 * The hash chain. A line is `{"seq":N,"at":MS,"prev":"HASH",...,"hash":"HASH"}`; its hash is SHA-256 of the bytes before
 * `,"hash"`, so that every byte of a line counts, and each line names the hash of the one before it.
 */
import { createHash } from 'node:crypto'
import { type JournalEntry, type JournalRecord, recordSchema } from './record.ts'

/** The last record: its number and hash. Number 0: nothing was written yet. */
export interface JournalHead {
  seq: number
  hash: string
}

export const genesis: JournalHead = { seq: 0, hash: '0'.repeat(64) }

/** Bytes of a line at most; an incident with 256 pairs and its windows has about 30 KiB. */
export const lineLimitBytes = 256 * 1024

const ending = /,"hash":"([0-9a-f]{64})"\}$/
const endingLength = ',"hash":""}'.length + 64

const sha256 = (of: string | Uint8Array): string => createHash('sha256').update(of).digest('hex')

/** The line of an entry, without its newline, and the head after it. The entry has been checked. */
export function link(
  head: JournalHead,
  entry: JournalEntry,
  at: number,
): { line: string; head: JournalHead } {
  const seq = head.seq + 1
  const start = JSON.stringify({ seq, at, prev: head.hash, ...entry }).slice(0, -1)
  const hash = sha256(start)
  return { line: `${start},"hash":"${hash}"}`, head: { seq, hash } }
}

export type ReadLine =
  | { ok: true; record: JournalRecord; head: JournalHead; prev: string }
  | { ok: false; reason: string }

/** A line, without its newline, as a record whose own hash holds. Bytes, since different ones may decode to one text. */
export function readLine(line: Buffer): ReadLine {
  const match = ending.exec(line.subarray(Math.max(0, line.length - endingLength)).toString('latin1'))
  if (!match) return { ok: false, reason: 'it is no whole line of the journal' }
  const hash = match[1] as string
  if (sha256(line.subarray(0, line.length - endingLength)) !== hash)
    return { ok: false, reason: 'it was edited: its hash does not match' }
  let value: unknown
  try {
    value = JSON.parse(line.toString('utf8'))
  } catch {
    return { ok: false, reason: 'it is no JSON' }
  }
  const parsed = recordSchema.safeParse(value)
  if (!parsed.success) {
    const [issue] = parsed.error.issues
    return { ok: false, reason: `${issue?.path.join('.') || 'record'}: ${issue?.message ?? 'invalid'}` }
  }
  const { seq, prev } = parsed.data
  return { ok: true, record: parsed.data, head: { seq, hash }, prev }
}

export type FindingKind = 'edit' | 'hole' | 'reorder' | 'cut' | 'truncated' | 'added' | 'torn' | 'unreadable'

/** What is wrong with a journal, and where. */
export interface JournalFinding {
  kind: FindingKind
  /** File and line, from 1; '' and 0 where it is about the whole. */
  file: string
  line: number
  /** Number of the record it is about, where that is known. */
  seq?: number
  text: string
}

const findingsLimit = 100

/** Checks lines as they come, oldest first. Pure. Tells what is wrong, and goes on with what comes. */
export class ChainCheck {
  readonly findings: JournalFinding[] = []
  /** Beyond the first 100. */
  findingsCut = 0
  records = 0
  first: JournalRecord | undefined
  #head: JournalHead | undefined
  /** An unreadable line stands between the last record and the next. */
  #broken = false
  /** Of the newest `dropped` record: from where the journal is allowed to begin. */
  #begins: { before: number; base: string } | undefined
  /** Heads of the first record kept, as its `prev` tells. */
  #firstPrev = ''
  #numbers = new Map<number, string>()

  /** The last whole record. */
  get head(): JournalHead {
    return this.#head ?? genesis
  }

  take(line: Buffer, file: string, number: number): JournalRecord | undefined {
    const read = readLine(line)
    if (!read.ok) {
      this.#broken = true
      this.#say({ kind: 'edit', file, line: number, text: read.reason })
      return undefined
    }
    this.#follow(read.record, read.prev, { file, line: number })
    this.#head = read.head
    this.#broken = false
    this.records++
    if (read.record.kind === 'dropped') this.#begins = read.record
    return read.record
  }

  /** A last line without its newline. */
  torn(file: string, number: number, bytes: number): void {
    this.#say({
      kind: 'torn',
      file,
      line: number,
      text: `the last line is not whole (${bytes} bytes): a write was cut short; the next start of the daemon mends it and says so`,
    })
  }

  unreadable(file: string, reason: string): void {
    this.#broken = true
    this.#say({ kind: 'unreadable', file, line: 0, text: reason })
  }

  /**
   * The end: is the beginning allowed, and is the head the one that was kept apart?
   * @param kept from the store, or as another host heard it; undefined: not known
   * @param exact it is the writer's own: nothing may follow it
   */
  end(kept: JournalHead | undefined, exact = false): void {
    this.#beginning()
    if (exact && kept && this.head.seq > kept.seq)
      this.#say({
        kind: 'added',
        file: '',
        line: 0,
        seq: kept.seq + 1,
        text: `records ${kept.seq + 1} to ${this.head.seq} were not written by this daemon`,
      })
    if (!kept || kept.seq === 0) return
    const seen = this.#numbers.get(kept.seq)
    if (this.head.seq < kept.seq)
      this.#say({
        kind: 'truncated',
        file: '',
        line: 0,
        seq: kept.seq,
        text: `the journal ends at ${this.head.seq}, and ${kept.seq} was its head: ${kept.seq - this.head.seq} records were cut off its end`,
      })
    else if (seen !== undefined && seen !== kept.hash)
      this.#say({
        kind: 'edit',
        file: '',
        line: 0,
        seq: kept.seq,
        text: `record ${kept.seq} is not the one whose hash was kept: the journal was written anew`,
      })
  }

  #beginning(): void {
    if (!this.first) return
    if (this.first.seq === 1 && this.#firstPrev === genesis.hash) return
    const allowed = this.#begins
    // Older ones than it had to give up may still be there: a crash came before they were deleted.
    if (allowed && this.first.seq < allowed.before) return
    if (allowed && this.first.seq === allowed.before && this.#firstPrev === allowed.base) return
    this.#say({
      kind: 'cut',
      file: '',
      line: 0,
      seq: this.first.seq,
      text: `the journal begins at ${this.first.seq}, and nothing in it says that what came before was given up for room`,
    })
  }

  #follow(record: JournalRecord, prev: string, where: { file: string; line: number }): void {
    this.#remember(record)
    if (!this.first) {
      this.first = record
      this.#firstPrev = prev
      return
    }
    const expected = this.head.seq + 1
    const { seq } = record
    if (seq < expected)
      this.#say({ ...where, kind: 'reorder', seq, text: `${seq} comes after ${this.head.seq}` })
    else if (seq > expected)
      this.#say({
        ...where,
        kind: 'hole',
        seq,
        text:
          seq === expected + 1 ? `record ${expected} is gone` : `records ${expected} to ${seq - 1} are gone`,
      })
    else if (prev !== this.head.hash && !this.#broken)
      this.#say({
        ...where,
        kind: 'edit',
        seq,
        text: `it does not follow from ${this.head.seq}: one of the two was written anew`,
      })
  }

  /** The hashes of the last records, for the head that was kept. */
  #remember(record: JournalRecord): void {
    this.#numbers.set(record.seq, record.hash)
    if (this.#numbers.size > 20_000) this.#numbers.delete(this.#numbers.keys().next().value as number)
  }

  #say(finding: JournalFinding): void {
    if (this.findings.length < findingsLimit) this.findings.push(finding)
    else this.findingsCut++
  }
}
