/** The kernel sensor: the eBPF program, its maps, the files behind the profiles and the delays, as one `Sensor`. */
import type {
  Executable,
  FileIdentity,
  ProcessState,
  ProfileTables,
  ProfileVerb,
  SavedProfile,
  Sensor,
  SensorEvent,
  SensorSettings,
  SensorTotals,
} from '../interface.ts'
import { decodeExecutable, decodeHead, type TaskRecordHead } from './decode.ts'
import { Activity } from './eviction.ts'
import { Identities } from './identity.ts'
import { EventType, maskOf } from './layout.ts'
import { pollReadable, processGroupOf } from './native.ts'
import { PairTables } from './pairs.ts'
import { placeTables } from './place.ts'
import { processStates } from './processes.ts'
import { DEFAULT_SIZES, KernelProgram, type Sizes } from './program.ts'
import { type ResponseOptions, Responses } from './responses.ts'
import { Interpreters } from './script.ts'
import { checkSettings, DEFAULT_SETTINGS } from './settings.ts'
import { GRACE_MS, Slots } from './slots.ts'
import { totalsOf, unaccounted } from './totals.ts'
import { Clock, executableOf, translate } from './translate.ts'
import type { EndedUnit } from './units.ts'
import { WatchedUnits } from './watched.ts'

export interface KernelSensorOptions extends ResponseOptions {
  sizes?: Partial<Sizes>
  /** ms between two `tick` events. */
  tickMs?: number
}

const TICK_MS = 1000
const FILES_EVERY_MS = 30_000
/** Units are read so often, or when the ring has filled up by an eighth. */
const UNITS_EVERY_MS = 100
const RECORDS_AT_ONCE = 20_000

export class KernelSensor implements Sensor {
  readonly kind = 'kernel'
  readonly #options: KernelSensorOptions
  readonly #clock = new Clock()
  readonly #known = new Map<number, Executable>()
  readonly #identities: Identities
  readonly #responses: Responses
  #listener: (event: SensorEvent) => void = () => {}
  #settings: SensorSettings = DEFAULT_SETTINGS
  #program: KernelProgram | undefined
  #slots!: Slots
  #tables!: PairTables
  #activity!: Activity
  #units!: WatchedUnits
  #interpreters!: Interpreters
  #polls: { close(): void }[] = []
  #unitTimer: NodeJS.Timeout | undefined
  #timer: NodeJS.Timeout | undefined
  #filesAt = Date.now()
  #final: SensorTotals | undefined
  /** Calls that fell through the counts; known once stopped. */
  unaccounted = 0

  constructor(options: KernelSensorOptions = {}) {
    this.#options = options
    this.#identities = new Identities({
      known: (profile, file) => this.#listener({ type: 'identity', profile, file }),
      failed: (profile, reason) => this.#listener({ type: 'identity-failed', profile, reason }),
      changed: (profile, file) => {
        this.#tables.empty(profile)
        this.#listener({ type: 'file-changed', profile, file })
      },
    })
    this.#responses = new Responses(options, this.#settings, (event) => this.#listener(event))
  }

  onEvent(listener: (event: SensorEvent) => void): void {
    this.#listener = listener
  }

  async start(settings: SensorSettings, saved: SavedProfile[]): Promise<void> {
    if (this.#program) throw new Error('the sensor is watching already')
    checkSettings(settings)
    const program = new KernelProgram({ ...DEFAULT_SIZES, ...this.#options.sizes })
    this.#program = program
    this.#settings = settings
    this.#responses.use(program)
    this.#responses.configure(settings)
    try {
      this.#slots = new Slots(program.skeleton, program.maps, settings.window)
      this.#tables = new PairTables(program.maps, {
        take: () => this.#slots.takeRow(),
        give: (rows) => this.#slots.giveRows(rows),
      })
      this.#activity = new Activity(program.maps)
      this.#units = new WatchedUnits(program, this.#slots, (unit) => this.#unitEnded(unit))
      this.#units.watch(settings.judge === true)
      this.#interpreters = new Interpreters(program.skeleton, program.maps.profileSlots)
      this.#interpreters.use(settings.interpreters ?? [])
      program.limit(settings)
      program.maps.setControl('ownGroup', processGroupOf(0))
      for (const pid of [process.pid, process.ppid]) program.setExempt(pid, true)
      for (const profile of saved) this.place(profile)
      this.#interpreters.count(this.#slots.used().map((id) => this.#slots.keyOf(id)))
      program.attach()
    } catch (error) {
      program.close()
      this.#program = undefined
      throw error
    }
    this.#polls = [program.ringFd, program.unitRingFd].map((fd) => pollReadable(fd, () => this.#drain()))
    this.#unitTimer = setInterval(() => this.#drain(), UNITS_EVERY_MS)
    this.#timer = setInterval(() => this.#tick(), this.#options.tickMs ?? TICK_MS)
  }

  /**
   * Puts saved tables in place, if the file they are of is still the one on disk. Answers the profile; undefined when
   * there is no room, or the file is another, or the profile exists and its file has not been read yet.
   */
  place(saved: SavedProfile): number | undefined {
    const placed = placeTables(saved, this.#slots, this.#identities, this.#tables)
    if (!placed) return undefined
    const { id: profile, fresh } = placed
    const { executable, file } = saved
    if (fresh) {
      this.#known.set(profile, executable)
      this.#listener({ type: 'profile', profile, executable, pid: 0, at: Date.now(), known: true })
      this.#listener({ type: 'identity', profile, file })
    }
    this.#responses.add(profile, executable, saved.delayUnitMs)
    return profile
  }

  #running(): KernelProgram {
    if (!this.#program) throw new Error('the sensor is not watching')
    return this.#program
  }

  #checked(profile: number): PairTables {
    this.#running()
    if (!this.#known.has(profile)) throw new RangeError(`the sensor has no profile ${profile}`)
    return this.#tables
  }

  async configure(settings: SensorSettings): Promise<void> {
    checkSettings(settings)
    const { window } = this.#settings
    this.#settings = settings
    this.#running().limit(settings)
    this.#units.watch(settings.judge === true)
    this.#interpreters.use(settings.interpreters ?? [])
    if (settings.window !== window) {
      this.#slots.setWindow(settings.window)
      for (const id of this.#slots.used()) this.#tables.setMask(id, maskOf(settings.window))
    }
    this.#responses.configure(settings)
  }

  async load(profile: number, tables: ProfileTables): Promise<void> {
    this.#checked(profile).load(profile, tables)
  }

  async tables(profile: number): Promise<ProfileTables> {
    return this.#checked(profile).tables(profile)
  }

  async act(profile: number, verb: ProfileVerb, lastModified?: number): Promise<boolean> {
    return this.#checked(profile).act(profile, verb, lastModified)
  }

  async respond(profile: number, delayUnitMs: number): Promise<void> {
    this.#checked(profile)
    this.#responses.set(profile, delayUnitMs)
  }

  /** See `Sensor.slots`. */
  async slots(profile: number, version: number, slots: Uint32Array): Promise<boolean> {
    this.#checked(profile)
    return this.#units.slots.write(profile, version, slots, Date.now())
  }

  #unitEnded({ profile, generation, pid, tid, time, next, told }: EndedUnit): void {
    if (!this.#known.has(profile)) return
    if (generation !== this.#running().maps.get(profile, 'generation')) return
    const started = next === undefined ? undefined : this.#known.get(next)?.path
    const at = this.#clock.epochMs(time)
    this.#listener({ type: 'unit', profile, pid, tid, at, unit: { ...told, started } })
  }

  async processes(): Promise<ProcessState[]> {
    const program = this.#running()
    return processStates(program.tasks(), program.maps, (pid) => this.#responses.leases.left(pid, Date.now()))
  }

  /** Delays stay off, whatever the profiles' responses are, until it is called again with true. */
  enableDelays(enabled: boolean): void {
    this.#responses.enable(enabled)
  }

  /** Processes that are never to be delayed besides those the sensor knows of itself. */
  exempt(pid: number, on = true): void {
    this.#running().setExempt(pid, on)
    if (on) this.#responses.leases.finish(pid)
  }

  /** Kernel time per run, measured from now on (which costs); see `SensorTotals.runTimeNs`. */
  measure(on: boolean): void {
    this.#running().measure(on)
  }

  /** Every profile there is, with its file: for a reader that comes late. */
  profiles(): { profile: number; executable: Executable; file: FileIdentity | undefined }[] {
    const files = this.#identities
    return [...this.#known].map(([profile, executable]) => ({
      profile,
      executable,
      file: files.get(profile),
    }))
  }

  #drain(): void {
    if (!this.#program) return
    const read = this.#program.ring.drain(RECORDS_AT_ONCE, (data, at, length) => this.#take(data, at, length))
    // The poll is told once for what it saw; the rest of a flood is read after the timers had their turn.
    if (read === RECORDS_AT_ONCE) setImmediate(() => this.#drain())
    // After them: a unit may be of a profile that was announced just now.
    else if (this.#units.drain(RECORDS_AT_ONCE)) setImmediate(() => this.#drain())
  }

  #take(data: DataView, at: number, length: number): void {
    const head = decodeHead(data, at)
    if (head.type === EventType.profile) this.#announce(head, data, at, length)
    else if (head.type === EventType.pressure) this.#evict()
    else if (head.type === EventType.delay) this.#responses.stopped(head, this.#clock.epochMs(head.time))
    else this.#tell(head, data, at)
  }

  #tell(head: TaskRecordHead, data: DataView, at: number): void {
    // Of a profile that was given up since, or whose announcement was lost: its counts are in the tables.
    if (!this.#known.has(head.profile)) return
    if (head.generation !== this.#running().maps.get(head.profile, 'generation')) return
    const { window, anomalyLimit, tolerizeLimit } = this.#settings
    const limits = { anomaly: anomalyLimit, tolerize: tolerizeLimit }
    const event = translate(head, data, at, this.#clock, window, limits)
    if (event) this.#listener(event)
  }

  #announce(head: TaskRecordHead, data: DataView, at: number, length: number): void {
    const { maps } = this.#running()
    const id = head.profile
    if (this.#known.has(id) || head.generation !== maps.get(id, 'generation')) return
    const executable = executableOf(decodeExecutable(data, at, length), head.pid)
    maps.set(id, 'announced', 1)
    this.#known.set(id, executable)
    this.#listener({
      type: 'profile',
      profile: id,
      executable,
      pid: head.pid,
      at: this.#clock.epochMs(head.time),
    })
    this.#responses.add(id, executable, undefined)
    this.#identities.want(id, executable, head.pid)
  }

  #evict(): void {
    const evicted = this.#activity.evict(this.#slots, this.#tables)
    for (const { id, tables } of evicted) {
      this.#identities.forget(id)
      this.#responses.forget(id)
      this.#units.slots.forget(id, Date.now())
      if (this.#known.delete(id)) this.#listener({ type: 'evicted', profile: id, tables })
    }
    if (evicted.length > 0) setTimeout(() => this.#program && this.#slots.settle(Date.now()), GRACE_MS + 10)
  }

  /** Looks now whether the files of active profiles were written over. */
  checkFiles(): void {
    this.#filesAt = Date.now()
    this.#interpreters.look()
    this.#identities.check(this.#slots.used().filter((id) => this.#activity.recent(id, this.#filesAt)))
  }

  #tick(): void {
    if (!this.#program) return
    this.#clock.adjust()
    this.#slots.settle(Date.now())
    this.#units.slots.settle(Date.now())
    const used = this.#slots.used()
    this.#activity.note(used)
    // Its announcement found the ring full: its tasks attach again, which announces it again.
    if (this.#program.ring.pending === 0)
      for (const id of used) if (!this.#known.has(id)) this.#slots.reattach(id)
    this.#evict()
    this.#interpreters.count(this.#slots.used().map((id) => this.#slots.keyOf(id)))
    if (Date.now() - this.#filesAt >= FILES_EVERY_MS) this.checkFiles()
    const unit = (id: number) => this.#responses.unitOf(id)
    const counters = [...this.#known.keys()].map((id) => ({
      ...this.#tables.counters(id),
      delayUnitMs: unit(id),
    }))
    this.#listener({ type: 'tick', totals: this.totals(), counters, at: Date.now() })
  }

  /** Tasks the kernel keeps state of, by tid. */
  tasksHeld(): number[] {
    return this.#running().maps.tasksHeld()
  }

  totals(): SensorTotals {
    if (this.#final) return this.#final
    return totalsOf(this.#running(), this.#slots, this.#tables, this.#responses.leases)
  }

  async stop(): Promise<void> {
    const program = this.#program
    if (!program) return
    clearInterval(this.#timer)
    // First nothing more can be stopped, then who was is continued: those whose event is unread too.
    program.detach()
    this.#drain()
    clearInterval(this.#unitTimer)
    for (const poll of this.#polls) poll.close()
    this.#identities.close()
    this.#responses.enable(false)
    this.#responses.leases.close()
    this.#final = this.totals()
    this.unaccounted = unaccounted(program, this.#slots)
    program.close()
    this.#responses.use(undefined)
    this.#program = undefined
  }
}
