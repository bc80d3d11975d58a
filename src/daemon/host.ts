/** One host: the rooms put together. The API and `selftest` speak to this. */
import { hostname } from 'node:os'
import { join } from 'node:path'
import { ClassBoard } from '#classes'
import type { PackageManager } from '#fleet'
import type { Response } from '#homeostasis'
import { gist, type Incident, type Warning, type WarningVerdict } from '#incidents'
import type { ProcessState, Sensor, SensorEvent } from '#sensor'
import { openStore, type Store } from '#store'
import { AgentLink } from './agent/link.ts'
import type { Config } from './config.ts'
import { EnvironmentLink } from './environment/link.ts'
import { FleetLink } from './fleet/link.ts'
import { Followers } from './followers.ts'
import { hostStatus } from './host-status.ts'
import { IncidentLink } from './incidents/link.ts'
import { HostRecords } from './incidents/records.ts'
import { MeshEntry, meshEveryMs } from './mesh/entry.ts'
import { MeshHeard } from './mesh/heard.ts'
import { MeshLink } from './mesh/link.ts'
import { MeshTold } from './mesh/told.ts'
import type { Messages } from './messages.ts'
import { measureOverhead } from './overhead.ts'
import { Detector } from './profiles/detector.ts'
import { Operator } from './profiles/operator.ts'
import { BinaryResponses } from './profiles/responses.ts'
import { restoreProfiles } from './profiles/restore.ts'
import { ProfileSaves } from './profiles/saves.ts'
import { keyOf, rowOf } from './profiles/tracked.ts'
import { type DaemonSettings, namedSettings, parseSetting } from './settings.ts'
import { stateNames } from './state-folder.ts'
import { version } from './version.ts'

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
  /** Package managers; undefined: dpkg and rpm. */
  managers?: readonly PackageManager[]
}

const digestEveryMs = 5000
const houseKeepingMs = 1000

export class Host {
  readonly #options: HostOptions
  readonly #store: Store
  readonly #saves: ProfileSaves
  readonly #responses: BinaryResponses
  readonly operator: Operator
  readonly now: () => number
  readonly incidents: IncidentLink
  readonly records: HostRecords
  readonly classes = new ClassBoard()
  readonly mesh: MeshLink
  readonly entry: MeshEntry
  readonly fleet: FleetLink
  readonly agent: AgentLink
  readonly followEvents = new Followers()
  readonly followWarnings = new Followers()
  readonly name: string
  readonly since: number
  readonly notices: string[] = []
  settings: DaemonSettings
  detector: Detector | undefined
  /** Undefined: switched off by the config. */
  environment: EnvironmentLink | undefined
  readonly #told: MeshTold
  readonly #heard: MeshHeard
  #timers: NodeJS.Timeout[] = []

  private constructor(options: HostOptions, store: Store) {
    this.#options = options
    this.#store = store
    this.now = options.now ?? Date.now
    this.settings = { ...options.config.settings }
    const settings = () => this.settings
    this.#responses = new BinaryResponses(store.records<Response>('responses'), settings)
    this.#saves = new ProfileSaves(store, this.#responses)
    this.operator = new Operator({
      sensor: options.sensor,
      detector: () => this.detector,
      saves: this.#saves,
      responses: this.#responses,
      settings,
      messages: options.messages,
      now: this.now,
    })
    this.name = options.name ?? options.config.host ?? hostname()
    this.since = this.now()
    this.records = new HostRecords({
      ...{ state: options.state, store, saves: this.#saves, messages: options.messages, now: this.now },
      onTolerance: (binary) => void this.operator.respondAnew(binary),
    })
    const { tolerances } = this.records
    this.#responses.excused = (binary) => tolerances.touches(binary)
    this.incidents = new IncidentLink({
      journal: this.records.tell,
      tolerated: (incident) => tolerances.tolerated(incident),
      quietMs: options.config.quietMs,
      saved: store.records<Incident>('incidents'),
      classes: this.classes,
      messages: options.messages,
      now: this.now,
      agentRuns: options.config.agent.enabled,
      publish: (open) => this.mesh.publishIncidents(this.fleet.asking.told(open)),
      onChange: (change, incident) => this.followEvents.tell({ type: 'incident', change, incident }),
    })
    this.mesh = new MeshLink({
      folder: join(options.state, stateNames.mesh),
      listen: options.listen,
      ways: options.config.mesh.ways,
      keyValue: store.keyValue('mesh'),
      verdicts: store.records<WarningVerdict[]>('verdicts'),
      version,
      now: this.now,
      say: (level, line) => options.messages.say(level, line),
      journal: () => this.records.head(),
      own: { find: (query) => this.fleet.own.find(query) },
      placement: options.config.fleet,
      onQuestion: (question, from) => this.fleet.answerer.answer(question, from),
      onWarning: (change, warning) => this.#warned(change, warning),
    })
    this.#heard = new MeshHeard({
      ...{ link: this.mesh, classes: this.classes, now: this.now, rules: options.config.mesh },
      hashes: () => this.operator.rows().map(({ sha256 }) => sha256),
    })
    this.#told = new MeshTold({
      link: this.mesh,
      alarms: () => this.environment?.alarms(),
      events: () => this.detector?.totals,
      state: options.state,
      now: this.now,
    })
    this.entry = new MeshEntry({
      link: this.mesh,
      folder: join(options.state, stateNames.mesh),
      name: this.name,
      version,
      messages: options.messages,
      now: this.now,
    })
    this.agent = new AgentLink({
      config: options.config.agent,
      classes: this.classes,
      responses: this.#responses,
      settings,
      messages: options.messages,
      now: this.now,
      host: () => this.meshName,
      incidents: () => this.incidents.book.list(),
      tolerated: (incident) => tolerances.tolerated(incident) !== undefined,
      excused: () => tolerances.touched(),
      load: () => this.environment?.load() ?? [],
      applyResponse: (binary) => this.operator.respondAnew(binary),
      shadow: store.records('shadow-delays'),
    })
    this.fleet = new FleetLink({
      host: this,
      saves: this.#saves,
      records: (kind) => store.records(kind),
      managers: options.managers,
      config: options.config.fleet,
      say: (level, line) => options.messages.say(level, line),
    })
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
    this.notices.push(...(await restoreProfiles(this.#store, this.#responses)))
    await this.#responses.read()
    for await (const [name, value] of this.#store.settings.list()) {
      const [key, checked] = parseSetting(name, value)
      Object.assign(this.settings, { [key]: checked })
    }
    messages.level = this.settings.logLevel
    await this.records.open(this.name, version)
    await this.incidents.restore()
    await this.agent.restore()
    await this.fleet.restore()
    await this.mesh.open()
    if (sensor) {
      this.detector = new Detector({
        sensor,
        saves: this.#saves,
        responses: this.#responses,
        settings: () => this.settings,
        messages,
        now: this.now,
        interpreters: this.#options.config.interpreters,
        onAnomaly: (event, tracked) => {
          const incident = this.incidents.observe(event, keyOf(tracked, this.settings.window))
          this.fleet.asking.shown(event, incident)
          // A tolerated one raises no semaphore and puts nobody on a list.
          if (!this.records.tolerances.tolerated(incident)) this.agent.observe(event, incident)
        },
        onJudged: (verdict, tracked) => this.incidents.judge(verdict, keyOf(tracked, this.settings.window)),
        onEvent: (event, binary) => this.#event(event, binary),
      })
      await this.detector.start()
    } else await this.#saves.readAll(this.settings, (line) => messages.say(1, line))
    await this.#startEnvironment()
    this.#timers.push(setInterval(() => this.#keepHouse(), houseKeepingMs))
    this.#timers.push(setInterval(() => void this.entry.look(), meshEveryMs))
    this.#timers.push(setInterval(() => void this.fleet.keepHouse(), digestEveryMs))
  }

  async #startEnvironment(): Promise<void> {
    const { config, messages } = this.#options
    if (!config.environment.enabled) return
    this.environment = new EnvironmentLink({
      config: config.environment,
      keep: this.#store.keyValue('environment'),
      classes: this.classes,
      messages,
      now: this.now,
      figures: async () => this.detector?.figures(),
      processesOf: async (binary) =>
        (await this.processes()).filter((one) => one.binary === binary).map(({ pid }) => pid),
      onReport: (report) => this.followEvents.tell({ type: 'environment', ...report }),
    })
    await this.environment.start()
  }

  #event(event: SensorEvent, binary: string | undefined): void {
    this.records.saw(event, binary)
    if (event.type === 'tick' || event.type === 'unit') return
    if (event.type === 'ended' && event.tid === event.pid) this.agent.ended(event.pid)
    this.fleet.event(event)
    this.followEvents.tell({ ...event, binary })
  }

  #warned(change: string, warning: Warning): void {
    this.followWarnings.tell({ ...warning, change })
    this.#heard.settle()
    if (change !== 'refreshed')
      this.#options.messages.say(2, `Warning ${change}: ${warning.host}: ${gist(warning)}`)
  }

  #keepHouse(): void {
    this.classes.expire(this.now())
    this.mesh.expire()
    this.#heard.settle()
    this.records.keepHouse()
    this.incidents.keepHouse()
    this.#told.settle()
    this.fleet.asking.look()
    this.agent.keepHouse()
  }

  async set(name: string, value: unknown): Promise<Record<string, number | string>> {
    const [key, checked] = parseSetting(name, value)
    const windowChanged = key === 'window' && checked !== this.settings.window
    if (windowChanged) await this.detector?.saveAll()
    await this.#store.settings.put(name, checked)
    Object.assign(this.settings, { [key]: checked })
    this.#options.messages.level = this.settings.logLevel
    await this.detector?.configure(windowChanged)
    return namedSettings(this.settings)
  }

  get sensor(): Sensor | undefined {
    return this.#options.sensor
  }

  get meshName(): string {
    return this.mesh.status() ? this.mesh.mesh.status().name : this.name
  }

  overhead(): Promise<Record<string, unknown>> {
    return measureOverhead(this.#options.sensor, () => this.detector?.totals)
  }

  status(): Record<string, unknown> {
    return hostStatus(this, this.#saves.gauge())
  }

  async processes(): Promise<
    (Omit<ProcessState, 'profile'> & { binary: string; abi: string; state: string })[]
  > {
    const running = (await this.detector?.processes()) ?? []
    return running.map(({ tracked, ...process }) => {
      const { binary, abi, state } = rowOf(tracked, this.settings.window, 'ignore')
      return { ...process, binary, abi, state }
    })
  }

  classList(): unknown[] {
    return this.classes.at(this.now())
  }

  async stop(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer)
    await this.environment?.stop()
    this.followEvents.close()
    this.followWarnings.close()
    await this.detector?.stop()
    await this.fleet.stop()
    await this.mesh.close()
    await this.incidents.stop()
    await this.agent.stop()
    await this.records.close()
    await this.#store.close()
  }
}
