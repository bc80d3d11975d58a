/** Profiles between the sensor's tables and the store: what is read back, and what is written every 30 seconds. */
import {
  decodeProfile,
  encodeProfile,
  type ProfileKey,
  type ProfileRecord,
  stateName,
  tableFrom,
} from '#homeostasis'
import type { SavedProfile } from '#sensor'
import type { Store, ProfileRecord as StoredProfile } from '#store'
import type { Abi } from '#syscalls'
import type { DaemonSettings } from './settings.ts'
import { delayUnit, keyOf, nameOf, type ProfileRow, type Tracked } from './tracked.ts'

export interface Loaded {
  record: ProfileRecord
  stored: StoredProfile
}

/** Counts alone are saved this often; pairs and states with every save. */
const countsEveryMs = 5 * 60_000

export class ProfileSaves {
  readonly #store: Store
  /** Rows of what is saved, by `nameOf`: shown for programs that nothing runs now. */
  readonly rows = new Map<string, ProfileRow>()

  constructor(store: Store) {
    this.#store = store
  }

  /** Reads everything that is saved; `saved` is what a sensor of this window can be started with. */
  async readAll(settings: DaemonSettings, log: (line: string) => void): Promise<SavedProfile[]> {
    const saved: SavedProfile[] = []
    for await (const [key, stored] of this.#store.profiles.list()) {
      try {
        const record = decodeProfile(stored.file)
        this.#show(record, stored, settings)
        if (key.window !== settings.window) continue
        saved.push({
          executable: { ...stored.executable, abi: key.abi as Abi },
          file: stored.fileIdentity,
          tables: record.tables,
          delayUnitMs: delayUnit(stored.response, settings),
        })
      } catch (error) {
        log(`the saved profile of ${key.binary} is left out: ${(error as Error).message}`)
      }
    }
    return saved
  }

  async find(key: ProfileKey): Promise<Loaded | undefined> {
    const stored = await this.#store.profiles.get(key)
    return stored && { record: decodeProfile(stored.file), stored }
  }

  /** Whether a save is due, so that kill -9 loses at most the time between two saves. */
  due(tracked: Tracked, now: number): boolean {
    if (!tracked.file || !tracked.ready) return false
    if (tracked.changed) return true
    return tracked.counters?.calls !== tracked.savedCalls && now - tracked.savedAt >= countsEveryMs
  }

  /** Writes a record; the profile file's bytes come back, and how many training pairs it has. */
  async put(
    tracked: Tracked,
    record: ProfileRecord,
    settings: DaemonSettings,
  ): Promise<{ file: Uint8Array; pairs: number }> {
    const file = encodeProfile(record)
    const stored: StoredProfile = {
      file,
      response: tracked.response,
      executable: tracked.executable,
      fileIdentity: tracked.file as NonNullable<Tracked['file']>,
      life: { frozen: record.frozen, normalTime: record.normalTime, normal: record.tables.normal },
      savedAt: record.made,
    }
    await this.#store.profiles.put(record.key, stored)
    return { file, pairs: this.#show(record, stored, settings) }
  }

  /** Takes a profile in from a file (import, watch), where no sensor holds it. */
  async import(record: ProfileRecord, file: Uint8Array, settings: DaemonSettings): Promise<void> {
    const stored = storedFrom(record, file)
    await this.#store.profiles.put(record.key, stored)
    this.#show(record, stored, settings)
  }

  #show(record: ProfileRecord, stored: StoredProfile, settings: DaemonSettings): number {
    const { key, tables, frozen } = record
    const { pairs } = tableFrom(tables.rows, 'train')
    this.rows.set(nameOf(key), {
      ...key,
      state: stateName({ normal: tables.normal, frozen }),
      calls: tables.calls,
      pairs,
      sinceChange: tables.train.lastModCount,
      anomalies: tables.anomalies,
      response: stored.response ?? settings.defaultResponse,
      tasks: 0,
      normalTime: frozen ? record.normalTime : 0,
    })
    return pairs
  }
}

/** What the store keeps of a profile file that came without a program: imported, or read back from its mirror. */
export function storedFrom(record: ProfileRecord, file: Uint8Array): StoredProfile {
  const { key, tables, frozen, normalTime, made, response } = record
  return {
    file,
    response,
    executable: {
      path: key.binary,
      abi: key.abi,
      device: 0,
      inode: '0',
      generation: 0,
      mountNamespace: 0,
      deleted: false,
    },
    fileIdentity: { sha256: key.sha256, sizeBytes: 0, mtimeMs: 0, ctimeMs: 0 },
    life: { frozen, normalTime, normal: tables.normal },
    savedAt: made,
  }
}

/** The record of a live profile, from the tables just read from the sensor. */
export function recordFrom(
  tracked: Tracked,
  tables: ProfileRecord['tables'],
  settings: DaemonSettings,
  now: number,
): ProfileRecord {
  return {
    key: keyOf(tracked, settings.window),
    empty: 'symbol',
    tables,
    frozen: tracked.life.frozen,
    normalTime: tracked.life.normalTime,
    since: tracked.since,
    made: now,
    ...(tracked.response ? { response: tracked.response } : {}),
    names: new Map(),
    about: {},
  }
}
