/**
 * The fast path: between two samples of the model, the figures that come every ten seconds, judged against the same
 * expectation, so that a step is a class after two of them.
 */
import { RELATIVE_FLOOR } from './constants.ts'
import type { ObservableModel } from './observable.ts'
import { Tail, type TailForm } from './tail.ts'
import { type Direction, directionOf, type Level } from './verdict.ts'

const MINUTE = 6
/** A week of ten-second figures: seven days of 8,640, of each day the 32 largest. */
const week: TailForm = { samples: 8640, blocks: 8, top: 32, most: 256 }
/**
 * Nats. Hundred observables are looked at 864,000 times a day here, against 28,800 in the model, and nobody waits: beyond
 * exp(-14) none of them is expected to raise a class by chance in a day.
 */
export const GLANCE_SURPRISE = 14

export interface Glance {
  at: number
  value: number
  /** Mean of the last minute: up to six figures. */
  mean: number
  expected?: number
  /** The smaller of the last two residuals where they have one sign, else 0. */
  residual: number
  /** Of that residual, against those of the last week. Nats */
  surprise: number
  direction: Direction
  /** dev3 or normal: what is less is left to the five-minute verdict, which sees less noise. */
  level: Level
  anomalous: boolean
  known: boolean
}

/**
 * The running minute of one observable. A mean of few samples spreads wider than the five-minute mean the model knows,
 * by how much depends on the observable. So the spread is learned at this scale: what is judged is the smaller of the
 * last two residuals with one sign (one spike is no step), against a tail of its own. Nothing of the model changes.
 */
export class RunningMinute {
  readonly tail = new Tail(week)
  /** The latest figures, newest first. */
  readonly last = new Float64Array(MINUTE)
  count = 0

  /** Judges, then learns into the tail. @param at ms since the epoch */
  glance(model: ObservableModel, at: number, value: number): Glance {
    if (!Number.isFinite(value)) return { ...ordinary, at, value, mean: this.#mean() }
    const expected = model.expect(at)
    const before = this.last[0]!
    this.last.copyWithin(1, 0)
    this.last[0] = value
    this.count = Math.min(MINUTE, this.count + 1)
    const mean = this.#mean()
    if (expected === undefined || this.count < 2) return { ...ordinary, at, value, mean }

    const r = leastOf(value - expected, before - expected)
    const floor = RELATIVE_FLOOR * Math.max(Math.abs(value), Math.abs(expected))
    const surprise = this.tail.surprise(Math.abs(r), floor)
    const off = surprise >= GLANCE_SURPRISE && Math.abs(r) > model.strongBound(expected)
    this.tail.learn(Math.abs(r))
    return {
      at,
      value,
      mean,
      expected,
      residual: r,
      surprise,
      direction: off ? directionOf(r) : 'normal',
      level: off ? 'dev3' : 'normal',
      anomalous: off && model.pastFirstDay,
      known: this.tail.warm,
    }
  }

  #mean(): number {
    let sum = 0
    for (let i = 0; i < this.count; i++) sum += this.last[i]!
    return this.count === 0 ? 0 : sum / this.count
  }
}

const ordinary = {
  residual: 0,
  surprise: 0,
  direction: 'normal',
  level: 'normal',
  anomalous: false,
  known: false,
} as const

/** The one nearer to 0, or 0 when they are on two sides. */
function leastOf(a: number, b: number): number {
  if (a > 0 && b > 0) return Math.min(a, b)
  return a < 0 && b < 0 ? Math.max(a, b) : 0
}
