/** One host: the rooms put together. The API and `selftest` speak to this. */
import { hostname } from 'node:os'
import { join } from 'node:path'
import { ClassBoard, subjectOf } from '#classes'
import { decodeProfile, type Response, tableInForce } from '#homeostasis'
import {
  type Incident,
  IncidentBook,
  incidentMessage,
  restoreIncidents,
  saveIncidents,
  type Warning,
} from '#incidents'
import { initMesh, joinMesh } from '#mesh'
import type { ProfileVerb, Sensor, SensorEvent } from '#sensor'
import { openStore, type Store } from '#store'
import type { Abi } from '#syscalls'
import type { Config } from './config.ts'
import { type AnomalyEvent, Detector } from './detector.ts'
import { DaemonError } from './errors.ts'
import { FleetLink, ownProfiles } from './fleet-link.ts'
import { Followers } from './followers.ts'
import { MeshLink } from './mesh-link.ts'
import type { Messages } from './messages.ts'
import { measureOverhead } from './overhead.ts'
import { ProfileSaves, storedFrom } from './saves.ts'
import { type DaemonSettings, namedSettings, parseSetting } from './settings.ts'
import { stateNames } from './state-folder.ts'
import { keyOf, matches, type ProfileQuery, type ProfileRow, type Tracked } from './tracked.ts'

export const version = '0.1.0'

export interface HostOptions {
  /** The state folder; relative paths work. */
  state: string
  config: Config
  name?: string | undefined
  listen: string[]
  /** Undefined: this host watches nothing itself. */
  sensor: Sensor | undefined
  messages: Messages
  now?: () => number
}

const digestEveryMs = 5000
const houseKeepingMs = 1000
/** A burst's calls come within milliseconds; its semaphore waits for them, so that it tells of all. */
const gatherMs = 200

export class Host {
  readonly #options: HostOptions
  readonly #store: Store
  readonly #saves: ProfileSaves
  readonly now: () => number
  readonly incidents: IncidentBook
  readonly classes = new ClassBoard()
  readonly mesh: MeshLink
  readonly fleet: FleetLink
  readonly followEvents = new Followers()
  readonly followWarnings = new Followers()
  readonly name: string
  readonly since: number
  readonly notices: string[] = []
  settings: DaemonSettings
  detector: Detector | undefined
  #timers: NodeJS.Timeout[] = []
  #soon: NodeJS.Timeout | undefined
  #saving: Promise<void> = Promise.resolve()

  private constructor(options: HostOptions, store: Store) {
    this.#options = options
    this.#store = store
    this.now = options.now ?? Date.now
    this.#saves = new ProfileSaves(store)
    this.settings = { ...options.config.settings }
    this.name = options.name ?? options.config.host ?? hostname()
    this.since = this.now()
    this.incidents = new IncidentBook({ quietMs: options.config.quietMs })
    this.mesh = new MeshLink({
      folder: join(options.state, stateNames.mesh),
      listen: options.listen,
      keyValue: store.keyValue('mesh'),
      version,
      now: this.now,
      say: (level, line) => options.messages.say(level, line),
      own: ownProfiles(this),
      onWarning: (change, warning) => this.#warned(change, warning),
    })
    this.fleet = new FleetLink(this, this.#saves, (line) => options.messages.say(1, line))
  }

  static async open(options: HostOptions): Promise<Host> {
    const { state, messages } = options
    const store = await openStore(join(state, stateNames.store), {
      now: options.now ?? Date.now,
      log: (level, line) => messages.say(level === 'error' ? 1 : 2, line),
      mirror: join(state, stateNames.profiles),
    })
    try {
      const host = new Host(options, store)
      await host.#start()
      return host
    } catch (error) {
      await store.close()
      throw error
    }
  }

  async #start(): Promise<void> {
    const { sensor, messages } = this.#options
    await this.#restore()
    for await (const [name, value] of this.#store.settings.list()) {
      const [key, checked] = parseSetting(name, value)
      Object.assign(this.settings, { [key]: checked })
    }
    messages.level = this.settings.logLevel
    await restoreIncidents(this.incidents, this.#store.records<Incident>('incidents'))
    await this.mesh.open()
    if (sensor) {
      this.detector = new Detector({
        sensor,
        saves: this.#saves,
        settings: () => this.settings,
        messages,
        now: this.now,
        onAnomaly: (event, tracked) => this.#anomaly(event, tracked),
        onEvent: (event, binary) => this.#event(event, binary),
      })
      await this.detector.start()
    } else await this.#saves.readAll(this.settings, (line) => messages.say(1, line))
    this.#timers.push(setInterval(() => this.#keepHouse(), houseKeepingMs))
    this.#timers.push(setInterval(() => void this.fleet.announce(), digestEveryMs))
  }

  /** A store that lost profiles gets them back from the files mirrored beside it. */
  async #restore(): Promise<void> {
    const health = await this.#store.health()
    if (health.state === 'ok' && (health.missing.profiles ?? 0) === 0) return
    this.notices.push(...health.steps.map((step) => `store: ${JSON.stringify(step)}`))
    await this.#store.profiles.restoreFromMirror((file) => {
      const record = decodeProfile(file)
      return { key: record.key, record: storedFrom(record, file) }
    })
  }

  #event(event: SensorEvent, binary: string | undefined): void {
    if (event.type === 'tick') return
    this.followEvents.tell({ ...event, binary })
  }

  #anomaly(event: AnomalyEvent, tracked: Tracked): void {
    this.observe(event, keyOf(tracked, this.settings.window))
  }

  /** One anomaly of a live program, or of one that `lymph watch` saw. */
  observe(
    anomaly: Pick<AnomalyEvent, 'pid' | 'current' | 'previous' | 'missing' | 'lfc' | 'maxLfc'>,
    of: { binary: string; sha256: string; abi: Abi; window: number },
  ): Incident {
    const now = this.now()
    const { incident, change, raised } = this.incidents.observe(anomaly, of, now)
    if (raised) {
      this.#options.messages.say(2, incidentMessage(incident, change === 'opened' ? 'opened' : 'rose'))
      this.followEvents.tell({ type: 'incident', change, incident })
      // The semaphore stands while an incident is open.
      this.classes.set('ph_sequence_anomaly', 'incidents', 0, now)
      this.#soon ??= setTimeout(() => {
        this.#soon = undefined
        void this.#publish()
      }, gatherMs)
    }
    return incident
  }

  #publish(): Promise<void> {
    return this.mesh.publishIncidents(this.#open())
  }

  #open(): Incident[] {
    return this.incidents.list().filter(({ state }) => state === 'open')
  }

  #warned(change: string, warning: Warning): void {
    const now = this.now()
    this.followWarnings.tell({ ...warning, change })
    const name = `mesh_${warning.kind}`
    const standing = this.mesh
      .warnings()
      .some(({ kind, state }) => kind === warning.kind && state === 'standing')
    if (standing) this.classes.set(name, 'mesh', Math.max(1, warning.expires - now), now)
    else this.classes.unset(name, 'mesh')
    if (change !== 'refreshed')
      this.#options.messages.say(
        2,
        `Warning ${change}: ${warning.host}: ${warning.subject}, LFC ${warning.maxLfc}`,
      )
  }

  #keepHouse(): void {
    const now = this.now()
    for (const incident of this.incidents.sweep(now))
      this.#options.messages.say(2, incidentMessage(incident, 'quiet'))
    if (this.#open().length === 0) this.classes.unset('ph_sequence_anomaly', 'incidents')
    this.classes.expire(now)
    this.mesh.expire()
    void this.#publish()
    this.#saving = this.#saving.then(async () => {
      try {
        await saveIncidents(this.incidents, this.#store.records<Incident>('incidents'))
      } catch (error) {
        this.#options.messages.say(1, `incidents are not saved: ${(error as Error).message}; tried again`)
      }
    })
  }

  resolve(id: string): Incident {
    const incident = this.incidents.resolve(id)
    if (!incident) throw new DaemonError(`no incident is called "${id}": see lymph incident list`)
    this.#options.messages.say(2, incidentMessage(incident, 'resolved'))
    this.#keepHouse()
    return incident
  }

  async set(name: string, value: unknown): Promise<Record<string, number | string>> {
    const [key, checked] = parseSetting(name, value)
    const windowChanged = key === 'window' && checked !== this.settings.window
    if (windowChanged) await this.detector?.saveDue(true)
    await this.#store.settings.put(name, checked)
    Object.assign(this.settings, { [key]: checked })
    this.#options.messages.level = this.settings.logLevel
    await this.detector?.configure(windowChanged)
    return namedSettings(this.settings)
  }

  /** An operator's verb on a binary that runs. */
  async act(query: ProfileQuery, verb: ProfileVerb): Promise<void> {
    await this.#detectorOf(query).act(this.#live(query), verb)
  }

  async respond(query: ProfileQuery, response: Response | undefined): Promise<void> {
    await this.#detectorOf(query).respond(this.#live(query), response)
  }

  #detectorOf({ binary }: { binary: string }): Detector {
    if (this.detector) return this.detector
    throw new DaemonError(
      `${binary}: this host runs without a sensor, so no live profile can be changed: run lymph up as root`,
    )
  }

  #live(query: ProfileQuery): Tracked[] {
    const live = this.detector?.find(query) ?? []
    if (live.length > 0) return live
    throw new DaemonError(`no program "${query.binary}" has been seen running: see lymph profile list`)
  }

  /** The profile file of a binary, as of now. Undefined: none. */
  async body(query: ProfileQuery & { window?: number | undefined }): Promise<Uint8Array | undefined> {
    const window = query.window ?? this.settings.window
    const live = window === this.settings.window ? (this.detector?.find(query) ?? []) : []
    const [best] = live
      .filter(({ file, ready }) => file && ready)
      .sort((a, b) => (b.counters?.calls ?? 0) - (a.counters?.calls ?? 0))
    if (best && this.detector) return (await this.detector.save(best)).file
    const [row] = [...this.#saves.rows.values()]
      .filter(
        (one) =>
          one.window === window &&
          // A peer names a binary as digests do.
          (matches(query, one.binary, one.abi, one.sha256) ||
            matches(query, subjectOf(one.binary), one.abi, one.sha256)),
      )
      .sort((a, b) => b.calls - a.calls)
    return row && (await this.#store.profiles.get(row))?.file
  }

  async import(file: Uint8Array): Promise<{ binary: string; pairs: number }> {
    const record = decodeProfile(file)
    await this.#saves.import(record, file, this.settings)
    const live = record.key.window === this.settings.window ? (this.detector?.find(record.key) ?? []) : []
    for (const tracked of live) await this.#options.sensor?.load(tracked.id, record.tables)
    return { binary: record.key.binary, pairs: tableInForce(record).pairs }
  }

  get meshName(): string {
    return this.mesh.status() ? this.mesh.mesh.status().name : this.name
  }

  async meshInit(name = this.name): Promise<{ id: string; peer: string; name: string }> {
    const folder = join(this.#options.state, stateNames.mesh)
    const founded = await initMesh({ folder, name, now: this.now() })
    await this.mesh.open()
    return founded
  }

  async meshJoin(
    token: string,
    name = this.name,
  ): Promise<{ id: string; peer: string; name: string; members: number }> {
    const folder = join(this.#options.state, stateNames.mesh)
    const joined = await joinMesh({ folder, token, name, now: this.now(), version })
    await this.mesh.open()
    return joined
  }

  /** How long a member takes to answer, in ms: asked for a profile nobody has. */
  async ping(names: string[]): Promise<{ name: string; peer: string; ms?: number; error?: string }[]> {
    return Promise.all(
      this.mesh.members(names).map(async ({ name, peer }) => {
        const began = performance.now()
        try {
          await this.mesh.askNothing(peer)
          return { name, peer, ms: Math.round((performance.now() - began) * 10) / 10 }
        } catch (error) {
          return { name, peer, error: (error as Error).message }
        }
      }),
    )
  }

  overhead(): Promise<Record<string, unknown>> {
    return measureOverhead(this.#options.sensor, () => this.detector?.totals)
  }

  status(): Record<string, unknown> {
    const profiles = { learning: 0, frozen: 0, normal: 0 }
    for (const { state } of this.profileRows()) profiles[state]++
    const totals = this.detector?.totals
    return {
      host: this.name,
      version,
      since: this.since,
      sensor: this.#options.sensor?.kind ?? 'none',
      seen: totals?.seen ?? 0,
      processed: totals?.processed ?? 0,
      skipped: totals?.skipped ?? 0,
      lost: totals?.lost ?? 0,
      profiles,
      classes: this.classes.at(this.now()).length,
      incidents: this.#open().length,
      mesh: this.mesh.status(),
      notices: this.notices,
      ...(totals ? { totals } : {}),
    }
  }

  profileRows(): ProfileRow[] {
    return this.detector?.rows() ?? [...this.#saves.rows.values()]
  }

  classList(): unknown[] {
    return this.classes.at(this.now())
  }

  async stop(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer)
    clearTimeout(this.#soon)
    this.followEvents.close()
    this.followWarnings.close()
    await this.detector?.stop()
    await this.mesh.close()
    this.#keepHouse()
    await this.#saving
    await this.#store.close()
  }
}
