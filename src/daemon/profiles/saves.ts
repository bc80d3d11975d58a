/**
 * Profiles between the sensor's tables and the store. A profile is written whole when its pairs or its state changed;
 * the counts of those that only ran are one small record each, so that a save every 30 s costs a busy host nothing.
 */
import {
  decodeProfile,
  encodeProfile,
  judgementDigest,
  type ProfileCounts,
  type ProfileKey,
  type ProfileRecord,
  stateName,
  tableFrom,
  withCounts,
} from '#homeostasis'
import type { SavedProfile } from '#sensor'
import type { Repository, Store, ProfileRecord as StoredProfile } from '#store'
import type { Abi } from '#syscalls'
import type { DaemonSettings } from '../settings.ts'
import type { BinaryResponses } from './responses.ts'
import { keyOf, nameOf, type ProfileRow, type Tracked } from './tracked.ts'

export interface Loaded {
  record: ProfileRecord
  stored: StoredProfile
}

/** Counts since a profile was saved whole; `made` says which save they go on from. */
interface SavedCounts extends ProfileCounts {
  made: number
}

/** A row of what is saved; `made`: when. */
export type SavedRow = Omit<ProfileRow, 'response'> & { made: number }

/** Even if only counts changed, a profile and its mirrored file are written whole this often. */
const wholeEveryMs = 5 * 60_000
/** Saved profiles at most: a host of servers has some hundred, one that compiles makes new programs every minute. */
export const SAVED_LIMIT = 4096

export interface SavesGauge {
  profiles: number
  limit: number
  /** Given up for newer ones since the start. */
  givenUp: number
}

export class ProfileSaves {
  readonly #store: Store
  readonly #counts: Repository<string, SavedCounts>
  readonly #responses: BinaryResponses
  readonly #limit: number
  #givenUp = 0
  /** Rows of what is saved, by `nameOf`: shown for programs that nothing runs now. */
  readonly rows = new Map<string, SavedRow>()
  /** Names of profiles that are not to be given up: those that run. */
  inUse: () => ReadonlySet<string> = () => new Set()
  /** Names of others that are not: what a changed program did before, until its new profile stands. */
  readonly kept = new Set<string>()

  constructor(store: Store, responses: BinaryResponses, limit = SAVED_LIMIT) {
    this.#store = store
    this.#counts = store.records<SavedCounts>('counts')
    this.#responses = responses
    this.#limit = limit
  }

  /** Reads everything that is saved; `saved` is what a sensor of this window can be started with. */
  async readAll(settings: DaemonSettings, log: (line: string) => void): Promise<SavedProfile[]> {
    const saved: SavedProfile[] = []
    for await (const [key, stored] of this.#store.profiles.list()) {
      try {
        const record = await this.#counted(decodeProfile(stored.file))
        this.#show(record)
        if (key.window !== settings.window) continue
        saved.push({
          executable: { ...stored.executable, abi: key.abi as Abi },
          file: stored.fileIdentity,
          tables: record.tables,
          delayUnitMs: this.#responses.unitMs(key.binary),
        })
      } catch (error) {
        log(`the saved profile of ${key.binary} is left out: ${(error as Error).message}`)
      }
    }
    return saved
  }

  async find(key: ProfileKey): Promise<Loaded | undefined> {
    const stored = await this.#store.profiles.get(key)
    return stored && { record: await this.#counted(decodeProfile(stored.file)), stored }
  }

  async #counted(record: ProfileRecord): Promise<ProfileRecord> {
    const counts = await this.#counts.get(nameOf(record.key))
    if (!counts || counts.made !== record.made || counts.calls <= record.tables.calls) return record
    return { ...record, tables: withCounts(record.tables, counts) }
  }

  /** Whether all of a profile is to be written, or its counts alone. */
  due(tracked: Tracked, now: number): 'whole' | 'counts' | undefined {
    if (!tracked.file || !tracked.ready) return undefined
    // A unit that was learned is as good as a pair: kill -9 loses no more of it.
    if (tracked.changed || (tracked.judged?.unsaved ?? 0) > 0) return 'whole'
    const calls = tracked.counters?.calls
    if (calls === undefined || calls === tracked.savedCalls) return undefined
    if (now - tracked.savedAt >= wholeEveryMs) return 'whole'
    return calls === tracked.countedCalls ? undefined : 'counts'
  }

  /** Writes a record; the profile file's bytes come back, and how many training pairs it has. */
  put(tracked: Tracked, record: ProfileRecord): Promise<{ file: Uint8Array; pairs: number }> {
    return this.#write(record, tracked.executable, tracked.file as NonNullable<Tracked['file']>)
  }

  /** Writes a record that no sensor holds: imported, watched, or changed while nothing ran it. */
  async putRecord(record: ProfileRecord): Promise<void> {
    const before = await this.#store.profiles.get(record.key)
    const { executable, fileIdentity } = before ?? strangerOf(record)
    await this.#write(record, { ...executable, abi: record.key.abi }, fileIdentity)
  }

  async #write(
    given: ProfileRecord,
    executable: Tracked['executable'],
    fileIdentity: NonNullable<Tracked['file']>,
  ): Promise<{ file: Uint8Array; pairs: number }> {
    const { response: _, ...rest } = given
    const said = this.#responses.said(given.key.binary)
    const record: ProfileRecord = { ...rest, ...(said ? { response: said } : {}) }
    const file = encodeProfile(record)
    await this.#makeRoom(nameOf(record.key))
    await this.#store.profiles.put(record.key, { ...storedFrom(record, file), executable, fileIdentity })
    return { file, pairs: this.#show(record) }
  }

  /** One batch: the counts of profiles whose pairs and state are saved already. */
  async putCounts(live: readonly Tracked[], window: number): Promise<void> {
    const entries: [string, SavedCounts][] = []
    for (const tracked of live) {
      const row = this.rows.get(nameOf(keyOf(tracked, window)))
      if (!row || !tracked.counters) continue
      const { calls, anomalies, sequences, trainCount, lastModCount } = tracked.counters
      entries.push([nameOf(row), { made: row.made, calls, anomalies, sequences, trainCount, lastModCount }])
    }
    await this.#counts.putAll(entries)
    for (const tracked of live) tracked.countedCalls = tracked.counters?.calls ?? 0
  }

  /** At the limit the oldest save goes that nothing runs: what still learned before what had settled. */
  async #makeRoom(name: string): Promise<void> {
    if (this.rows.has(name) || this.rows.size < this.#limit) return
    const inUse = this.inUse()
    let first: [string, SavedRow] | undefined
    for (const entry of this.rows)
      if (!inUse.has(entry[0]) && !this.kept.has(entry[0]) && (!first || isLessWorth(entry[1], first[1])))
        first = entry
    // Where everything runs, the store's own limit speaks.
    if (!first) return
    await this.#store.profiles.del(first[1])
    await this.#counts.del(first[0])
    this.rows.delete(first[0])
    this.#givenUp++
  }

  gauge(): SavesGauge {
    return { profiles: this.rows.size, limit: this.#limit, givenUp: this.#givenUp }
  }

  #show(record: ProfileRecord): number {
    const { key, tables, frozen } = record
    const { pairs } = tableFrom(tables.rows, 'train')
    this.rows.set(nameOf(key), {
      ...key,
      state: stateName({ normal: tables.normal, frozen }),
      calls: tables.calls,
      pairs,
      sinceChange: tables.train.lastModCount,
      anomalies: tables.anomalies,
      tasks: 0,
      normalTime: frozen ? record.normalTime : 0,
      ...judgedOf(record),
      made: record.made,
    })
    return pairs
  }
}

function judgedOf({ judgement }: ProfileRecord): Pick<SavedRow, 'units' | 'm' | 'waiting' | 'aside'> {
  if (!judgement) return { units: 0, m: 0, waiting: 0, aside: 0 }
  const { units, m } = judgementDigest(judgement)
  const [waiting, aside] = judgement.held ?? [[], []]
  return { units, m, waiting: waiting.length, aside: aside.length }
}

function isLessWorth(a: SavedRow, b: SavedRow): boolean {
  const learning = (row: SavedRow) => (row.state === 'learning' ? 0 : 1)
  return learning(a) - learning(b) < 0 || (learning(a) === learning(b) && a.made < b.made)
}

function strangerOf({ key }: ProfileRecord): Pick<StoredProfile, 'executable' | 'fileIdentity'> {
  return {
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
  }
}

/** What the store keeps of a profile file that came without a program: imported, or read back from its mirror. */
export function storedFrom(record: ProfileRecord, file: Uint8Array): StoredProfile {
  const { tables, frozen, normalTime, made, response } = record
  return {
    file,
    response,
    ...strangerOf(record),
    life: { frozen, normalTime, normal: tables.normal },
    savedAt: made,
  }
}

/** The record of a live profile, from the tables just read from the sensor. */
export function recordFrom(
  tracked: Tracked,
  tables: ProfileRecord['tables'],
  window: number,
  now: number,
): ProfileRecord {
  return {
    key: keyOf(tracked, window),
    empty: 'symbol',
    tables,
    frozen: tracked.life.frozen,
    normalTime: tracked.life.normalTime,
    since: tracked.since,
    made: now,
    names: new Map(),
    about: {},
  }
}
