/** Where the programs of this host came from: build-ids and packages, read once and again only after something changed. */
import { constants, open } from 'node:fs/promises'
import { buildIdOf } from './build-id.ts'
import { type Installed, mayBePackaged, type PackageManager } from './packages.ts'

export interface Origin {
  buildId?: string
  package?: Installed
}

/** A change of what is installed, as far as it touches programs that lymph has profiles of. */
export interface Transaction {
  at: number
  manager: string
  /** Paths whose package or version is another now. */
  changed: { path: string; from?: Installed; to?: Installed }[]
}

/** Programs known at a time; beyond it those asked for longest ago are forgotten, and read again when asked for. */
const originsLimit = 8192
/** The managers' records are looked at for a change this often, and paths nobody knew yet are gathered as long. */
const lookEveryMs = 5000

interface Known {
  /** Of the file that was read: another content is another file. */
  sha256: string
  buildId: string | undefined
}

export class Origins {
  readonly #managers: readonly PackageManager[]
  readonly #onTransaction: (transaction: Transaction) => void
  readonly #files = new Map<string, Known>()
  readonly #packages = new Map<string, Installed | null>()
  #stamps = new Map<string, string>()
  #looked = Number.NEGATIVE_INFINITY
  #looking: Promise<void> | undefined

  constructor(
    managers: readonly PackageManager[],
    onTransaction: (transaction: Transaction) => void = () => {},
  ) {
    this.#managers = managers
    this.#onTransaction = onTransaction
  }

  /** What is known now; what is not is read by the next `look`. */
  of(path: string, sha256: string): Origin {
    const file = this.#files.get(path)
    const known = file?.sha256 === sha256 ? file : undefined
    if (!known) bounded(this.#files, path, { sha256, buildId: undefined })
    if (!this.#packages.has(path)) bounded(this.#packages, path, null)
    const owner = this.#packages.get(path)
    return { ...(known?.buildId ? { buildId: known.buildId } : {}), ...(owner ? { package: owner } : {}) }
  }

  /** Whether it has been looked at: what is not there is not known to anybody. */
  isKnown(path: string, sha256: string): boolean {
    const file = this.#files.get(path)
    return file?.sha256 === sha256 && file.buildId !== undefined
  }

  /** Asks the managers now: of what has just been put there, what is known may be old. */
  async ownerOf(path: string): Promise<Installed | undefined> {
    for (const manager of this.#managers) {
      const owner = (await manager.ownersOf([path])).get(path)
      if (owner) return owner
    }
    return undefined
  }

  gauge(): { files: number; packages: number; limit: number } {
    return { files: this.#files.size, packages: this.#packages.size, limit: originsLimit }
  }

  /**
   * Reads what is asked for and not yet known, at most every 5 s, and tells of a transaction of the package manager.
   * @param programs all that this host has profiles of
   */
  look(programs: Iterable<{ path: string; sha256: string }>, now: number): Promise<void> {
    if (now - this.#looked < lookEveryMs) return this.#looking ?? Promise.resolve()
    this.#looked = now
    this.#looking ??= this.#read([...programs], now).finally(() => {
      this.#looking = undefined
    })
    return this.#looking
  }

  async #read(programs: { path: string; sha256: string }[], now: number): Promise<void> {
    for (const { path, sha256 } of programs) {
      const known = this.#files.get(path)
      if (known?.sha256 === sha256 && known.buildId !== undefined) continue
      bounded(this.#files, path, { sha256, buildId: (await readBuildId(path)) ?? '' })
    }
    for (const manager of this.#managers) await this.#askOf(manager, programs, now)
  }

  async #askOf(manager: PackageManager, programs: { path: string }[], now: number): Promise<void> {
    const stamp = await manager.stamp()
    if (stamp === undefined) return
    const before = this.#stamps.get(manager.kind)
    const moved = before !== undefined && before !== stamp
    this.#stamps.set(manager.kind, stamp)
    const paths = [...new Set(programs.map(({ path }) => path))].filter(mayBePackaged)
    const wanted = moved ? paths : paths.filter((path) => !this.#packages.get(path) && this.#isNew(path))
    if (wanted.length === 0) return
    const owners = await manager.ownersOf(wanted)
    const changed: Transaction['changed'] = []
    for (const path of wanted) {
      const from = this.#packages.get(path) ?? undefined
      const to = owners.get(path)
      this.#asked.add(path)
      bounded(this.#packages, path, to ?? null)
      if (
        moved &&
        (from?.name !== to?.name || from?.version !== to?.version || from?.installed !== to?.installed)
      )
        changed.push({ path, ...(from ? { from } : {}), ...(to ? { to } : {}) })
    }
    if (this.#asked.size > originsLimit) this.#asked.clear()
    if (moved) this.#onTransaction({ at: now, manager: manager.kind, changed })
  }

  /** Paths that no package owns are not asked for again before the records change. */
  readonly #asked = new Set<string>()
  #isNew(path: string): boolean {
    return !this.#asked.has(path)
  }
}

function bounded<Value>(map: Map<string, Value>, key: string, value: Value): void {
  map.delete(key)
  map.set(key, value)
  if (map.size > originsLimit) map.delete(map.keys().next().value as string)
}

/** Undefined where the file cannot be read, has gone, or has none. */
async function readBuildId(path: string): Promise<string | undefined> {
  try {
    // A name may have become a pipe or a terminal since: opening must neither wait nor take it over.
    const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY)
    try {
      if (!(await file.stat()).isFile()) return undefined
      return await buildIdOf(async (offset, length) => {
        const bytes = new Uint8Array(length)
        const { bytesRead } = await file.read(bytes, 0, length, offset)
        return bytes.subarray(0, bytesRead)
      })
    } finally {
      await file.close()
    }
  } catch {
    return undefined
  }
}
