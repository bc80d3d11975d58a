/** What is in an executable file: its SHA-256, read once, and whether it has been written over since. */
import { createHash } from 'node:crypto'
import { type BigIntStats, type PathLike, statSync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import type { Executable, FileIdentity } from '../interface.ts'
import { kernelDevice } from './proc.ts'

const CHUNK = 1 << 20
const CACHED = 4096

interface Wanted {
  profile: number
  executable: Executable
  pid: number
  /** Set when this is about a file known before: only a change is told. */
  before?: FileIdentity
}

export interface IdentityEvents {
  known(profile: number, file: FileIdentity): void
  failed(profile: number, reason: string): void
  changed(profile: number, file: FileIdentity): void
}

export class Identities {
  readonly #events: IdentityEvents
  readonly #queue: Wanted[] = []
  readonly #cache = new Map<string, string>()
  readonly #known = new Map<number, { executable: Executable; pid: number; file: FileIdentity }>()
  #busy = false
  #closed = false

  constructor(events: IdentityEvents) {
    this.#events = events
  }

  /** One file at a time: reading is never urgent, and a host's whole /usr/bin may be waiting. */
  want(profile: number, executable: Executable, pid: number): void {
    this.#queue.push({ profile, executable, pid })
    void this.#work()
  }

  /** The file of a saved profile that `isUnchanged` vouches for: it need not be read. */
  adopt(profile: number, executable: Executable, file: FileIdentity): void {
    this.#known.set(profile, { executable, pid: 0, file })
  }

  get(profile: number): FileIdentity | undefined {
    return this.#known.get(profile)?.file
  }

  forget(profile: number): void {
    this.#known.delete(profile)
  }

  /** Looks at the files of the profiles that are active; those that were touched are read again. */
  check(active: number[]): void {
    for (const profile of active) {
      const known = this.#known.get(profile)
      if (!known || known.executable.deleted) continue
      const stat = statOf(fileOf(known.executable))
      if (!stat || !isFile(stat, known.executable)) continue
      const now = timesOf(stat)
      const { file } = known
      if (now.sizeBytes === file.sizeBytes && now.mtimeMs === file.mtimeMs && now.ctimeMs === file.ctimeMs)
        continue
      this.#queue.push({ profile, executable: known.executable, pid: known.pid, before: file })
    }
    void this.#work()
  }

  close(): void {
    this.#closed = true
    this.#queue.length = 0
  }

  async #work(): Promise<void> {
    if (this.#busy) return
    this.#busy = true
    try {
      for (let next = this.#queue.shift(); next && !this.#closed; next = this.#queue.shift())
        await this.#identify(next)
    } finally {
      this.#busy = false
    }
  }

  async #identify({ profile, executable, pid, before }: Wanted): Promise<void> {
    let file: FileIdentity | string
    try {
      file = await this.#read(executable, pid)
    } catch (error) {
      file = (error as Error).message
    }
    if (this.#closed) return
    if (typeof file === 'string') {
      if (!before) this.#events.failed(profile, file)
      return
    }
    this.#known.set(profile, { executable, pid, file })
    if (!before) this.#events.known(profile, file)
    else if (before.sha256 !== file.sha256) this.#events.changed(profile, file)
  }

  async #read(executable: Executable, pid: number): Promise<FileIdentity | string> {
    const { deleted } = executable
    const path = fileOf(executable)
    // Through the process first: its root may be another, and its file may have no name any more.
    const places = [...(pid > 0 ? [`/proc/${pid}/exe`] : []), ...(deleted ? [] : [path])]
    let reason = `${path}: its process had ended and the file has no name`
    for (const place of places) {
      let handle: FileHandle
      try {
        handle = await open(place, 'r')
      } catch (error) {
        reason = `${path}: ${(error as NodeJS.ErrnoException).code ?? 'cannot be opened'}`
        continue
      }
      try {
        const stat = await handle.stat({ bigint: true })
        if (!isFile(stat, executable)) reason = `${path}: another file is there now`
        else return await this.#hash(handle, stat, executable)
      } finally {
        await handle.close()
      }
    }
    return reason
  }

  async #hash(handle: FileHandle, stat: BigIntStats, executable: Executable): Promise<FileIdentity | string> {
    const times = timesOf(stat)
    const name = [stat.dev, stat.ino, executable.generation, stat.size, stat.mtimeNs, stat.ctimeNs].join(':')
    const cached = this.#cache.get(name)
    if (cached) return { sha256: cached, ...times }
    const hash = createHash('sha256')
    const chunk = Buffer.allocUnsafe(CHUNK)
    for (let at = 0; ; ) {
      const { bytesRead } = await handle.read(chunk, 0, CHUNK, at)
      if (bytesRead === 0) break
      hash.update(chunk.subarray(0, bytesRead))
      at += bytesRead
    }
    const after = timesOf(await handle.stat({ bigint: true }))
    if (after.mtimeMs !== times.mtimeMs || after.sizeBytes !== times.sizeBytes)
      return `${executable.path}: was written to while it was read`
    const sha256 = hash.digest('hex')
    const oldest = this.#cache.keys().next().value
    if (this.#cache.size >= CACHED && oldest !== undefined) this.#cache.delete(oldest)
    this.#cache.set(name, sha256)
    return { sha256, ...times }
  }
}

/** Whether the disk still has the file that was saved. */
export function isUnchanged(executable: Executable, file: FileIdentity): boolean {
  const stat = statOf(fileOf(executable))
  if (!stat || !isFile(stat, executable)) return false
  const now = timesOf(stat)
  return now.sizeBytes === file.sizeBytes && now.mtimeMs === file.mtimeMs && now.ctimeMs === file.ctimeMs
}

/** The file that the kernel runs: of a script, its interpreter. */
const fileOf = ({ interpreter, path }: Executable): string => interpreter ?? path

function statOf(path: PathLike): BigIntStats | undefined {
  try {
    return statSync(path, { bigint: true })
  } catch {
    return undefined
  }
}

function timesOf(stat: BigIntStats): Omit<FileIdentity, 'sha256'> {
  return {
    sizeBytes: Number(stat.size),
    mtimeMs: Number(stat.mtimeNs) / 1e6,
    ctimeMs: Number(stat.ctimeNs) / 1e6,
  }
}

/** Whether it is the file the kernel ran. Overlay and btrfs tell user space another device (major 0, both). */
export function isFile(stat: BigIntStats, { device, inode }: Pick<Executable, 'device' | 'inode'>): boolean {
  if (stat.ino !== BigInt(inode)) return false
  const seen = kernelDevice(stat.dev)
  return seen === device || (seen >>> 20 === 0 && device >>> 20 === 0)
}
