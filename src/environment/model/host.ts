import type { Verdict } from './verdict.ts'

export interface HostWatchSettings {
  /** Reports a day that a quiet host may make by chance. */
  budget: number
  /** Bounds of the score an alarm is reported from; between them it adapts. */
  least: number
  most: number
}

export const hostWatchDefaults: HostWatchSettings = { budget: 1, least: 6.5, most: 8 }

const START = 7
/** 100 observables at 20 alarms a day. */
const START_RATE = 0.2
/** What one report adds to the level. A day takes away as much times the budget. */
const STEP = 0.25
const DAY_MS = 86_400_000
/** Alarms this close are one event, which is told once. ms */
const TOGETHER_MS = 900_000
/** An alarm below the level is reported after all when the next half hour stays as far off on its side. Samples */
const STAYS = 6
/** So unlikely a number of observables at once, were they independent, is reported whatever their scores. */
const JOINT = 1e-4
const OBSERVABLES_MOST = 10_000
/** The mean number of alarms in 15 minutes is that of about two weeks. */
const LEARN_MS = 14 * DAY_MS
const RATE_LEAST = 0.05

export interface HostReport {
  at: number
  /** `strong`: above the level. `lasting`: weaker, but it stayed. `joint`: too many observables at once for chance. */
  why: 'strong' | 'lasting' | 'joint'
  name: string
  score: number
  /** Observables with an alarm in the same 15 minutes, the newest last; at most 32 are named. */
  together: readonly string[]
}

/** Plain, to be saved. */
export interface HostWatchState {
  level: number
  /** Mean number of alarms in 15 minutes. */
  rate: number
}

interface Waiting {
  side: number
  score: number
  left: number
}

/**
 * Which alarms of a host's observables a person is told. Every alarm is a class; but a hundred observables raise some 17
 * to 29 by chance in a quiet day, and a person reads two. The level adapts to all observables together: each report
 * raises it, each quiet day lowers it, so that chance makes about `budget` reports a day whatever the observables are
 * like; beyond `most` an alarm is always told at once. Pure.
 */
export class HostWatch {
  readonly #settings: HostWatchSettings
  readonly #waiting = new Map<string, Waiting>()
  /** Names with an alarm in the event that is going on. */
  #together: string[] = []
  #told = false
  #began = Number.NEGATIVE_INFINITY
  #level: number
  #last = Number.NaN
  /** Running mean of alarms in 15 minutes. */
  #rate: number

  /** @param saved what `state` of another on this host told */
  constructor(
    settings: Partial<HostWatchSettings> = {},
    saved: HostWatchState = { level: START, rate: START_RATE },
  ) {
    this.#settings = { ...hostWatchDefaults, ...settings }
    const { least, most } = this.#settings
    this.#level = Math.min(most, Math.max(least, Number.isFinite(saved.level) ? saved.level : START))
    this.#rate = Number.isFinite(saved.rate) ? Math.max(RATE_LEAST, saved.rate) : START_RATE
  }

  get state(): HostWatchState {
    return { level: this.#level, rate: this.#rate }
  }

  /** The score an alarm is reported from. */
  get level(): number {
    return this.#level
  }

  /** Takes every verdict of every observable, in order of time. @returns what a person is to be told */
  observe(name: string, verdict: Verdict): HostReport | undefined {
    if (verdict.skipped !== undefined) return undefined
    this.#pass(verdict.at)
    if (!verdict.anomalous) return this.#lasting(name, verdict)
    if (verdict.at - this.#began > TOGETHER_MS) {
      this.#began = verdict.at
      this.#together = []
      this.#told = false
    }
    if (!this.#together.includes(name) && this.#together.length < 32) this.#together.push(name)
    this.#rate += TOGETHER_MS / LEARN_MS
    // A working day that goes like a Sunday is a holiday: a class, and nothing to call a person for.
    if (verdict.goesLike !== undefined && verdict.residual < 0) return undefined
    if (verdict.score > this.#level) return this.#report(name, verdict.at, verdict.score, 'strong')
    if (poissonTail(this.#together.length, this.#rate) < JOINT)
      return this.#report(name, verdict.at, verdict.score, 'joint')
    if (this.#waiting.size < OBSERVABLES_MOST)
      this.#waiting.set(name, { side: Math.sign(verdict.residual), score: verdict.score, left: STAYS })
    return undefined
  }

  #pass(at: number): void {
    const past = Number.isNaN(this.#last) ? 0 : Math.max(0, at - this.#last)
    this.#last = at
    if (past === 0) return
    const { budget, least } = this.#settings
    this.#level = Math.max(least, this.#level - (STEP * budget * past) / DAY_MS)
    this.#rate = Math.max(RATE_LEAST, this.#rate * Math.exp(-past / LEARN_MS))
  }

  #lasting(name: string, verdict: Verdict): HostReport | undefined {
    const waiting = this.#waiting.get(name)
    if (!waiting) return undefined
    const strong = verdict.level === 'dev2' || verdict.level === 'dev3'
    if (!strong || Math.sign(verdict.residual) !== waiting.side) {
      this.#waiting.delete(name)
      return undefined
    }
    if (--waiting.left > 0) return undefined
    this.#waiting.delete(name)
    return this.#report(name, verdict.at, waiting.score, 'lasting')
  }

  #report(name: string, at: number, score: number, why: HostReport['why']): HostReport | undefined {
    this.#waiting.delete(name)
    // One event is told once; what joins it is in the incident.
    if (this.#told && at - this.#began <= TOGETHER_MS) return undefined
    this.#told = true
    this.#level = Math.min(this.#settings.most, this.#level + STEP)
    return { at, why, name, score, together: [...this.#together] }
  }
}

/** Probability of `count` or more events where `mean` are expected. */
export function poissonTail(count: number, mean: number): number {
  let term = Math.exp(-mean)
  let below = 0
  for (let i = 0; i < count; i++) {
    below += term
    term *= mean / (i + 1)
  }
  return Math.max(0, 1 - below)
}
