/** Whose processes are slowed down, and for how long: the sensor's own limits stand above whatever it is asked for. */
import type { Executable, SensorEvent, SensorSettings } from '../interface.ts'
import type { TaskRecordHead } from './decode.ts'
import { type Lease, Leases } from './leases.ts'
import { NeverDelay } from './never.ts'
import { ticksOf } from './proc.ts'
import type { KernelProgram } from './program.ts'

export interface ResponseOptions {
  never?: NeverDelay
  /** No delay is longer, whatever the settings say. */
  maxDelayMs?: number
  /** Told before the kernel may stop the processes of an executable. */
  onArm?: (executables: Executable[]) => void
  onStopped?: (lease: Lease) => void
  onContinued?: (pid: number) => void
  leasesFile?: string
}

interface Subject {
  executable: Executable
  /** Unit of delay somebody asked for; undefined: nobody has spoken. */
  unitMs: number | undefined
}

/** pH's limit on the exponent: beyond it a delay is for ever in any case. */
const MAX_EXPONENT = 30
/** Delays shorter than this cost more than they slow. */
const LEAST_DELAY_MS = 5
const LONGEST_DELAY_MS = 600_000

export class Responses {
  readonly leases: Leases
  readonly #options: ResponseOptions
  readonly #never: NeverDelay
  readonly #subjects = new Map<number, Subject>()
  readonly #tell: (event: SensorEvent) => void
  /** Whose profile a held process runs: who is to be delayed no more goes on at once. */
  readonly #heldFor = new Map<number, number>()
  #program: KernelProgram | undefined
  #settings: SensorSettings
  #enabled = true

  constructor(options: ResponseOptions, settings: SensorSettings, tell: (event: SensorEvent) => void) {
    this.#options = options
    this.#never = options.never ?? new NeverDelay()
    this.#settings = settings
    this.#tell = tell
    this.leases = new Leases(
      {
        stopped: (lease) => options.onStopped?.(lease),
        continued: (pid, heldMs) => {
          this.#heldFor.delete(pid)
          options.onContinued?.(pid)
          tell({ type: 'resumed', pid, heldMs, at: Date.now() })
        },
        release: (pid) => this.#program?.release(pid),
      },
      options.leasesFile,
    )
  }

  use(program: KernelProgram | undefined): void {
    this.#program = program
  }

  configure(settings: SensorSettings): void {
    this.#settings = settings
    this.#arm([...this.#subjects.keys()])
  }

  /** Off: nothing is stopped whatever the profiles' responses are, and who is stopped goes on. */
  enable(enabled: boolean): void {
    this.#enabled = enabled
    this.#arm([...this.#subjects.keys()])
    if (!enabled) this.leases.continueAll()
  }

  add(profile: number, executable: Executable, unitMs: number | undefined): void {
    this.#subjects.set(profile, { executable, unitMs })
    this.#arm([profile])
  }

  set(profile: number, unitMs: number): void {
    const subject = this.#subjects.get(profile)
    if (!subject) return
    subject.unitMs = unitMs
    this.#arm([profile])
  }

  forget(profile: number): void {
    this.#subjects.delete(profile)
  }

  /** The unit that is in force, in ms. */
  unitOf(profile: number): number {
    const subject = this.#subjects.get(profile)
    if (!subject || !this.#enabled || this.#never.includes(subject.executable.path)) return 0
    return subject.unitMs ?? this.#settings.defaultDelayUnitMs
  }

  #arm(profiles: number[]): void {
    const maps = this.#program?.maps
    if (!maps) return
    const news = profiles.filter((id) => this.unitOf(id) > 0 && maps.get(id, 'armed') === 0)
    // The supervisor first: were we to die between the two lines, it must know whom to continue.
    if (news.length > 0) this.#options.onArm?.(news.map((id) => this.#subjects.get(id)!.executable))
    for (const id of profiles) maps.set(id, 'armed', this.unitOf(id) > 0 ? 1 : 0)
    // pH: a delay factor of 0 releases a sleeper after at most one slice.
    for (const [pid, profile] of [...this.#heldFor])
      if (profiles.includes(profile) && this.unitOf(profile) === 0) this.leases.finish(pid)
  }

  /** The kernel has stopped a process: for how long is decided here. */
  stopped(head: TaskRecordHead, at: number): void {
    const { profile, pid, tid, taskCalls, lfc } = head
    const longest = Math.min(this.#settings.delayLimitMs, this.#options.maxDelayMs ?? LONGEST_DELAY_MS)
    const ms = Math.min(this.unitOf(profile) * 2 ** Math.min(lfc, MAX_EXPONENT), longest)
    const startTicks = ticksOf(head.start)
    if (ms < LEAST_DELAY_MS && this.leases.left(pid, Date.now()) === 0) {
      this.#program?.release(pid)
      this.leases.continue(pid, startTicks)
      return
    }
    this.#heldFor.set(pid, profile)
    this.leases.hold(pid, startTicks, ms, Date.now())
    this.#tell({ type: 'delayed', profile, pid, tid, taskCalls, at, lfc, delayMs: ms })
  }
}
