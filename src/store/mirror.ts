import { createHash } from 'node:crypto'
import type { Dirent } from 'node:fs'
import { constants, lstat, mkdir, open, opendir, rename, rmdir, unlink } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { mirrorPath } from './mirror-path.ts'

/** Beginning of the name of a file that is still being written. */
const temporary = '.writing-'
/** A larger file in the mirror is none of ours. */
const fileBytes = 16 * 1024 * 1024

export interface MirrorKey {
  binary: string
  abi: string
  window: number
  sha256: string
}

/**
 * Profile files laid out as the file system is: `profiles/usr/bin/less`, as pH kept them under /var/lib/pH/profiles
 * (Somayaji 2002). The store is the truth and this its copy: to look at, to copy away, and to come back from when the
 * store is lost. The first profile of a path has the plain name for as long as it lives; further ones (another ABI,
 * window or content of the file) get a suffix.
 */
export class Mirror {
  readonly folder: string
  /** Whose file stands at a relative path. One entry a profile. */
  readonly #owners = new Map<string, string>()
  readonly #pathOf = new Map<string, string>()
  /** What was last written where: a profile saved again unchanged costs no disk write. */
  readonly #written = new Map<string, string>()
  /** How many profiles lie below a folder. */
  readonly #folders = new Map<string, number>()

  constructor(folder: string) {
    this.folder = folder
  }

  get files(): number {
    return this.#owners.size
  }

  /** Says that the file at `path` is that of the profile `id`. */
  own(id: string, path: string): void {
    this.disown(id)
    this.#owners.set(path, id)
    this.#pathOf.set(id, path)
    for (const folder of above(path)) this.#folders.set(folder, (this.#folders.get(folder) ?? 0) + 1)
  }

  disown(id: string): string | undefined {
    const path = this.#pathOf.get(id)
    if (path === undefined) return undefined
    this.#pathOf.delete(id)
    this.#owners.delete(path)
    this.#written.delete(path)
    for (const folder of above(path)) {
      const left = (this.#folders.get(folder) ?? 1) - 1
      if (left > 0) this.#folders.set(folder, left)
      else this.#folders.delete(folder)
    }
    return path
  }

  ownerOf(path: string): string | undefined {
    return this.#owners.get(path)
  }

  /** The relative path of a profile, chosen and owned when it has none. A file that is nobody's is never taken. */
  async claim(id: string, key: MirrorKey): Promise<string> {
    const has = this.#pathOf.get(id)
    if (has !== undefined) return has
    const foreign = new Set<string>()
    for (;;) {
      const path = mirrorPath(
        key,
        (at) => this.#owners.has(at) || this.#folders.has(at) || foreign.has(at),
        (at) => this.#owners.has(at) || foreign.has(at),
      )
      const stands = await this.#standing(path)
      if (stands === undefined) {
        this.own(id, path)
        return path
      }
      foreign.add(stands)
    }
  }

  /** What is in the way of a file at `path`: itself, or a file where a folder would have to be. */
  async #standing(path: string): Promise<string | undefined> {
    for (const at of [...above(path), path]) {
      const found = await lstat(join(this.folder, at)).catch(() => undefined)
      if (found === undefined) return undefined
      if (at === path || !found.isDirectory()) return at
    }
    return undefined
  }

  /** The new file or the old one is there, never half of one, also after a loss of power. */
  async write(path: string, bytes: Uint8Array): Promise<void> {
    const hash = createHash('sha256').update(bytes).digest('base64')
    if (this.#written.get(path) === hash) return
    const file = join(this.folder, path)
    const folder = dirname(file)
    await mkdir(folder, { recursive: true, mode: 0o700 })
    const half = join(folder, `${temporary}${createHash('sha256').update(path).digest('hex').slice(0, 16)}`)
    try {
      const handle = await open(
        half,
        constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_NOFOLLOW,
        0o600,
      )
      try {
        await handle.writeFile(bytes)
        await handle.sync()
      } finally {
        await handle.close()
      }
      await rename(half, file)
    } catch (error) {
      await unlink(half).catch(() => undefined)
      throw error
    }
    await syncFolder(folder)
    this.#written.set(path, hash)
  }

  /** Takes the file away, and the folders that are empty then. */
  async remove(path: string): Promise<void> {
    await unlink(join(this.folder, path)).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error
    })
    for (const folder of above(path).reverse()) {
      // Fails where something is left in it, and nothing above it is empty then.
      if (
        !(await rmdir(join(this.folder, folder)).then(
          () => true,
          () => false,
        ))
      )
        return
    }
  }

  /** Every file of the mirror, in no order; links and what is still being written are passed over. */
  async *walk(): AsyncGenerator<{ path: string; bytes: Uint8Array } | { path: string; reason: string }> {
    const waiting = ['']
    for (let folder = waiting.pop(); folder !== undefined; folder = waiting.pop()) {
      let entries: AsyncIterable<Dirent>
      try {
        entries = await opendir(join(this.folder, folder))
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT')
          yield { path: folder || '.', reason: (error as Error).message }
        continue
      }
      for await (const entry of entries) {
        const path = folder ? `${folder}/${entry.name}` : entry.name
        if (entry.isDirectory()) waiting.push(path)
        else if (entry.isFile() && !basename(path).startsWith(temporary)) yield this.#read(path)
      }
    }
  }

  async #read(path: string): Promise<{ path: string; bytes: Uint8Array } | { path: string; reason: string }> {
    try {
      const handle = await open(join(this.folder, path), constants.O_RDONLY | constants.O_NOFOLLOW)
      try {
        const { size } = await handle.stat()
        if (size > fileBytes)
          return { path, reason: `${size} bytes, and ${fileBytes} is the most one may have` }
        return { path, bytes: await handle.readFile() }
      } finally {
        await handle.close()
      }
    } catch (error) {
      return { path, reason: (error as Error).message }
    }
  }
}

/** The folders above a relative path, outermost first. */
function above(path: string): string[] {
  const parts = path.split('/')
  return parts.slice(0, -1).map((_, index) => parts.slice(0, index + 1).join('/'))
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, constants.O_RDONLY | constants.O_DIRECTORY)
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
