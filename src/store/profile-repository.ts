import type { Census } from './census.ts'
import type { DamageReport } from './damage.ts'
import type { Engine } from './engine.ts'
import { open, seal } from './envelope.ts'
import type { KeyValueOperation, Repository } from './interface.ts'
import { keyOf, partsOf, runOf } from './keys.ts'
import type { Log } from './ladder.ts'
import { Mirror } from './mirror.ts'
import { type ProfileRecord, type ProfileRecordKey, profileKey, profileName } from './profiles.ts'
import { Queue } from './queue.ts'
import { KindRepository } from './repository.ts'

export const profileKind = 'profiles'
/** Kind of the records that say where a profile is mirrored. */
export const mirrorKind = 'mirror'
export const profileVersion = 1
export const mirrorVersion = 1
/** Profiles kept at most; the daemon, which knows which one matters least, keeps fewer. */
export const profilesLimit = 10_000
const valueBytes = 16 * 1024 * 1024

export interface MirrorHealth {
  files: number
  /** Files that could not be written or taken away; the store has what they would hold. */
  failures: number
  lastFailure?: string
}

export interface Restored {
  restored: number
  /** Files whose profile the store has already. */
  known: number
  /** Files that are no profiles, and why; at most 1,000. */
  refused: { file: string; reason: string }[]
}

/** Reads a mirrored profile file: its key and record, or throws with the reason why it is none. */
export type Identify = (file: Uint8Array) => { key: ProfileRecordKey; record: ProfileRecord }

/** Profiles in the store, each mirrored as a file. A failing mirror is counted and told, and fails no save. */
export class ProfileRepository implements Repository<ProfileRecordKey, ProfileRecord> {
  readonly #engine: Engine
  readonly #records: KindRepository<ProfileRecordKey, ProfileRecord>
  readonly #mirror: Mirror
  readonly #log: Log
  readonly #queue = new Queue()
  #failures = 0
  #lastFailure: string | undefined

  constructor(engine: Engine, census: Census, folder: string, log: Log, damage: DamageReport) {
    this.#engine = engine
    this.#log = log
    this.#mirror = new Mirror(folder)
    this.#records = new KindRepository(
      engine,
      {
        kind: profileKind,
        version: profileVersion,
        limit: profilesLimit,
        valueBytes,
        nameOf: profileName,
        keyFrom: profileKey,
      },
      census.names.get(profileKind) ?? new Set(),
      damage,
    )
  }

  get size(): number {
    return this.#records.size
  }

  /** Learns where the files are. Before anything else. */
  async begin(): Promise<void> {
    for await (const [key, sealed] of this.#engine.entries(runOf(mirrorKind))) {
      const opened = open(key, mirrorVersion, sealed)
      const name = partsOf(key)?.name as string
      if (opened.ok) this.#mirror.own(name, new TextDecoder().decode(opened.payload))
    }
  }

  get(key: ProfileRecordKey): Promise<ProfileRecord | undefined> {
    return this.#records.get(key)
  }

  list(): AsyncGenerator<[ProfileRecordKey, ProfileRecord]> {
    return this.#records.list()
  }

  put(key: ProfileRecordKey, record: ProfileRecord): Promise<void> {
    return this.putAll([[key, record]])
  }

  /** One batch, on the disk when it resolves; then the mirrored files. */
  putAll(entries: [ProfileRecordKey, ProfileRecord][]): Promise<void> {
    return this.#queue.run(async () => {
      const claims: { path: string; file: Uint8Array }[] = []
      const names: KeyValueOperation[] = []
      for (const [key, record] of entries) {
        const name = profileName(key)
        const path = await this.#mirror.claim(name, key)
        claims.push({ path, file: record.file })
        names.push(nameRecord(name, path))
      }
      await this.#records.putWith(entries, names)
      for (const { path, file } of claims) await this.#mirrored(path, () => this.#mirror.write(path, file))
    })
  }

  del(key: ProfileRecordKey): Promise<void> {
    return this.#queue.run(async () => {
      const name = profileName(key)
      await this.#records.delWith(key, [{ type: 'del', key: keyOf(mirrorKind, name) }])
      const path = this.#mirror.disown(name)
      if (path !== undefined) await this.#mirrored(path, () => this.#mirror.remove(path))
    })
  }

  /** Where the profile's file is, relative to the mirror; undefined for one that was never saved. */
  fileOf(key: ProfileRecordKey): Promise<string | undefined> {
    const name = profileName(key)
    return this.#records.has(key) ? this.#mirror.claim(name, key) : Promise.resolve(undefined)
  }

  /** Puts the profiles into the store that only the mirror has: those it lost, or that were copied there. */
  restoreFromMirror(identify: Identify): Promise<Restored> {
    return this.#queue.run(async () => {
      const result: Restored = { restored: 0, known: 0, refused: [] }
      for await (const found of this.#mirror.walk()) {
        const reason = 'reason' in found ? found.reason : await this.#restore(found, identify, result)
        if (reason === undefined) continue
        this.#log('warn', `store: ${found.path} in ${this.#mirror.folder} was not read back: ${reason}`)
        if (result.refused.length < 1000) result.refused.push({ file: found.path, reason })
      }
      return result
    })
  }

  /** Why not, if not. */
  async #restore(
    found: { path: string; bytes: Uint8Array },
    identify: Identify,
    result: Restored,
  ): Promise<string | undefined> {
    let identified: ReturnType<Identify>
    try {
      identified = identify(found.bytes)
    } catch (error) {
      return (error as Error).message
    }
    const { key, record } = identified
    // A record may be there and damaged: only one that can be read makes the file a copy.
    if (await this.#records.get(key)) {
      result.known++
      return undefined
    }
    const name = profileName(key)
    const owner = this.#mirror.ownerOf(found.path)
    if (owner !== undefined && owner !== name) return 'it holds the profile of another path'
    await this.#records.putWith([[key, record]], [nameRecord(name, found.path)])
    this.#mirror.own(name, found.path)
    result.restored++
    return undefined
  }

  health(): MirrorHealth {
    const health: MirrorHealth = { files: this.#mirror.files, failures: this.#failures }
    if (this.#lastFailure !== undefined) health.lastFailure = this.#lastFailure
    return health
  }

  async #mirrored(path: string, act: () => Promise<void>): Promise<void> {
    try {
      await act()
    } catch (error) {
      this.#failures++
      const failure = (error as Error).message
      // Once while the reason stays the same: a full disk would say it for every profile.
      const reason = (error as NodeJS.ErrnoException).code ?? failure
      if (this.#lastFailure === undefined || !this.#lastFailure.includes(reason))
        this.#log('warn', `store: the file ${path} in ${this.#mirror.folder} cannot be kept: ${failure}`)
      this.#lastFailure = failure
    }
  }
}

function nameRecord(name: string, path: string): KeyValueOperation {
  const key = keyOf(mirrorKind, name)
  return { type: 'put', key, value: seal(key, mirrorVersion, new TextEncoder().encode(path)) }
}
