/**
 * A baseline: a file of root's under the state folder. A line that says what it is, a line of JSON, a line for each
 * entry in the order of a walk, and `end COUNT SHA256` over all before it. docs/decisions/integrity-baseline.md.
 */
import { createHash } from 'node:crypto'
import {
  closeSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { AgentError } from '../errors.ts'

const magic = 'lymph-integrity 1\n'
const endLine = /^end (\d+) ([0-9a-f]{64})$/

export interface BaselineHeader {
  name: string
  roots: string[]
  exclude: string[]
  mounts: boolean
  depth?: number
  largestBytes: number
  /** ms since the epoch: when it was begun. */
  made: number
}

export interface BaselineInfo {
  header: BaselineHeader
  entries: number
  /** Of the whole file: what the journal keeps. */
  sha256: string
}

const namePattern = /^[a-z0-9][a-z0-9._-]{0,63}$/

/** Files of a baseline of this name. @throws AgentError for a name that could lead elsewhere */
export function placesOf(folder: string, name: string) {
  if (!namePattern.test(name))
    throw new AgentError(`"${name}" cannot name a baseline: use a-z, 0-9, '.', '_' and '-', at most 64`, 2)
  const at = (ending: string) => join(folder, `${name}.${ending}`)
  return {
    baseline: at('baseline'),
    draft: at('baseline.new'),
    owners: at('owners'),
    progress: at('progress'),
    findings: at('findings.jsonl'),
  }
}

export function saveWhole(path: string, text: string): void {
  const draft = `${path}.draft`
  writeFileSync(draft, text, { mode: 0o600, flush: true })
  renameSync(draft, path)
}

/** Writes a baseline; nothing stands under its name until `finish`. */
export class BaselineWriter {
  readonly #path: string
  readonly #draft: string
  readonly #file: number
  #entries = 0
  #bytes = 0

  /** @param resume bytes and entries of a draft that are to be kept */
  constructor(
    path: string,
    draft: string,
    header: BaselineHeader,
    resume?: { bytes: number; entries: number },
  ) {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
    this.#path = path
    this.#draft = draft
    this.#file = openSync(draft, resume ? 'r+' : 'w', 0o600)
    if (resume) {
      ftruncateSync(this.#file, resume.bytes)
      this.#bytes = resume.bytes
      this.#entries = resume.entries
    } else this.#write(Buffer.from(`${magic}${JSON.stringify(header)}\n`))
  }

  get progress(): { bytes: number; entries: number } {
    return { bytes: this.#bytes, entries: this.#entries }
  }

  add(lines: Uint8Array, entries: number): void {
    this.#write(lines)
    this.#entries += entries
  }

  sync(): void {
    fsyncSync(this.#file)
  }

  finish(): string {
    const hash = createHash('sha256')
    const file = openSync(this.#draft, 'r')
    const chunk = Buffer.allocUnsafe(1024 * 1024)
    for (let at = 0, got = 1; got > 0; at += got) {
      got = readSync(file, chunk, 0, chunk.length, at)
      hash.update(chunk.subarray(0, got))
    }
    closeSync(file)
    this.#write(Buffer.from(`end ${this.#entries} ${hash.digest('hex')}\n`))
    fsyncSync(this.#file)
    closeSync(this.#file)
    renameSync(this.#draft, this.#path)
    return openBaseline(this.#path).info.sha256
  }

  /** What was written stays, to go on from. */
  leave(): void {
    fsyncSync(this.#file)
    closeSync(this.#file)
  }

  #write(bytes: Uint8Array): void {
    for (let done = 0; done < bytes.length; )
      done += writeSync(this.#file, bytes, done, bytes.length - done, this.#bytes + done)
    this.#bytes += bytes.length
  }
}

/** Reads lines of a baseline one after the other; at most one chunk is in memory. */
export class BaselineCursor {
  readonly #file: number
  readonly #end: number
  #at: number
  #chunk: Buffer = Buffer.alloc(0)
  #start = 0
  /** The line it stands at, without its newline; undefined at the end. One character a byte. */
  line: string | undefined

  constructor(path: string, from: number, end: number) {
    this.#file = openSync(path, 'r')
    this.#at = from
    this.#end = end
    this.next()
  }

  next(): void {
    for (;;) {
      const newline = this.#chunk.indexOf(10, this.#start)
      if (newline >= 0) {
        this.line = this.#chunk.toString('latin1', this.#start, newline)
        this.#start = newline + 1
        return
      }
      const rest = this.#chunk.subarray(this.#start)
      const more = Buffer.allocUnsafe(Math.min(1024 * 1024, Math.max(0, this.#end - this.#at)))
      const got = more.length > 0 ? readSync(this.#file, more, 0, more.length, this.#at) : 0
      if (got === 0) {
        this.line = undefined
        return
      }
      this.#at += got
      this.#chunk = Buffer.concat([rest, more.subarray(0, got)])
      this.#start = 0
    }
  }

  close(): void {
    closeSync(this.#file)
  }
}

/**
 * Checks the seal and gives a way to read the entries.
 * @throws AgentError where there is none, or it is not as it was written
 */
export function openBaseline(path: string): { info: BaselineInfo; cursor: () => BaselineCursor } {
  let file: number
  try {
    file = openSync(path, 'r')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    throw new AgentError(
      code === 'ENOENT'
        ? `${path}: there is no baseline yet: the first check makes one`
        : `${path}: the baseline cannot be read (${code})`,
    )
  }
  const damaged = (why: string) =>
    new AgentError(
      `${path}: the baseline is not as it was written (${why}): find out who changed it, compare its hash with \`lymph incident verify\`'s journal, and make another`,
    )
  try {
    const size = fstatSync(file).size
    const hash = createHash('sha256')
    const whole = createHash('sha256')
    const tailBytes = Math.min(size, 100)
    const tail = Buffer.alloc(tailBytes)
    readSync(file, tail, 0, tailBytes, size - tailBytes)
    const last = tail.toString('latin1').trimEnd().split('\n').at(-1) ?? ''
    const match = endLine.exec(last)
    if (!match) throw damaged('its end is missing')
    const end = size - last.length - 1
    const chunk = Buffer.allocUnsafe(1024 * 1024)
    for (let at = 0; at < size; ) {
      const got = readSync(file, chunk, 0, chunk.length, at)
      if (got === 0) break
      whole.update(chunk.subarray(0, got))
      if (at < end) hash.update(chunk.subarray(0, Math.min(got, end - at)))
      at += got
    }
    if (hash.digest('hex') !== match[2]) throw damaged('its hash does not match')
    const head = Buffer.alloc(Math.min(size, 1024 * 1024))
    readSync(file, head, 0, head.length, 0)
    const text = head.toString('latin1')
    if (!text.startsWith(magic)) throw damaged('it is of another version')
    const headerEnd = text.indexOf('\n', magic.length)
    const header = JSON.parse(head.subarray(magic.length, headerEnd).toString('utf8')) as BaselineHeader
    return {
      info: { header, entries: Number(match[1]), sha256: whole.digest('hex') },
      cursor: () => new BaselineCursor(path, headerEnd + 1, end),
    }
  } finally {
    closeSync(file)
  }
}

export interface Progress {
  kind: 'baseline' | 'check'
  /** What it is a part of: the header, or the hash of the baseline. */
  of: string
  /** The last entry that is done. */
  path: string
  bytes: number
  entries: number
  findings: number
}

export function readProgress(path: string): Progress | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Progress
  } catch {
    return undefined
  }
}

export const dropProgress = (path: string): void => rmSync(path, { force: true })
