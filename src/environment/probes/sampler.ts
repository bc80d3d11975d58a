import { reason } from './errors.ts'
import type { Moment, Probe, Reading, SocketReading } from './types.ts'

/** Observables in one sample at most; those put down later are left out. */
const nameLimit = 1000
/** Standing problems kept apart at most. */
const problemLimit = 500
/** The wall clock and the monotonic clock may part by so much between two samples (adjtime, a slow reading). */
const stepMs = 5000

export interface Sample {
  /** ms since the epoch. */
  at: number
  /** ms since the sample before, of a clock nobody sets; undefined at the first. */
  elapsedMs: number | undefined
  /** By how much the wall clock was set since the sample before (or the host slept); 0 if it was not. */
  clockStepMs: number
  values: ReadonlyMap<string, number>
  /** One line for each thing that is wrong and was not wrong at the sample before. */
  problems: string[]
  sockets: SocketReading
}

export interface SamplerGauge {
  observables: number
  /** Left out: over the cap, or of a name that was there already. */
  refused: number
  /** Problems that stand. */
  problems: number
  /** The operator's observables: how many are measured, how many were configured, the cap. */
  own: { measured: number; configured: number; limit: number }
}

const noSockets: SocketReading = { remotes: new Map(), cut: new Set(), listeners: [] }

/** Reads all probes, one after the other. Whatever a file holds, `sample` does not throw. */
export class Sampler {
  readonly #probes: readonly Probe[]
  readonly #own: SamplerGauge['own']
  #before: Moment | undefined
  #standing = new Set<string>()
  #observables = 0
  #refused = 0

  constructor(probes: readonly Probe[], own: SamplerGauge['own'] = { measured: 0, configured: 0, limit: 0 }) {
    this.#probes = probes
    this.#own = own
  }

  sample(now: Moment = { at: Date.now(), monotonicMs: performance.now() }): Sample {
    const lines = new Map<string, string>()
    const say = (about: string, line: string) => {
      if (lines.size < problemLimit) lines.set(about, line)
    }
    const elapsedMs = this.#before && now.monotonicMs - this.#before.monotonicMs
    const clockStepMs = this.#clockStep(now, say)
    this.#before = now

    const values = new Map<string, number>()
    let sockets: SocketReading | undefined
    this.#refused = 0
    for (const probe of this.#probes) {
      const reading = attempt(probe, now)
      for (const { about, line } of reading.problems) say(about, line)
      for (const [name, value] of reading.values) this.#take(name, value, values, say)
      sockets ??= reading.sockets
    }
    if (this.#own.configured > this.#own.measured)
      say(
        'own',
        `environment.observables: ${this.#own.configured} are configured and ${this.#own.measured} measured: raise max_observables (${this.#own.limit})`,
      )

    const problems = [...lines].filter(([about]) => !this.#standing.has(about)).map(([, line]) => line)
    this.#standing = new Set(lines.keys())
    this.#observables = values.size
    return { at: now.at, elapsedMs, clockStepMs, values, problems, sockets: sockets ?? noSockets }
  }

  gauge(): SamplerGauge {
    return {
      observables: this.#observables,
      refused: this.#refused,
      problems: this.#standing.size,
      own: this.#own,
    }
  }

  /** Ends what probes have running. */
  close(): void {
    for (const probe of this.#probes) probe.close?.()
  }

  #take(name: string, value: number, values: Map<string, number>, say: (a: string, l: string) => void): void {
    if (values.has(name)) {
      this.#refused++
      say(
        `twice ${name}`,
        `observable ${name}: two sources have this name: the first one counts; rename yours`,
      )
    } else if (values.size >= nameLimit) {
      this.#refused++
      say('observables', `observables: more than ${nameLimit}: those after them are left out`)
    } else values.set(name, value)
  }

  #clockStep(now: Moment, say: (about: string, line: string) => void): number {
    if (!this.#before) return 0
    const step = now.at - this.#before.at - (now.monotonicMs - this.#before.monotonicMs)
    if (Math.abs(step) < stepMs) return 0
    // A problem of its own each time it happens.
    say(
      `clock ${now.at}`,
      `clock: it went ${step > 0 ? 'forward' : 'back'} by ${Math.round(Math.abs(step) / 1000)} s between two samples (set, or the host slept): nothing is learned from this sample`,
    )
    return step
  }
}

function attempt(probe: Probe, now: Moment): Reading {
  try {
    return probe.read(now)
  } catch (error) {
    const line = `probe ${probe.name}: ${reason(error)}: it has no values; this is a defect, report it`
    return { values: new Map(), problems: [{ about: `probe ${probe.name}`, line }] }
  }
}
