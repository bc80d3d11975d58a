/** The environment daemon inside this one: sampled by the clock, its classes on the board, its figures handed to CFEngine. */
import { join } from 'node:path'
import type { ClassBoard } from '#classes'
import {
  binaryObservable,
  type DetectorFigures,
  Environment,
  envData,
  type FigureRow,
  type HandOver,
  type HostReport,
  hostSampler,
  isOdd,
  listening,
  moduleProtocol,
  type ObservableRow,
  removeHandOver,
  SlotClock,
  weekFigure,
  writeHandOver,
} from '#environment'
import type { ObservableSemaphore } from '#incidents'
import type { KeyValue } from '#store'
import { DaemonError, oneLine } from '../errors.ts'
import { Alarms } from '../mesh/alarms.ts'
import type { Messages } from '../messages.ts'
import type { EnvironmentConfig } from './config.ts'

/** Reports kept for `lymph env show`. */
const reportsLimit = 200

export interface EnvironmentPorts {
  config: EnvironmentConfig
  keep: KeyValue
  classes: ClassBoard
  messages: Messages
  now: () => number
  /** Brings the detector's figures up to date; undefined: this host has no sensor. */
  figures: () => Promise<DetectorFigures | undefined>
  /** Processes that run a binary now. */
  processesOf: (binary: string) => Promise<number[]>
  onReport: (report: HostReport, row: ObservableRow) => void
}

/** The offenders the paper's policy asks for: who made a binary's system calls abnormal in number. */
export interface LoadAnomaly {
  binary: string
  observable: string
  direction: 'high' | 'low' | 'normal'
  at: number
  pids: number[]
}

export class EnvironmentLink {
  readonly #ports: EnvironmentPorts
  readonly #environment: Environment
  readonly #reports: (HostReport & { row: ObservableRow })[] = []
  readonly #alarms = new Alarms()
  readonly #load = new Map<string, LoadAnomaly>()
  #figures: DetectorFigures | undefined
  #timer: NodeJS.Timeout | undefined
  #handed = new Set<string>()
  /** Why a file could not be written, by file. */
  readonly #failed = new Map<string, string>()
  #handing: Promise<void> = Promise.resolve()
  #stopped = false

  constructor(ports: EnvironmentPorts) {
    this.#ports = ports
    const { config, keep, classes, messages, now } = ports
    this.#environment = new Environment({
      sampler: hostSampler({ config: config.probes, ports: config.ports, figures: () => this.#figures }),
      clock: new SlotClock(config.zone),
      keep,
      classes: {
        set: (name, lifetimeMs) => void classes.set(name, 'environment', lifetimeMs, now()),
        unset: (name) => void classes.unset(name, 'environment'),
      },
      intervalMs: config.intervalMs,
      say: (line) => messages.say(2, line),
      onReport: (report, row) => this.#reported(report, row),
      onAnomalous: (name, direction, at) => this.#anomalous(name, direction, at),
    })
  }

  async start(): Promise<void> {
    await this.#environment.open()
    await this.#tick()
  }

  /** On the interval's own beat, so that a slot always has as many figures. */
  #next(): void {
    if (this.#stopped) return
    const { intervalMs } = this.#ports.config
    this.#timer = setTimeout(() => void this.#tick(), intervalMs - (Date.now() % intervalMs))
  }

  async #tick(): Promise<void> {
    try {
      this.#figures = await this.#ports.figures()
      this.#environment.sample()
      this.#handing = this.#handing.then(() => this.#handOver())
    } catch (error) {
      this.#ports.messages.say(1, `environment: ${oneLine(error)}`)
    }
    this.#next()
  }

  #reported(report: HostReport, row: ObservableRow): void {
    this.#reports.push({ ...report, row })
    if (this.#reports.length > reportsLimit) this.#reports.shift()
    const expected = row.expected === undefined ? '' : `, expected ${figure(row.expected)}`
    const others = report.together.length > 1 ? `, with ${report.together.length - 1} others` : ''
    this.#ports.messages.say(
      2,
      `Environment: ${report.name} is ${figure(row.value)}${expected}: score ${report.score.toFixed(1)} (${report.why})${others}`,
    )
    this.#alarms.raise(report, row, this.#ports.now())
    this.#ports.onReport(report, row)
  }

  #anomalous(name: string, direction: LoadAnomaly['direction'], at: number): void {
    const binary = this.#ports.config.probes.binaries.find((path) => binaryObservable(path) === name)
    if (binary === undefined) return
    // A semaphore: it stands until an agent run has dealt with it.
    this.#ports.classes.set('ph_load_anomaly', 'environment', 0, this.#ports.now())
    void this.#ports.processesOf(binary).then((pids) => {
      this.#load.set(binary, { binary, observable: name, direction, at, pids })
    })
  }

  /** Offenders while `ph_load_anomaly` stands. */
  load(): LoadAnomaly[] {
    if (!this.#ports.classes.holds('ph_load_anomaly', this.#ports.now())) this.#load.clear()
    return [...this.#load.values()]
  }

  /** What stands of the alarms a person was told. */
  alarms(): ObservableSemaphore[] {
    return this.#alarms.settle(this.#environment.rows(), this.#ports.now())
  }

  rows(): ObservableRow[] {
    return this.#environment.rows()
  }

  reports(): (HostReport & { row: ObservableRow })[] {
    return [...this.#reports].reverse()
  }

  status(): Record<string, unknown> {
    const { sampler, ...gauge } = this.#environment.gauge()
    return {
      ...gauge,
      odd: this.rows().filter(({ class: name }) => isOdd(name)).length,
      zone: this.#ports.config.zone,
      reports: this.#reports.length,
      sampler,
    }
  }

  /** @throws DaemonError for a name that nothing is measured of */
  week(name: string): { rows: FigureRow[]; zone: string } {
    const observed = this.#environment.observed(name)
    if (!observed) throw new DaemonError(`no observable is called "${name}": see lymph env show`)
    return { rows: weekFigure(observed.model), zone: observed.model.clock.zone }
  }

  /** What a CFEngine agent is told now. */
  handOver(): HandOver {
    const { classes, now } = this.#ports
    const held = new Set(classes.at(now()).map(({ name }) => name))
    const listeners = this.#environment.sockets?.listeners ?? []
    const envDataToo = this.#ports.config.handOver.some(({ format }) => format === 'env_data')
    return {
      at: now(),
      classes: [...held],
      // What env_data says is a hard class to the agent, and an agent that is told to withdraw one ends its run.
      withdrawn: envDataToo ? [] : [...this.#handed].filter((name) => !held.has(name)),
      observables: this.rows().map(({ name, value, expected, spread }) => ({
        name,
        value,
        expected,
        deviation: spread,
      })),
      ...listening(listeners),
    }
  }

  async #handOver(): Promise<void> {
    const handOver = this.handOver()
    for (const { format, folder, name, monitordNames } of this.#ports.config.handOver) {
      const file = join(folder, name)
      try {
        const write = format === 'env_data' ? envData : moduleProtocol
        await writeHandOver(folder, name, write(handOver, { monitordNames }).text)
        this.#failed.delete(file)
      } catch (error) {
        const line = oneLine(error)
        // Once while the reason stays the same: it is tried again with every sample.
        if (this.#failed.get(file) !== line) this.#ports.messages.say(1, line)
        this.#failed.set(file, line)
      }
    }
    this.#handed = new Set(handOver.classes)
  }

  async stop(): Promise<void> {
    this.#stopped = true
    clearTimeout(this.#timer)
    await this.#handing
    for (const { folder, name } of this.#ports.config.handOver)
      await removeHandOver(folder, name).catch(() => {})
    await this.#environment.close()
  }
}

const figure = (value: number): string => String(Number(value.toPrecision(4)))
