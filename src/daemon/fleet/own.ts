/** What this host tells of its own programs: where they came from, when they run, and the digest of each profile. */
import { subjectOf } from '#classes'
import {
  type Announced,
  type Digest,
  Dpkg,
  digestKey,
  makeDigest,
  Origins,
  type OwnProfiles,
  type PackageManager,
  Rpm,
  type SavedWeek,
  type SketchKey,
  sketchOf,
  type Transaction,
  WeekActivity,
} from '#fleet'
import { decodeProfile, encodeProfile, type ProfileRecord, sharedRecord } from '#homeostasis'
import type { Repository } from '#store'
import type { Abi } from '#syscalls'
import { oneLine } from '../errors.ts'
import type { ProfileSaves, SavedRow } from '../profiles/saves.ts'
import type { FleetHost } from './host.ts'

export interface OwnPorts {
  host: FleetHost
  saves: ProfileSaves
  activity: Repository<string, SavedWeek>
  complain: (line: string) => void
  onTransaction: (transaction: Transaction) => void
  /** Paths nothing is told of. */
  hidden: readonly string[]
  /** Of this host; dpkg and rpm unless a test says otherwise. */
  managers?: readonly PackageManager[] | undefined
}

/** Calls are added to the week this often, and the week is saved so often. */
const addEveryMs = 60_000
const saveEveryMs = 5 * 60_000
/** Announced digests remembered of each profile. */
const announcedKept = 4

/** A row that is announced: named as digests name it. */
export type OwnRow = SavedRow & { path: string } & Pick<Digest, 'buildId' | 'package' | 'sketch'>

export class OwnFleet implements OwnProfiles {
  readonly #ports: OwnPorts
  readonly origins: Origins
  readonly activity = new WeekActivity()
  /** As made last, by `digestKey`; of profiles that are here. */
  readonly #digests = new Map<string, Digest>()
  /** What was announced of them: as many as the newest few. */
  readonly #announced = new Map<string, Announced[]>()
  /** Calls of each live profile when they were added last, by the sensor's number. */
  #counted = new Map<number, number>()
  #addedAt: number
  #savedAt: number

  constructor(ports: OwnPorts) {
    this.#ports = ports
    this.origins = new Origins(ports.managers ?? [new Dpkg(), new Rpm()], ports.onTransaction)
    this.#addedAt = ports.host.now()
    this.#savedAt = ports.host.now()
  }

  async restore(): Promise<void> {
    for await (const [name, saved] of this.#ports.activity.list()) this.activity.restore(name, saved)
  }

  /** Adds the calls made since it was called last to the hour of the week. Call it every few seconds. */
  async keepHouse(): Promise<void> {
    const { host, complain } = this.#ports
    const now = host.now()
    if (now - this.#addedAt >= addEveryMs) {
      this.#addedAt = now
      this.#add(now)
    }
    if (now - this.#savedAt < saveEveryMs) return
    this.#savedAt = now
    await this.save().catch((error) =>
      complain(`the hours of programs are not saved: ${oneLine(error)}; tried again`),
    )
  }

  async save(): Promise<void> {
    const { put, del } = this.activity.drain()
    if (put.length > 0) await this.#ports.activity.putAll(put)
    for (const name of del) await this.#ports.activity.del(name)
  }

  #add(now: number): void {
    const live = this.#ports.host.detector?.live.list() ?? []
    const counted = new Map<number, number>()
    for (const { id, executable, counters } of live) {
      if (!counters) continue
      const before = this.#counted.get(id)
      // What a profile was loaded with was called at other times.
      if (before !== undefined) this.activity.add(executable.path, counters.calls - before, now)
      counted.set(id, counters.calls)
    }
    this.#counted = counted
  }

  get sketchKey(): SketchKey | undefined {
    return this.#ports.host.mesh.sketchKey
  }

  /** Reads what is not known of the programs here, or has changed. */
  look(): Promise<void> {
    const rows = [...this.#ports.saves.rows.values()]
    return this.origins.look(
      rows.map(({ binary, sha256 }) => ({ path: binary, sha256 })),
      this.#ports.host.now(),
    )
  }

  /** What may be announced now: what it came from is looked at first, or it would be told twice. */
  announceable(): OwnRow[] {
    return this.rows().filter(({ path, sha256 }) => this.origins.isKnown(path, sha256))
  }

  /** Profiles of files whose content is known, but for those nothing is told of. */
  rows(): OwnRow[] {
    const key = this.sketchKey?.id ?? ''
    return [...this.#ports.saves.rows.values()]
      .filter(({ sha256, binary }) => sha256 !== '' && !this.#ports.hidden.includes(binary))
      .map((row) => ({
        ...row,
        ...this.origins.of(row.binary, row.sha256),
        binary: subjectOf(row.binary),
        path: row.binary,
        sketch: { key, bits: new Uint8Array() },
      }))
  }

  /** The digest of a row, made from what is saved; undefined: the profile is no more. */
  async digestOf(row: OwnRow): Promise<Digest | undefined> {
    const saved = await this.#ports.saves.find({ ...row, binary: row.path })
    const shared = saved && this.#shared(saved.record)
    const digest = shared && this.#made(shared, encodeProfile(shared))
    if (digest) this.#remember(digest)
    return digest
  }

  /** A profile as others may have it: pairs taken over from the fleet are marked, whatever the sensor made of them. */
  marked: (record: ProfileRecord) => ProfileRecord = (record) => record

  async find(query: Parameters<OwnProfiles['find']>[0]): ReturnType<OwnProfiles['find']> {
    const file = await this.#ports.host.operator.body(query)
    const record = file && decodeProfile(file)
    if (!record || this.#ports.hidden.includes(record.key.binary)) return undefined
    const shared = this.#shared(record)
    const given = encodeProfile(shared)
    return { digest: this.#made(shared, given), file: given }
  }

  /** What other hosts may have of it: adopted pairs marked, of its judgement the counts alone. */
  #shared(record: ProfileRecord): ProfileRecord {
    return sharedRecord(this.marked(record))
  }

  #made(record: ProfileRecord, file: Uint8Array): Digest {
    const { host } = this.#ports
    const totals = host.detector?.totals
    const { binary, sha256 } = record.key
    const digest = makeDigest(record, file, {
      // The sensor loses calls of a host, not of a program: the share is the same for all its profiles.
      lost: totals && totals.seen > 0 ? totals.lost / totals.seen : 0,
      made: host.now(),
      origin: this.origins.of(binary, sha256),
      key: this.sketchKey,
      hours: this.activity.levels(binary),
    })
    this.#digests.set(digestKey(digest), digest)
    return digest
  }

  /** The key of a profile's digest. */
  keyOf(row: { binary: string; abi: Abi; window: number; sha256: string }): Parameters<typeof digestKey>[0] {
    return { ...row, binary: subjectOf(row.binary) }
  }

  /** Sketches of what was announced of a profile lately, newest last: an answer must not contradict them. */
  announced(key: Parameters<typeof digestKey>[0]): Announced[] {
    return this.#announced.get(digestKey(key)) ?? []
  }

  #remember(digest: Digest): void {
    const sketch = sketchOf(digest, this.sketchKey)
    if (!sketch) return
    const before = this.announced(digest).slice(1 - announcedKept)
    this.#announced.set(digestKey(digest), [...before, { made: digest.made, sketch }])
  }

  /** Of a profile of this host, as it is now. */
  digestFrom(record: ProfileRecord): Digest {
    return this.#made(record, encodeProfile(record))
  }

  /** One for each profile here; sketch and shares of calls are those of the digest made last. */
  digests(): Digest[] {
    const rows = this.rows()
    const keys = new Set(rows.map(digestKey))
    for (const key of this.#digests.keys()) if (!keys.has(key)) this.#digests.delete(key)
    for (const key of this.#announced.keys()) if (!keys.has(key)) this.#announced.delete(key)
    const { host } = this.#ports
    return rows.map((row) => {
      const { buildId, package: from } = row
      const made = this.#digests.get(digestKey(row))
      const hours = this.activity.levels(row.path)
      const { binary, sha256, abi, window, state, calls, pairs, sinceChange, anomalies } = row
      return {
        ...{ sequences: 0, since: host.since, lost: 0, body: { sha256: '', bytes: 0 }, ...made },
        ...{ binary, sha256, abi, window, state, calls, pairs, sinceChange, anomalies, made: row.made },
        ...(buildId ? { buildId } : {}),
        ...(from ? { package: from } : {}),
        ...(hours ? { hours } : {}),
        // A sketch is of so many pairs: of others it would be refused.
        ...(made?.sketch && made.pairs === pairs ? { sketch: made.sketch } : { sketch: undefined }),
      } as Digest
    })
  }
}
