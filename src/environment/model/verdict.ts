/** What the model says of one sample, and the names of the classes that follow. */
import { canonify } from '#classes'
import type { DAY_NAMES } from './clock.ts'
import { DAY_PRIOR } from './constants.ts'

export type Direction = 'high' | 'low' | 'normal'
export type Level = 'normal' | 'dev1' | 'dev2' | 'dev3'

/** Surprise of each view in nats: minus the log of an upper tail probability. 0: ordinary, or not known yet. */
export interface Surprises {
  /** Far from what this time of the week leads us to expect? */
  r: number
  /** Off for half an hour? */
  R: number
  /** Anything like it seen before, in absolute terms? */
  b: number
  /** In relative terms? */
  B: number
}

/** The place in the last 8 weeks that is most like now. */
export interface Precedent {
  /** ms since the epoch; absent when that has been forgotten. */
  at?: number
  /** The value then, the one before it, and the mean of the 12 before those. */
  values: readonly [number, number, number]
  /** Sum of the absolute differences of these three from now. */
  distance: number
}

/** How much the model knows. */
export interface Sure {
  /** Samples learned. */
  samples: number
  /** Visits of the slot of the day and of the slot of the week, smoothed over the neighbours. */
  daySlot: number
  weekSlot: number
}

export interface Verdict {
  /** ms since the epoch */
  at: number
  value: number
  /** Absent while nothing is known of this time of day. */
  expected?: number
  /** value - expected; 0 while nothing is expected. */
  residual: number
  /** The residual as the number of standard deviations a Gaussian would have for the same tail probability, >= 0. */
  sigma: number
  surprises: Surprises
  /** Root mean square of the four surprises. */
  score: number
  /** Sign of the residual; normal below dev1. */
  direction: Direction
  level: Level
  anomalous: boolean
  /** The score is above the threshold, and no alarm: too soon after one that was more surprising, or on the first day. */
  held: boolean
  /** Enough is known for classes. */
  known: boolean
  /** Stuck: the same value three times as long as ever before. */
  flat: boolean
  precedent?: Precedent
  /** By how much the expectation was moved as a whole, because everything had been off for two days. */
  acceptedLevel?: number
  /** The last two hours go like those of this other day of the week: a holiday. Looked up from dev1 on. */
  goesLike?: (typeof DAY_NAMES)[number]
  sure: Sure
  /** Why the sample was neither judged nor learned: one line. All else is empty then. */
  skipped?: string
}

const levels: readonly Level[] = ['normal', 'dev1', 'dev2', 'dev3']

export function directionOf(residual: number): Direction {
  if (residual > 0) return 'high'
  return residual < 0 ? 'low' : 'normal'
}

/** What `classNames` needs of a verdict or a glance. */
export interface Judged {
  direction: Direction
  level: Level
  anomalous: boolean
  known: boolean
  flat?: boolean
}

/**
 * Classes of a verdict, or of a glance, on observable `name`. Cumulative, as CFEngine's are: dev3 is also dev2 and dev1.
 * Nothing while the model does not know enough. An anomaly at an expected value (its way there has no precedent) is `_normal_anomalous`.
 * @param spelling `cfengine`: adds what cf-monitord says for the same, `<name>_high_normal` and `<name>_high_anomaly`
 */
export function classNames(
  name: string,
  verdict: Judged,
  spelling: 'lymph' | 'cfengine' = 'lymph',
): string[] {
  if (!verdict.known) return []
  const stem = `${canonify(name)}_${verdict.direction}`
  const names = [stem]
  const height = levels.indexOf(verdict.level)
  for (let i = 1; i <= height; i++) names.push(`${stem}_${levels[i]}`)
  if (verdict.anomalous) names.push(`${stem}_anomalous`)
  if (verdict.flat) names.push(`${canonify(name)}_flat`)
  if (spelling === 'cfengine') {
    if (height === 0) names.push(`${stem}_normal`)
    if (verdict.anomalous) names.push(`${stem}_anomaly`)
  }
  return names
}

/** The strongest of `classNames`, for one column; '' while there is none. */
export function className(name: string, verdict: Judged): string {
  if (!verdict.known) return ''
  const stem = `${canonify(name)}_${verdict.direction}`
  if (verdict.anomalous) return `${stem}_anomalous`
  if (verdict.level !== 'normal') return `${stem}_${verdict.level}`
  return verdict.flat ? `${canonify(name)}_flat` : stem
}

/** How sure the model is, for a person: `12 days; week slot in use`. */
export function howSure(sure: Sure): string {
  const days = sure.samples / 288
  const since =
    days < 1 ? `${Math.round(days * 24)} hours` : `${Math.floor(days)} ${days < 2 ? 'day' : 'days'}`
  if (sure.daySlot <= 0.1) return `${since}, this time of day not seen yet`
  if (sure.weekSlot <= 1) return `${since}, week slot not yet in use`
  const share = Math.round((100 * (sure.weekSlot - 1)) / (sure.weekSlot - 1 + DAY_PRIOR))
  return `${since}, week slot counts ${share} %`
}

/**
 * Standard deviations of a two-sided Gaussian tail with probability exp(-surprise); Hastings' approximation
 * (Abramowitz and Stegun 26.2.23), within 0.0005.
 */
export function sigmaOf(surprise: number): number {
  const t = Math.sqrt(2 * (surprise + Math.LN2))
  return t - (2.515517 + t * (0.802853 + t * 0.010328)) / (1 + t * (1.432788 + t * (0.189269 + t * 0.001308)))
}

/** Score as replay prints it, 0..1 and monotone in S: 0.5 is the threshold. */
export function shareOf(score: number, threshold: number): number {
  return score / (score + threshold)
}
