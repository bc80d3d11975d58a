/**
 * Writes the journal: one write and one fdatasync for whatever waits, then the head into the store. What cannot be
 * written waits (bounded) and is tried again; what had no room to wait is counted, and the journal says so.
 */
import { createHash } from 'node:crypto'
import {
  closeSync,
  fdatasyncSync,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs'
import { genesis, type JournalHead, lineLimitBytes, link, readLine } from './chain.ts'
import {
  firstPrevOf,
  linesOf,
  readJournal,
  type Segment,
  segmentName,
  segmentsOf,
  type Verified,
  verifyJournal,
} from './files.ts'
import { entrySchema, type JournalEntry, type JournalRecord } from './record.ts'

/** Where the head is kept apart from the files; the daemon's store. */
export interface HeadKeep {
  read(): Promise<JournalHead | undefined>
  write(head: JournalHead): Promise<void>
}

export interface JournalLimits {
  /** A file grows to this; then the next begins. */
  segmentBytes: number
  /** All files together; beyond it the oldest go. */
  totalBytes: number
  /** Entries that wait while nothing can be written; more are counted as lost. */
  waiting: number
}

export const journalLimits: JournalLimits = {
  segmentBytes: 8 * 1024 * 1024,
  totalBytes: 64 * 1024 * 1024,
  waiting: 10_000,
}

export interface JournalOptions {
  folder: string
  keep: HeadKeep
  now: () => number
  /** Told of what went wrong, once until it works again. */
  say: (line: string) => void
  limits?: Partial<JournalLimits>
}

interface Waiting {
  entry: JournalEntry
  at: number
}

export class JournalWriter {
  readonly #options: JournalOptions
  readonly #limits: JournalLimits
  #head: JournalHead = genesis
  #segments: Segment[] = []
  #sizes = new Map<string, number>()
  #waiting: Waiting[] = []
  #lost = 0
  #lostSince = 0
  #failing = false
  #work: Promise<void> = Promise.resolve()

  private constructor(options: JournalOptions) {
    this.#options = options
    this.#limits = { ...journalLimits, ...options.limits }
  }

  /**
   * Reads what is there, mends a torn last line, and says in the journal what it found: a torn line, an end that was
   * cut off, files that are gone.
   */
  static async open(options: JournalOptions): Promise<JournalWriter> {
    const writer = new JournalWriter(options)
    await writer.#begin()
    return writer
  }

  /** The newest record on the disk: what the store keeps and other hosts hear. */
  head(): JournalHead {
    return this.#head
  }

  /** Records that could not be kept, and those that wait to be written. */
  gauge(): { seq: number; waiting: number; lost: number; files: number; bytes: number } {
    const bytes = [...this.#sizes.values()].reduce((sum, size) => sum + size, 0)
    const { length: files } = this.#segments
    return { seq: this.#head.seq, waiting: this.#waiting.length, lost: this.#lost, files, bytes }
  }

  /** Takes an entry; written with others a moment later. @throws for one that is none of the schema's */
  add(entry: JournalEntry): void {
    const checked = entrySchema.parse(entry)
    const at = this.#options.now()
    if (this.#waiting.length >= this.#limits.waiting) {
      if (this.#lost++ === 0) this.#lostSince = at
      return
    }
    this.#waiting.push({ entry: checked, at })
    void this.flush()
  }

  /** Resolves when all that waits is on the disk, or could not be written now. */
  flush(): Promise<void> {
    this.#work = this.#work.then(() => this.#write())
    return this.#work
  }

  /** Compared with the head this writer itself knows. */
  verify(): Promise<Verified> {
    const verified = this.flush().then(() => verifyJournal(this.#options.folder, this.#head, true))
    this.#work = verified.then(
      () => {},
      () => {},
    )
    return verified
  }

  /** Records of a kind that hold, newest last, at most `limit` of the newest. */
  async records(wanted: (record: JournalRecord) => boolean, limit = 1000): Promise<JournalRecord[]> {
    await this.flush()
    const found: JournalRecord[] = []
    for await (const record of readJournal(this.#options.folder)) {
      if (!wanted(record)) continue
      found.push(record)
      if (found.length > 2 * limit) found.splice(0, found.length - limit)
    }
    return found.slice(-limit)
  }

  close = (): Promise<void> => this.flush()

  async #begin(): Promise<void> {
    const { folder, keep, now } = this.#options
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    const kept = (await keep.read()) ?? genesis
    this.#segments = segmentsOf(folder)
    for (const { path } of this.#segments) this.#sizes.set(path, statSync(path).size)
    let tail = genesis
    // The newest file holds the end, unless it is empty or nothing of it holds.
    for (const segment of this.#segments.toReversed()) {
      for await (const { line, whole, offset } of linesOf(segment.path)) {
        const read = whole ? readLine(line) : undefined
        if (read?.ok && read.head.seq > tail.seq) tail = read.head
        if (!whole && segment === this.#segments.at(-1)) this.#mend(segment, offset, line)
      }
      if (tail.seq > 0) break
    }
    this.#head = tail
    if (tail.seq < kept.seq) {
      // What comes goes on after the number that was lost, so that the hole shows for as long as the journal is kept.
      this.#head = kept
      const why = `the journal ended at ${tail.seq} though ${kept.seq} had been written: its end was cut off or its files were taken away`
      this.#waiting.push({
        entry: { kind: 'gap', what: 'journal', why, lost: kept.seq - tail.seq },
        at: now(),
      })
      this.#options.say(`journal ${folder}: ${why}: \`lymph incident verify\` shows it`)
    }
    await this.flush()
  }

  #mend(segment: Segment, offset: number, line: Buffer): void {
    const file = openSync(segment.path, 'r+')
    try {
      ftruncateSync(file, offset)
      fsyncSync(file)
    } finally {
      closeSync(file)
    }
    this.#sizes.set(segment.path, offset)
    const sha256 = createHash('sha256').update(line).digest('hex')
    this.#waiting.push({ entry: { kind: 'mended', bytes: line.length, sha256 }, at: this.#options.now() })
    this.#options.say(`journal ${segment.name}: a torn last line of ${line.length} bytes was cut off`)
  }

  async #write(): Promise<void> {
    if (this.#waiting.length === 0 && this.#lost === 0) return
    const { now, say, keep, folder } = this.#options
    try {
      this.#giveUpOld()
      const waiting = this.#waiting.slice()
      if (this.#lost > 0)
        waiting.push({
          entry: {
            kind: 'gap',
            what: 'journal',
            why: 'they could not be written, and there was no more room to wait',
            lost: this.#lost,
            since: this.#lostSince,
          },
          at: now(),
        })
      this.#append(waiting)
      // Entries that came meanwhile stay: nothing above waits for anything.
      this.#waiting = []
      this.#lost = 0
      this.#failing = false
    } catch (error) {
      if (!this.#failing)
        say(
          `journal ${folder}: cannot be written (${(error as Error).message}): ${this.#waiting.length} records wait, at most ${this.#limits.waiting}; make room or mend the folder`,
        )
      this.#failing = true
      return
    }
    try {
      await keep.write(this.#head)
    } catch (error) {
      say(
        `journal: its head is not kept (${(error as Error).message}): a cut end would not show; tried again`,
      )
    }
  }

  /** All of them or none; throws where they cannot be on the disk. */
  #append(waiting: readonly Waiting[]): void {
    let segment = this.#segments.at(-1)
    if (!segment || this.#sizeOf(segment) >= this.#limits.segmentBytes) segment = this.#next()
    let head = this.#head
    const lines = waiting.map(({ entry, at }) => {
      let linked = link(head, entry, at)
      if (Buffer.byteLength(linked.line) > lineLimitBytes) {
        const why = `a record of kind ${entry.kind} was larger than ${lineLimitBytes} bytes`
        linked = link(head, { kind: 'gap', what: 'journal', why, lost: 1 }, at)
      }
      head = linked.head
      return `${linked.line}\n`
    })
    const size = this.#sizeOf(segment)
    const bytes = Buffer.from(lines.join(''))
    const file = openSync(segment.path, 'a', 0o600)
    try {
      for (let done = 0; done < bytes.length; ) done += writeSync(file, bytes, done)
      fdatasyncSync(file)
    } catch (error) {
      // Nothing half: what was written of it goes again.
      ftruncateSync(file, size)
      throw error
    } finally {
      closeSync(file)
    }
    this.#sizes.set(segment.path, size + bytes.length)
    this.#head = head
  }

  #sizeOf(segment: Segment): number {
    return this.#sizes.get(segment.path) ?? 0
  }

  #next(): Segment {
    const { folder } = this.#options
    const first = this.#head.seq + 1
    const name = segmentName(first)
    const segment = { path: `${folder}/${name}`, name, first }
    closeSync(openSync(segment.path, 'a', 0o600))
    const directory = openSync(folder, 'r')
    fsyncSync(directory)
    closeSync(directory)
    this.#segments.push(segment)
    this.#sizes.set(segment.path, 0)
    return segment
  }

  /** First the record that says from where the journal begins, then the files. */
  #giveUpOld(): void {
    const { segmentBytes, totalBytes } = this.#limits
    let bytes = this.gauge().bytes
    const old: Segment[] = []
    while (bytes + segmentBytes > totalBytes && this.#segments.length - old.length > 1) {
      const segment = this.#segments[old.length] as Segment
      bytes -= this.#sizeOf(segment)
      old.push(segment)
    }
    const last = this.#segments[old.length]
    if (old.length === 0 || !last) return
    const base = firstPrevOf(last.path)
    if (base !== undefined)
      this.#append([{ entry: { kind: 'dropped', before: last.first, base }, at: this.#options.now() }])
    for (const { path } of old) {
      rmSync(path, { force: true })
      this.#sizes.delete(path)
    }
    this.#segments.splice(0, old.length)
  }
}
