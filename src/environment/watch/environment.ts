/**
 * The environment daemon of a host (cfenvd's part): samples, judges the running minute and each slot of five minutes,
 * says classes, and keeps what it has learned. Told the time; the timers are the caller's.
 */
import type { KeyValue } from '#store'
import type { SlotClock } from '../model/clock.ts'
import { SLOT_MS } from '../model/constants.ts'
import { type HostReport, HostWatch, type HostWatchState } from '../model/host.ts'
import { aliases, entropyClasses, type Sample, type SamplerGauge } from '../probes/index.ts'
import { EnvironmentKeep } from './keep.ts'
import { Observed, type ObservedState, type SlotOutcome } from './observed.ts'
import { type ObservableRow, rowOf } from './row.ts'
import { type ClassPort, namesOf, Spoken } from './spoken.ts'

export interface EnvironmentOptions {
  sampler: { sample(): Sample; gauge(): SamplerGauge; close(): void }
  clock: SlotClock
  keep: KeyValue
  classes: ClassPort
  /** ms between two samples. */
  intervalMs: number
  /** Observables with a model at most (95 KB each); those that come later are shown and not judged. */
  modelsLimit?: number
  /** One line for a person or a log. */
  say: (line: string) => void
  /** A person is to be told. */
  onReport?: (report: HostReport, row: ObservableRow) => void
  /** An alarm of an observable, in a slot or in the running minute: every time. */
  onAnomalous?: (name: string, direction: 'high' | 'low' | 'normal', at: number) => void
}

const modelsLimit = 300
/** A slot with less than this share of its figures is left out: their mean would spread wider than the model knows. */
const leastShare = 0.3

interface SmallState {
  watch: HostWatchState
  observed: Record<string, ObservedState>
}

export class Environment {
  readonly #options: EnvironmentOptions
  readonly #keep: EnvironmentKeep
  #watch = new HostWatch()
  readonly #observed = new Map<string, Observed>()
  readonly #spoken: Spoken
  #slot = Number.NaN
  #sample: Sample | undefined
  #unmodelled = new Set<string>()
  #saving: Promise<void> = Promise.resolve()

  constructor(options: EnvironmentOptions) {
    this.#options = options
    this.#keep = new EnvironmentKeep(options.keep)
    this.#spoken = new Spoken(options.classes, SLOT_MS + 60_000)
  }

  /** Reads what was kept and learns the slots that the kept models have not. */
  async open(): Promise<void> {
    const { clock, say } = this.#options
    const { models, slots, state, problems } = await this.#keep.load()
    for (const line of problems) say(line)
    const small = (state ?? {}) as Partial<SmallState>
    this.#watch = new HostWatch({}, small.watch)
    for (const [name, learned] of models) {
      const { model } = learned
      if (model.clock.zone === clock.zone)
        this.#observed.set(name, Observed.from(learned, small.observed?.[name]))
      else
        say(
          `environment: ${name} was learned by the clock of ${model.clock.zone}, and the config says ${clock.zone}: it is learned anew`,
        )
    }
    for (const { at, means } of slots.sort((a, b) => a.at - b.at))
      for (const [name, mean] of means) {
        if (at <= (models.get(name)?.until ?? Number.NEGATIVE_INFINITY)) continue
        this.#of(name)?.relearn(at, mean)
      }
  }

  /** Takes one sample. Call it every `intervalMs`. */
  sample(): void {
    const sample = this.#options.sampler.sample()
    for (const line of sample.problems) this.#options.say(line)
    const slot = Math.floor(sample.at / SLOT_MS)
    if (sample.clockStepMs !== 0) {
      // What was measured before is of another clock than what comes.
      for (const one of this.#observed.values()) one.dropSlot()
      this.#slot = slot
      return
    }
    if (Number.isNaN(this.#slot)) this.#slot = slot
    if (slot !== this.#slot) {
      this.#close(this.#slot * SLOT_MS)
      this.#slot = slot
    }
    this.#sample = sample
    // The same figure under an old name: one model is enough for both.
    for (const [name, value] of sample.values) if (!aliases.has(name)) this.#take(name, value, sample.at)
    this.#spoken.say('entropy', entropyClasses(sample.sockets), false)
  }

  #of(name: string): Observed | undefined {
    const there = this.#observed.get(name)
    if (there) return there
    const { clock, modelsLimit: limit = modelsLimit, say } = this.#options
    if (this.#observed.size >= limit) {
      if (this.#unmodelled.size === 0)
        say(
          `environment: more than ${limit} observables: ${name} and those after it are shown and not judged`,
        )
      if (this.#unmodelled.size < 1000) this.#unmodelled.add(name)
      return undefined
    }
    const made = Observed.new(clock)
    this.#observed.set(name, made)
    return made
  }

  #take(name: string, value: number, at: number): void {
    const observed = this.#of(name)
    if (!observed) return
    const glance = observed.take(at, value)
    const off = glance.known && glance.level !== 'normal'
    if (off) this.#spoken.say(name, namesOf(name, glance), true)
    else if (observed.latest) this.#spoken.say(name, namesOf(name, observed.latest.verdict), false)
    if (off && glance.anomalous) this.#options.onAnomalous?.(name, glance.direction, at)
  }

  /** A slot is over: its means are judged, learned and saved. */
  #close(at: number): void {
    const least = Math.max(1, Math.floor((leastShare * SLOT_MS) / this.#options.intervalMs))
    const means = new Map<string, number>()
    const skipped = new Set<string>()
    for (const [name, observed] of this.#observed) {
      const mean = observed.closeSlot(least)
      if (mean === undefined) continue
      const outcome = observed.step(at, mean)
      const { verdict } = outcome
      if (verdict.skipped !== undefined) {
        skipped.add(verdict.skipped)
        continue
      }
      means.set(name, mean)
      this.#judged(name, observed, outcome)
    }
    for (const line of skipped) this.#options.say(`environment: ${line}`)
    this.#save(at, means)
  }

  #judged(name: string, observed: Observed, { verdict, leap }: SlotOutcome): void {
    const names = namesOf(name, verdict)
    if (leap)
      names.push(
        ...namesOf(name, { ...verdict, level: 'normal', anomalous: false, flat: false, direction: leap }).map(
          (stem) => `${stem}_ldt`,
        ),
      )
    this.#spoken.say(name, names, true)
    if (verdict.anomalous) this.#options.onAnomalous?.(name, verdict.direction, verdict.at)
    const report = this.#watch.observe(name, verdict)
    if (report) this.#options.onReport?.(report, rowOf(name, observed))
  }

  #save(at: number, means: ReadonlyMap<string, number>): void {
    const state: SmallState = {
      watch: this.#watch.state,
      observed: Object.fromEntries([...this.#observed].map(([name, observed]) => [name, observed.state])),
    }
    // Now, while the models are of this slot.
    const write = this.#keep.prepare(at, means, this.#observed, state)
    this.#saving = this.#saving.then(async () => {
      try {
        await write()
      } catch (error) {
        this.#options.say(
          `environment: the slot is not saved: ${(error as Error).message}; it is learned, and lost if the daemon ends`,
        )
      }
    })
  }

  /** Every observable as it is now, by name. */
  rows(): ObservableRow[] {
    const values = this.#sample?.values ?? new Map<string, number>()
    const names = new Set([...values.keys(), ...this.#observed.keys()])
    return [...names].sort().map((name) => {
      const observed = this.observed(name)
      return observed
        ? rowOf(name, observed)
        : { name, value: values.get(name) as number, class: '', sure: 'not judged: too many observables' }
    })
  }

  /** The model of one observable: for the figure of its week. */
  observed(name: string): Observed | undefined {
    return this.#observed.get(aliases.get(name) ?? name)
  }

  /** Ports somebody listens on, at the latest sample. */
  get sockets(): Sample['sockets'] | undefined {
    return this.#sample?.sockets
  }

  gauge(): { observables: number; models: number; unmodelled: number; sampler: SamplerGauge } {
    return {
      observables: this.#sample?.values.size ?? 0,
      models: this.#observed.size,
      unmodelled: this.#unmodelled.size,
      sampler: this.#options.sampler.gauge(),
    }
  }

  /** Resolves when every slot that is over has been written. */
  saved(): Promise<void> {
    return this.#saving
  }

  /** The slot that is being filled is lost; every one before it is kept. */
  async close(): Promise<void> {
    this.#options.sampler.close()
    await this.#saving
  }
}
