import type { Direction, Verdict } from './verdict.ts'

/** Half-life of the mean sign that says the residuals are one-sided, in samples. */
const HALF_LIFE = 24
const ONE_SIDED = 0.9
const share = 1 - 2 ** (-1 / HALF_LIFE)
/** An incident is over after a day without an alarm, unless the residuals are still one-sided. ms */
const QUIET_MS = 86_400_000
/** One-sided or not: a week after its last alarm it is over. ms */
const LONGEST_QUIET_MS = 7 * QUIET_MS
/** An alarm that is so much more surprising than any before in its incident is told again. */
const WORSE = 1

/** What a person sees of an observable that is off: one thing, however often it was said. */
export interface Deviation {
  /** ms since the epoch */
  opened: number
  lastAlarm: number
  alarms: number
  /** The highest score, and what was seen then. */
  peak: number
  peakAt: number
  direction: Direction
  value: number
  expected?: number
  /** Sum of the levels accepted meanwhile, and how often: two of one sign are a ramp. */
  accepted: number
  acceptances: number
}

export interface Grouped {
  /** `worse`: much more surprising than so far. `refreshed`: nothing a person must hear again. */
  change: 'opened' | 'worse' | 'refreshed'
  deviation: Deviation
}

/** Plain, to be saved. */
export interface GroupState {
  sign: number
  standing?: Deviation
}

/**
 * Groups the alarms of one observable: a lasting step or a slow ramp is one incident, not the five to thirty alarms in it.
 * Pure; takes every verdict in order.
 */
export class AnomalyGroup {
  #sign: number
  #standing: Deviation | undefined

  /** @param saved what `state` of another told */
  constructor(saved: GroupState = { sign: 0 }) {
    this.#sign = Number.isFinite(saved.sign) ? saved.sign : 0
    this.#standing = saved.standing && { ...saved.standing }
  }

  get state(): GroupState {
    return { sign: this.#sign, ...(this.#standing ? { standing: { ...this.#standing } } : {}) }
  }

  get standing(): Readonly<Deviation> | undefined {
    return this.#standing
  }

  /** @returns what an alarm came to, undefined without one */
  observe(verdict: Verdict): Grouped | undefined {
    if (verdict.skipped !== undefined) return undefined
    this.#sign += share * (Math.sign(verdict.residual) - this.#sign)
    const over = this.#standing && this.#isOver(this.#standing, verdict.at)
    if (over) this.#standing = undefined
    const standing = this.#standing
    if (standing && verdict.acceptedLevel !== undefined) {
      standing.accepted += verdict.acceptedLevel
      standing.acceptances++
    }
    if (!verdict.anomalous) return undefined
    if (!standing) {
      const { at, value, expected, score } = verdict
      this.#standing = {
        opened: at,
        lastAlarm: at,
        alarms: 1,
        peak: score,
        peakAt: at,
        direction: sideOf(verdict),
        value,
        ...(expected === undefined ? {} : { expected }),
        accepted: 0,
        acceptances: 0,
      }
      return { change: 'opened', deviation: { ...this.#standing } }
    }
    const worse = verdict.score > standing.peak + WORSE
    standing.alarms++
    standing.lastAlarm = verdict.at
    if (verdict.score > standing.peak) {
      standing.peak = verdict.score
      standing.peakAt = verdict.at
      standing.value = verdict.value
      standing.direction = sideOf(verdict)
      if (verdict.expected !== undefined) standing.expected = verdict.expected
    }
    return { change: worse ? 'worse' : 'refreshed', deviation: { ...standing } }
  }

  #isOver(standing: Deviation, at: number): boolean {
    const quiet = at - standing.lastAlarm
    if (quiet <= QUIET_MS) return false
    return Math.abs(this.#sign) <= ONE_SIDED || quiet > LONGEST_QUIET_MS
  }
}

function sideOf({ residual }: Verdict): Direction {
  return residual > 0 ? 'high' : residual < 0 ? 'low' : 'normal'
}
