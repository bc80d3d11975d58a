import { className, howSure, type Level, sigmaOf } from '../model/verdict.ts'
import type { Observed } from './observed.ts'

/** One observable as `lymph env show` has it. */
export interface ObservableRow {
  name: string
  value: number
  /** What this time of the week leads us to expect; absent while nothing is known. */
  expected?: number
  /** value - expected, in the observable's unit. */
  deviation?: number
  /** Standard deviations a Gaussian would be off for the same probability, with the sign of the deviation. */
  sigma?: number
  /** Residuals of two thirds of all samples are within this: one standard deviation, in its unit. */
  spread?: number
  /** How far it is off, now or in the last slot. */
  level?: Level
  /** The strongest class that holds of it; '' while nothing can be said. */
  class: string
  /** How sure, in words: `12 days; week slot in use`. */
  sure: string
  /** Score of the last slot; above 5.4 is an alarm. */
  score?: number
  /** The sample that was most like the last slot. */
  precedent?: { at?: number; distance: number }
  /** When it was measured last, ms since the epoch. */
  at?: number
}

export function rowOf(name: string, observed: Observed): ObservableRow {
  const { model, latest, glanced, value, seenAt } = observed
  const verdict = latest?.verdict
  const off = glanced?.known && glanced.level !== 'normal' ? glanced : undefined
  const expected = model.expect(seenAt)
  const row: ObservableRow = {
    name,
    value,
    class: off ? className(name, off) : verdict ? className(name, verdict) : '',
    sure: sureOf(model),
    at: seenAt,
  }
  if (expected !== undefined) {
    row.expected = expected
    row.deviation = value - expected
    if (model.bounds.known) row.spread = model.bounds.one(expected)
  }
  if (verdict && verdict.skipped === undefined) {
    row.score = verdict.score
    if (verdict.known) row.sigma = Math.sign(verdict.residual) * verdict.sigma
    if (verdict.precedent) {
      const { at, distance } = verdict.precedent
      row.precedent = at === undefined ? { distance } : { at, distance }
    }
  }
  const judged = off ?? (verdict?.known ? verdict : undefined)
  if (judged) row.level = judged.level
  // What is off now outranks what the last slot was.
  if (off) row.sigma = Math.sign(off.residual) * sigmaOf(off.surprise)
  return row
}

/** Whether a class says that its observable is not normal. */
export function isOdd(name: string): boolean {
  return /_(?:dev[123]|anomalous|flat)$/.test(name)
}

/** Of the time of week the model was asked about last. */
function sureOf({ samples, shape }: Observed['model']): string {
  if (samples === 0) return 'the first five minutes are not over'
  return howSure({ samples, daySlot: shape.daySeen, weekSlot: shape.weekSeen })
}
