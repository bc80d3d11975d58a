import { join, normalize } from 'node:path'
import { type Census, countKind, journalKind, takeCensus } from './census.ts'
import { DamageReport } from './damage.ts'
import { type Database, Engine } from './engine.ts'
import { StoreError, type StoreErrorCode } from './errors.ts'
import type { KeyValue, Repository } from './interface.ts'
import { Journal, type JournalHealth, journalVersion } from './journal.ts'
import { keyValueKind, keyValueVersion, SealedKeyValue } from './key-value.ts'
import { kindPattern } from './keys.ts'
import { asideFolders, Ladder, type Log, type Step } from './ladder.ts'
import {
  type MirrorHealth,
  mirrorKind,
  mirrorVersion,
  ProfileRepository,
  profileKind,
  profileVersion,
} from './profile-repository.ts'
import { countVersion, KindRepository } from './repository.ts'

export interface StoreOptions {
  /** ms since the epoch */
  now: () => number
  log: Log
  /** Where profile files are mirrored; default: `profiles` beside the store's folder. */
  mirror?: string
  /** Writes are refused (`no-space`) while fewer bytes than this are free; default 8 MiB. */
  reserveBytes?: number
  /** Journal records kept; default 100,000. */
  journalLimit?: number
}

export interface StoreHealth {
  /** How it came up: `repaired` may have lost records, `emptied` has none but those read back from the mirror. */
  state: 'ok' | 'repaired' | 'emptied'
  steps: Step[]
  /** Records of each kind, found at start-up. */
  found: Record<string, number>
  profiles: number
  /** Records left out because they are damaged, by kind. */
  damaged: Record<string, number>
  /** Records that were gone at start-up though the store had counted them, by kind. */
  missing: Record<string, number>
  journal: JournalHealth
  mirror: MirrorHealth
  /** Damaged stores that were moved aside and wait for somebody to look at them or delete them. */
  aside: string[]
  /** Why the last save failed; absent while saving works. */
  failure?: { code: StoreErrorCode; message: string }
}

export interface Store {
  readonly folder: string
  readonly profiles: ProfileRepository
  readonly settings: Repository<string, unknown>
  readonly journal: Journal
  /** Repository of a kind of small record that another room defines, e.g. `incidents`; one object a kind. */
  records<Value>(kind: string): Repository<string, Value>
  /** Ordered bytes apart from everything else. */
  keyValue(name: string): KeyValue
  health(): Promise<StoreHealth>
  close(): Promise<void>
}

const reserved = [profileKind, mirrorKind, countKind, journalKind]
/** Version of kinds whose values this room knows nothing of: canonical CBOR. */
const recordVersion = 1
const recordsLimit = 10_000
const recordBytes = 1024 * 1024

function versionOf(kind: string): number {
  const own: Record<string, number> = {
    [profileKind]: profileVersion,
    [mirrorKind]: mirrorVersion,
    [countKind]: countVersion,
    [journalKind]: journalVersion,
  }
  return own[kind] ?? (kind.startsWith('kv.') ? keyValueVersion : recordVersion)
}

class LevelStore implements Store {
  readonly folder: string
  readonly profiles: ProfileRepository
  readonly settings: Repository<string, unknown>
  readonly journal: Journal
  readonly #engine: Engine
  readonly #census: Census
  readonly #damage: DamageReport
  readonly #start: { state: StoreHealth['state']; steps: Step[] }
  readonly #kinds = new Map<string, KindRepository<string, unknown>>()

  constructor(
    folder: string,
    opened: { state: StoreHealth['state']; database: Database; census: Census; steps: Step[] },
    damage: DamageReport,
    options: StoreOptions,
  ) {
    this.folder = folder
    this.#start = opened
    this.#census = opened.census
    this.#damage = damage
    this.#engine = new Engine(opened.database, folder, options.reserveBytes ?? 8 * 1024 * 1024)
    const mirror = options.mirror ?? join(folder, '..', 'profiles')
    this.profiles = new ProfileRepository(this.#engine, opened.census, mirror, options.log, damage)
    this.journal = new Journal(this.#engine, opened.census.journal, options.journalLimit ?? 100_000, damage)
    this.settings = this.records('settings')
  }

  records<Value>(kind: string): Repository<string, Value> {
    if (!kindPattern.test(kind) || kind.startsWith('kv.') || reserved.includes(kind))
      throw new StoreError(
        'invalid',
        kind,
        `'${kind}' cannot be a kind of record: it is reserved or no plain word`,
      )
    let repository = this.#kinds.get(kind)
    if (!repository) {
      const same = (name: string): string => name
      repository = new KindRepository(
        this.#engine,
        {
          kind,
          version: recordVersion,
          limit: recordsLimit,
          valueBytes: recordBytes,
          nameOf: same,
          keyFrom: same,
        },
        this.#census.names.get(kind) ?? new Set(),
        this.#damage,
      )
      this.#kinds.set(kind, repository)
    }
    // What a kind holds is what its one room puts there; the checksum answers for the bytes.
    return repository as unknown as Repository<string, Value>
  }

  keyValue(name: string): KeyValue {
    if (!kindPattern.test(name))
      throw new StoreError(
        'invalid',
        name,
        `'${name}' cannot name a part of the store: use a-z, 0-9, '-' and '.'`,
      )
    return new SealedKeyValue(this.#engine, keyValueKind(name), this.#damage)
  }

  async health(): Promise<StoreHealth> {
    const { failure } = this.#engine
    return {
      state: this.#start.state,
      steps: this.#start.steps,
      found: Object.fromEntries(this.#census.records),
      profiles: this.profiles.size,
      damaged: this.#damage.counts(),
      missing: Object.fromEntries(this.#census.missing),
      journal: this.journal.health(),
      mirror: this.profiles.health(),
      aside: await asideFolders(this.folder),
      ...(failure ? { failure: { code: failure.code, message: failure.message } } : {}),
    }
  }

  close(): Promise<void> {
    return this.#engine.close()
  }
}

/**
 * Opens the store of a host, repairing it or starting empty where it must (`health` says so).
 * @param folder made when it is not there; LevelDB is in its `level`
 * @throws StoreError `locked`, `no-space`, `not-writable`; `damaged` only when not even an empty store holds
 */
export async function openStore(folder: string, options: StoreOptions): Promise<Store> {
  // A relative folder stays one: the daemon may have no right to the folders above its own.
  const place = normalize(folder)
  const ladder = new Ladder(place, options.now, options.log)
  // A rung that fails has counted damage which the next one will have repaired, or meet again.
  let damage = new DamageReport(options.log)
  const opened = await ladder.climb((database) => {
    damage = new DamageReport(options.log)
    return takeCensus(database, versionOf, damage)
  })
  const store = new LevelStore(place, { ...opened, steps: ladder.steps }, damage, options)
  await store.profiles.begin()
  reportLosses(opened.census, options.log)
  return store
}

function reportLosses(census: Census, log: Log): void {
  for (const [kind, lost] of census.missing)
    log('error', `store: ${lost} of the ${kind} are gone: a part of LevelDB's log was damaged`)
  const { holes, holesCut } = census.journal
  if (holes.length > 0) {
    const ranges = holes.slice(0, 10).map(([from, to]) => (from === to ? `${from}` : `${from}-${to}`))
    const more = holes.length + holesCut - ranges.length
    log(
      'error',
      `store: the journal has lost ${ranges.join(', ')}${more > 0 ? ` and ${more} more ranges` : ''}`,
    )
  }
}
