/** An environment whose time and figures are a test's: no clock, no files but the store's. */
import { Environment, type HostReport, type ObservableRow, SlotClock } from '#environment'
import type { KeyValue, KeyValueOperation } from '#store'
import type { Sample } from '../../../src/environment/probes/index.ts'

export const intervalMs = 10_000
/** A Monday at midnight, UTC. */
export const monday = Date.UTC(2026, 0, 5)

/** Keys and bytes in memory, in order. `broken`: writing fails with it. */
export class MemoryKeyValue implements KeyValue {
  readonly #values = new Map<string, Uint8Array>()
  broken: Error | undefined
  written = 0

  async get(key: string): Promise<Uint8Array | undefined> {
    return this.#values.get(key)
  }

  async put(key: string, value: Uint8Array): Promise<void> {
    this.#values.set(key, value)
  }

  async del(key: string): Promise<void> {
    this.#values.delete(key)
  }

  async batch(operations: KeyValueOperation[]): Promise<void> {
    if (this.broken) throw this.broken
    for (const operation of operations)
      if (operation.type === 'put') {
        this.#values.set(operation.key, operation.value)
        this.written += operation.value.length
      } else this.#values.delete(operation.key)
  }

  async *list(): AsyncGenerator<[string, Uint8Array]> {
    for (const key of [...this.#values.keys()].sort()) yield [key, this.#values.get(key) as Uint8Array]
  }

  keys(prefix = ''): string[] {
    return [...this.#values.keys()].filter((key) => key.startsWith(prefix)).sort()
  }

  bytes(): number {
    let bytes = 0
    for (const [key, value] of this.#values) bytes += key.length + value.length
    return bytes
  }
}

export interface Said {
  /** Classes that hold, with the time they end. */
  classes: Map<string, number>
  lines: string[]
  reports: { report: HostReport; row: ObservableRow }[]
  anomalous: [name: string, direction: string][]
}

export class World {
  readonly environment: Environment
  readonly said: Said = { classes: new Map(), lines: [], reports: [], anomalous: [] }
  now: number
  values = new Map<string, number>()
  sockets: Sample['sockets'] = { remotes: new Map(), cut: new Set(), listeners: [] }
  clockStepMs = 0

  constructor(keep: KeyValue, options: { now?: number; zone?: string; modelsLimit?: number } = {}) {
    const { now = monday, zone = 'UTC', modelsLimit } = options
    this.now = now
    this.environment = new Environment({
      sampler: {
        sample: () => ({
          at: this.now,
          elapsedMs: intervalMs,
          clockStepMs: this.clockStepMs,
          values: this.values,
          problems: [],
          sockets: this.sockets,
        }),
        gauge: () => ({
          observables: this.values.size,
          refused: 0,
          problems: 0,
          own: { measured: 0, configured: 0, limit: 0 },
        }),
        close: () => {},
      },
      clock: new SlotClock(zone),
      keep,
      classes: {
        set: (name, lifetimeMs) => this.said.classes.set(name, this.now + lifetimeMs),
        unset: (name) => this.said.classes.delete(name),
      },
      intervalMs,
      ...(modelsLimit === undefined ? {} : { modelsLimit }),
      say: (line) => this.said.lines.push(line),
      onReport: (report, row) => this.said.reports.push({ report, row }),
      onAnomalous: (name, direction) => this.said.anomalous.push([name, direction]),
    })
  }

  /** Samples for so long; `value` gives each figure. The clock stands at the next sample after it. */
  async run(ms: number, value: (at: number) => Record<string, number>): Promise<void> {
    for (const end = this.now + ms; this.now < end; this.now += intervalMs) {
      this.values = new Map(Object.entries(value(this.now)))
      this.environment.sample()
      await this.environment.saved()
    }
  }

  holds(name: string): boolean {
    return (this.said.classes.get(name) ?? 0) > this.now
  }

  /** Classes of an observable that hold. */
  of(stem: string): string[] {
    return [...this.said.classes.keys()].filter((name) => name.startsWith(stem) && this.holds(name)).sort()
  }

  row(name: string): ObservableRow {
    const row = this.environment.rows().find((one) => one.name === name)
    if (!row) throw new Error(`no row of ${name}`)
    return row
  }
}

/** Small, even noise without a source of chance: a fixed sequence, the same in every run. */
export function noise(seed: number): () => number {
  let state = seed >>> 0
  const uniform = () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
  return () => uniform() + uniform() + uniform() + uniform() - 2
}
