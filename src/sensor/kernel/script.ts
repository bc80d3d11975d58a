/** The scripts that interpreters run: their hash as the eBPF program has it, and their names. */
import { readlinkSync, statSync } from 'node:fs'
import { resolve } from 'node:path'
import { remove, update } from './bpf.ts'
import { kernelDevice } from './proc.ts'
import type { Skeleton } from './skeleton.ts'

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
  /** The first arguments of its process, as far as they could be read. */
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

/** Which programs are interpreters, by the file: given by path, followed through links, looked at again now and then. */
export class Interpreters {
  readonly #fd: number
  #paths: readonly string[] = []
  #keys = new Map<string, Buffer>()

  constructor(skeleton: Skeleton) {
    this.#fd = skeleton.maps.get('interpreters') as number
  }

  use(paths: readonly string[]): void {
    this.#paths = paths
    this.look()
  }

  /** An interpreter may have been replaced. */
  look(): void {
    const now = new Map<string, Buffer>()
    for (const path of this.#paths) {
      const stat = statSync(path, { bigint: true, throwIfNoEntry: false })
      if (!stat) continue
      const key = Buffer.alloc(16)
      key.writeBigUInt64LE(stat.ino, 0)
      const device = kernelDevice(stat.dev)
      // Overlay and btrfs tell user space another number of major 0.
      key.writeUInt32LE(device >>> 20 === 0 ? 0 : device, 8)
      now.set(key.toString('hex'), key)
    }
    for (const [name, key] of this.#keys) if (!now.has(name)) remove(this.#fd, key)
    for (const [name, key] of now) if (!this.#keys.has(name)) update(this.#fd, key, Buffer.from([1, 0, 0, 0]))
    this.#keys = now
  }
}
