/** The scripts that interpreters run: their hash as the eBPF program has it, and their names. */
import { readlinkSync, realpathSync, statSync } from 'node:fs'
import { resolve } from 'node:path'
import { lookup, remove, update } from './bpf.ts'
import { Interpreted } from './layout.ts'
import { interpretedBytes } from './options.ts'
import { kernelDevice } from './proc.ts'
import type { Skeleton } from './skeleton.ts'
import type { KernelKey } from './slots.ts'

/** Bytes of a name that are hashed. */
const NAME_BYTES = 256
const FACTOR = 0x9e3779b97f4a7c15n
const MASK = (1n << 64n) - 1n

/** As in bpf/script.h. @param folder inode of the folder that a name is relative to */
export function scriptHash(name: string, folder = 0n): number {
  const bytes = Buffer.alloc(NAME_BYTES + 8)
  const length = Math.min(NAME_BYTES, Buffer.from(name).copy(bytes))
  let hash = 0n
  // The word that holds the NUL is one of them.
  for (let at = 0; at <= length && at < NAME_BYTES; at += 8) {
    hash = ((hash ^ bytes.readBigUInt64LE(at)) * FACTOR) & MASK
    hash ^= hash >> 32n
  }
  if (!name.startsWith('/')) hash = ((hash ^ folder) * FACTOR) & MASK
  return Number(hash >> 32n) | 1
}

export interface ScriptRecord {
  /** Its hash; 0: no script. */
  script: number
  /** Inode of the folder its process was in. */
  folder: bigint
  /** Arguments of its process, one of which names it, as far as they could be read. */
  arguments: string[]
}

/**
 * The path of a script, out of the argument that has its hash: a process may say of itself what it likes. Undefined:
 * none has. A relative path is made a whole one while its process lives and is where it was.
 */
export function scriptPath(
  { script, folder, arguments: given }: ScriptRecord,
  pid: number,
): string | undefined {
  if (script === 0) return undefined
  const name = given.find((one) => one !== '' && scriptHash(one, folder) >>> 0 === script)
  if (name === undefined || name.startsWith('/')) return name
  try {
    const place = `/proc/${pid}/cwd`
    return statSync(place, { bigint: true }).ino === folder ? resolve(readlinkSync(place), name) : name
  } catch {
    return name
  }
}

/** Of all profile slots, what the scripts of one interpreter may have. */
const SHARE = 1 / 8

interface Interpreter {
  key: Buffer
  inode: bigint
  device: number
  path: string
  /** Profiles of its scripts, as the kernel was told. */
  scripts: number
}

/** Which programs are interpreters, by the file: given by path, followed through links, looked at again now and then. */
export class Interpreters {
  readonly #fd: number
  readonly #most: number
  #paths: readonly string[] = []
  #there = new Map<string, Interpreter>()

  constructor(skeleton: Skeleton, profileSlots: number) {
    this.#fd = skeleton.maps.get('interpreters') as number
    this.#most = Math.max(1, Math.floor(profileSlots * SHARE))
  }

  use(paths: readonly string[]): void {
    this.#paths = paths
    this.look()
  }

  /** An interpreter may have been replaced. */
  look(): void {
    const now = new Map<string, Interpreter>()
    for (const path of this.#paths) {
      const stat = statSync(path, { bigint: true, throwIfNoEntry: false })
      if (!stat) continue
      const key = Buffer.alloc(16)
      key.writeBigUInt64LE(stat.ino, 0)
      const seen = kernelDevice(stat.dev)
      // Overlay and btrfs tell user space another number of major 0.
      const device = seen >>> 20 === 0 ? 0 : seen
      key.writeUInt32LE(device, 8)
      const name = key.toString('hex')
      const scripts = this.#there.get(name)?.scripts ?? 0
      now.set(name, { key, inode: stat.ino, device, path: realpathSync(path), scripts })
    }
    for (const [name, { key }] of this.#there) if (!now.has(name)) remove(this.#fd, key)
    for (const [name, interpreter] of now) if (!this.#there.has(name)) this.#tell(interpreter)
    this.#there = now
  }

  /** Sets right how many scripts have a profile: the kernel counts those that come, not those that were given up. */
  count(profiles: Iterable<KernelKey>): void {
    const scripts = new Map<bigint, KernelKey[]>()
    for (const key of profiles)
      if (key.script !== 0) scripts.set(key.inode, [...(scripts.get(key.inode) ?? []), key])
    for (const interpreter of this.#there.values()) {
      const { inode, device } = interpreter
      const of = (scripts.get(inode) ?? []).filter((key) => device === 0 || key.device === device)
      if (of.length === interpreter.scripts && !this.#counted(interpreter, of.length)) continue
      interpreter.scripts = of.length
      this.#tell(interpreter)
    }
  }

  /** Whether the kernel counts another number. */
  #counted({ key }: Interpreter, scripts: number): boolean {
    return lookup(this.#fd, key, Interpreted.bytes)?.readUInt32LE(Interpreted.scripts) !== scripts
  }

  #tell({ key, path, scripts }: Interpreter): void {
    update(this.#fd, key, interpretedBytes(path, scripts, this.#most))
  }
}
