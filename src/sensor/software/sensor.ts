import { mergeTables, type PairSupport, slotOf, takeTables } from '#homeostasis'
import type { Abi, TraceEvent } from '#syscalls'
import type {
  ProcessState,
  ProfileTables,
  ProfileVerb,
  SavedProfile,
  Sensor,
  SensorEvent,
  SensorSettings,
} from '../interface.ts'
import { SoftwareSensorError } from './errors.ts'
import { eventsOf, whereOf } from './events.ts'
import { Leases } from './leases.ts'
import { type Lookup, Programs, type WatchedProgram } from './programs.ts'
import type { CallSource } from './source.ts'
import { WatchedTasks } from './tasks.ts'

/** The kernel makes this call for a task that was interrupted; the program did not. */
const RESTART_SYSCALL: Readonly<Record<Abi, number>> = { 'x86-64': 219, i386: 0, arm64: 128 }
const PROFILES_LIMIT = 1024

export interface SoftwareSensorOptions {
  /** ms since the epoch. */
  now?: () => number
  /** What was saved of a program that `start` was not given; asked for once, before its first call. */
  lookup?: Lookup
  tickMs?: number
  profilesLimit?: number
}

/** A Sensor in user space, over any source of calls: `strace` on a command, or a recorded trace. */
export class SoftwareSensor implements Sensor {
  readonly kind: 'ptrace' | 'trace'
  readonly #source: CallSource
  readonly #now: () => number
  readonly #lookup: Lookup | undefined
  readonly #tickMs: number
  readonly #profilesLimit: number
  readonly #tasks: WatchedTasks
  readonly #leases: Leases
  #programs: Programs | undefined
  #listener: (event: SensorEvent) => void = () => {}
  #ticking: NodeJS.Timeout | undefined
  #reading: Promise<void> = Promise.resolve()
  #stopping = false
  #failure: Error | undefined
  #seen = 0
  #processed = 0
  #skipped = 0
  #lost = 0

  constructor(source: CallSource, options: SoftwareSensorOptions = {}) {
    this.kind = source.kind
    this.#source = source
    this.#now = options.now ?? Date.now
    this.#lookup = options.lookup
    this.#tickMs = options.tickMs ?? 1000
    this.#profilesLimit = options.profilesLimit ?? PROFILES_LIMIT
    this.#leases = new Leases(
      {
        delayed: (pid, delayMs) => {
          const watched = this.#tasks.get(pid)
          if (!watched) return
          this.#listener({
            type: 'delayed',
            ...whereOf(watched, this.#now()),
            lfc: watched.task.lfc,
            delayMs,
          })
        },
        resumed: (pid, heldMs) => this.#listener({ type: 'resumed', pid, heldMs, at: this.#now() }),
      },
      this.#now,
    )
    this.#tasks = new WatchedTasks((watched) => {
      const { anomalous, maxLfc } = watched.task
      this.#leases.release(watched.pid)
      if (anomalous > 0)
        this.#listener({ type: 'ended', ...whereOf(watched, this.#now()), anomalous, maxLfc })
    })
  }

  onEvent(listener: (event: SensorEvent) => void): void {
    this.#listener = listener
  }

  /** Throws SoftwareSensorError when the source cannot be opened. */
  async start(settings: SensorSettings, saved: SavedProfile[]): Promise<void> {
    if (this.#programs) throw new SoftwareSensorError('started-twice', 'this sensor has been started before')
    this.#programs = new Programs(settings, this.#profilesLimit)
    for (const profile of saved) this.#programs.addSaved(profile)
    await this.#source.open()
    this.#prepareDelays(settings.defaultDelayUnitMs)
    this.#ticking = setInterval(() => this.#tick(), this.#tickMs)
    this.#reading = this.#read()
  }

  async configure(settings: SensorSettings): Promise<void> {
    this.#prepareDelays(settings.defaultDelayUnitMs)
    if (!this.#known().configure(settings)) return
    for (const { task, program } of this.#tasks.all()) task.exec(program.profile)
  }

  async load(profile: number, tables: ProfileTables): Promise<void> {
    const program = this.#program(profile)
    takeTables(program.profile, mergeTables(tables, program.profile.toTables()))
  }

  async tables(profile: number): Promise<ProfileTables> {
    return this.#program(profile).profile.toTables()
  }

  async act(number: number, verb: ProfileVerb, lastModified?: number): Promise<boolean> {
    const { profile } = this.#program(number)
    if (lastModified !== undefined && profile.calls - profile.train.lastModCount !== lastModified)
      return false
    profile.act(verb)
    return true
  }

  async respond(number: number, delayUnitMs: number): Promise<void> {
    const program = this.#program(number)
    this.#known().respond(program, delayUnitMs)
    if (delayUnitMs > 0) return this.#prepareDelays(delayUnitMs)
    for (const watched of this.#tasks.all())
      if (watched.program === program) this.#leases.release(watched.pid)
  }

  async processes(): Promise<ProcessState[]> {
    return [...this.#tasks.all()].map(({ pid, task, program }) => ({
      pid,
      profile: program.number,
      calls: task.calls,
      lfc: task.lfc,
      maxLfc: task.maxLfc,
      delayedMs: this.#leases.left(pid),
    }))
  }

  async stop(): Promise<void> {
    this.#stopping = true
    this.#leases.releaseAll()
    await this.#source.close()
    await this.#reading
  }

  /** Resolves when the source has no more calls and every event of them was sent; throws what ended it early. */
  async ended(): Promise<void> {
    await this.#reading
    if (this.#failure) throw this.#failure
  }

  /** Names of call numbers 512 and up. */
  get names(): ReadonlyMap<number, string> {
    return this.#source.names
  }

  #prepareDelays(unitMs: number): void {
    if (unitMs > 0 && this.kind === 'ptrace') this.#leases.prepare()
  }

  #known(): Programs {
    if (!this.#programs) throw new SoftwareSensorError('no-such-profile', 'this sensor has not been started')
    return this.#programs
  }

  #program(number: number): WatchedProgram {
    const program = this.#known().get(number)
    if (!program) throw new SoftwareSensorError('no-such-profile', `the sensor has no profile ${number}`)
    return program
  }

  async #read(): Promise<void> {
    let reason = 'there are no more calls'
    try {
      for await (const batch of this.#source.events()) {
        for (const event of batch) {
          if (this.#stopping) break
          // Most events by far; nothing of them may wait.
          if (event.type === 'call') this.#call(event.task, event.call)
          else await this.#change(event)
        }
        if (this.#stopping) break
      }
    } catch (error) {
      reason = (error as Error).message
      this.#failure = error as Error
      // Nobody reads on: what is being watched must not wait for us.
      await this.#source.close()
    }
    this.#tasks.endAll()
    this.#leases.releaseAll()
    clearInterval(this.#ticking)
    this.#tick()
    this.#listener({ type: 'gone', reason })
  }

  async #change(event: Exclude<TraceEvent, { type: 'call' }>): Promise<void> {
    if (event.type === 'exec') await this.#exec(event.task, event.binary)
    else if (event.type === 'fork') this.#tasks.fork(event.task, event.parent)
    else this.#tasks.end(event.task)
  }

  async #exec(pid: number, binary: string): Promise<void> {
    this.#tasks.end(pid)
    const found = await this.#source.program(pid, binary)
    const { executable, file } = found
    // Numbers of another ABI mean other calls: the task is not followed, its calls are skipped.
    if (executable.abi !== this.#source.abi) return
    const place = this.#known().find(found)
    if (!place) return this.#tasks.refuse(pid)
    const { program, changed } = place
    if (!program.announced) {
      program.announced = true
      const profile = program.number
      this.#listener({ type: 'profile', profile, executable, pid, at: this.#now() })
      if (file) this.#listener({ type: 'identity', profile, file })
      else {
        const reason = found.unidentified ?? 'its file is not on this host'
        this.#listener({ type: 'identity-failed', profile, reason })
      }
      const saved = program.profile.calls === 0 ? await this.#lookup?.(executable, file) : undefined
      if (saved) takeTables(program.profile, saved)
    } else if (changed && file) this.#listener({ type: 'file-changed', profile: program.number, file })
    this.#tasks.begin(pid, program)
  }

  #call(pid: number, call: number): void {
    this.#seen++
    const watched = this.#tasks.get(pid)
    if (!watched || call === RESTART_SYSCALL[this.#source.abi]) {
      // Before its first exec a task is a copy of whoever started it: no program that is watched.
      if (!watched && this.#tasks.isRefused(pid)) this.#lost++
      else this.#skipped++
      return
    }
    this.#processed++
    const { program, task } = watched
    watched.process ||= program.support.begin()
    const { window } = program.profile
    program.support.window(watched.process, slotOf(call), task.previous(), window, 'symbol')
    const outcome = program.profile.process(task, call, 0)
    if (outcome.missingTrain === 0 && outcome.lfc === 0) return
    for (const event of eventsOf(watched, outcome, this.#now())) this.#listener(event)
    if (this.kind === 'ptrace') this.#leases.hold(pid, outcome.delayMs)
  }

  /** Which of its processes showed a pair first, and how many did, since the sensor started. */
  support(number: number): Map<number, PairSupport> {
    return this.#known().get(number)?.support.support() ?? new Map()
  }

  #tick(): void {
    const programs = this.#known()
    this.#listener({
      type: 'tick',
      totals: {
        seen: this.#seen + this.#source.foreignCalls,
        processed: this.#processed,
        skipped: this.#skipped + this.#source.foreignCalls,
        lost: this.#lost,
        lostEvents: 0,
        profiles: programs.size,
        profilesLimit: programs.limit,
        rows: programs.rows(),
        rowsLimit: programs.limit * 2 * 512,
        evictions: 0,
        rowsRefused: 0,
        delayedNow: this.#leases.size,
        delays: this.#leases.given,
        runTimeNs: 0,
        runs: 0,
      },
      counters: programs.counters(),
      at: this.#now(),
    })
  }
}
