/** What an exec started: the file behind a path as the kernel would find it, and the file's identity. */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { open, readlink, realpath, stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { Abi } from '#syscalls'
import type { FileIdentity } from '../interface.ts'
import type { Program } from './source.ts'

/** The kernel follows this many interpreters of interpreters. */
const SHEBANG_DEPTH = 5
const ELF_MACHINES: Readonly<Record<number, Abi>> = { 3: 'i386', 62: 'x86-64', 183: 'arm64' }
/** Hashes kept of files that did not change. Beyond it the oldest is forgotten and computed anew when needed. */
const HASHES_KEPT = 4096

async function firstBytes(path: string): Promise<Buffer> {
  const file = await open(path, 'r')
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(256), 0, 256, 0)
    return buffer.subarray(0, bytesRead)
  } finally {
    await file.close()
  }
}

/** The ABI an ELF header names; undefined when it is none lymph knows. */
export function elfAbi(head: Buffer): Abi | undefined {
  if (head.length < 20 || head.readUInt32BE(0) !== 0x7f454c46) return undefined
  return ELF_MACHINES[head.readUInt16LE(18)]
}

/** The interpreter a script's first line names. */
export function interpreterOf(head: Buffer): string | undefined {
  if (head[0] !== 0x23 || head[1] !== 0x21) return undefined
  const line = head.subarray(2).toString('latin1').split('\n', 1)[0] as string
  return line.trim().split(/[ \t]/, 1)[0] || undefined
}

/** Finds programs on this machine for a running task. */
export class ExecutableFinder {
  readonly #hostAbi: Abi
  readonly #cwd: string
  readonly #hashes = new Map<string, FileIdentity>()

  /** `cwd`: where a relative path is looked for when the task is gone already. */
  constructor(hostAbi: Abi, cwd: string) {
    this.#hostAbi = hostAbi
    this.#cwd = cwd
  }

  /**
   * The program `binary` is for `task`: links resolved, a script's interpreter in its place. A path that cannot be
   * resolved is taken from /proc/PID/exe, or as it stands; the program is unidentified then.
   */
  async find(task: number, binary: string): Promise<Program> {
    try {
      const cwd = binary.startsWith('/') ? '/' : await readlink(`/proc/${task}/cwd`).catch(() => this.#cwd)
      if (binary === '') return await this.#program(await readlink(`/proc/${task}/exe`))
      let path = await realpath(resolve(cwd, binary))
      for (let depth = 0; depth < SHEBANG_DEPTH; depth++) {
        const interpreter = interpreterOf(await firstBytes(path))
        if (interpreter === undefined) break
        path = await realpath(resolve(cwd, interpreter))
      }
      return await this.#program(path)
    } catch (error) {
      // A file that may be run but not read, or that is gone: the running task still knows its name.
      const path = await readlink(`/proc/${task}/exe`).catch(() => binary)
      const deleted = path.endsWith(' (deleted)')
      const reason = (error as Error).message
      return {
        executable: {
          path: deleted ? path.slice(0, -' (deleted)'.length) : path,
          abi: this.#hostAbi,
          device: 0,
          inode: '0',
          generation: 0,
          mountNamespace: 0,
          deleted,
        },
        unidentified: reason,
      }
    }
  }

  async #program(path: string): Promise<Program> {
    const status = await stat(path, { bigint: true })
    const executable = {
      path,
      abi: elfAbi(await firstBytes(path)) ?? this.#hostAbi,
      device: Number(status.dev),
      inode: status.ino.toString(),
      generation: 0,
      mountNamespace: 0,
      deleted: false,
    }
    const what = `${status.dev} ${status.ino} ${status.size} ${status.mtimeNs} ${status.ctimeNs}`
    let file = this.#hashes.get(what)
    if (file === undefined) {
      file = {
        sha256: await sha256Of(path),
        sizeBytes: Number(status.size),
        mtimeMs: Number(status.mtimeMs),
        ctimeMs: Number(status.ctimeMs),
      }
      const oldest = this.#hashes.size >= HASHES_KEPT ? this.#hashes.keys().next().value : undefined
      if (oldest !== undefined) this.#hashes.delete(oldest)
      this.#hashes.set(what, file)
    }
    return { executable, file }
  }
}

/** SHA-256 of a file's content, hex. */
export async function sha256Of(path: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer)
  return hash.digest('hex')
}
