import { RELATIVE_FLOOR } from './constants.ts'

const RING = 10
/** Student's t with 9 degrees of freedom exceeds it once in 20,000 samples. */
const LIMIT_LEAST = 7
/** One leap out of perfect quiet must not deafen the test for a week. */
const LIMIT_MOST = 25
const MARGIN = 1.25
/** The largest statistic of each of the last 8 stretches of 252 samples: a week. */
const STRETCH = 252
const STRETCHES = 8

/** Plain, to be saved. */
export interface LeapState {
  ring: number[]
  largest: number[]
  seen: number
}

export type Leap = 'high' | 'low' | undefined

/**
 * Leap detection (cfengine's LDT): has the value left what the last ten samples were? The published test subtracts from
 * its running sum a cell that was overwritten before, so that the sum stays 0 and any busy sample is a leap. Here the ten
 * are summed as they are, the leap is measured in their own spread, and the limit is what a week of ordinary samples reached.
 */
export class LeapDetector {
  readonly #ring = new Float64Array(RING)
  readonly #largest = new Float64Array(STRETCHES)
  #seen = 0

  /** @param saved what `state` of another told; what is none of it is not taken */
  constructor(saved?: LeapState) {
    const { ring = [], largest = [], seen = 0 } = saved ?? {}
    const whole =
      ring.length === RING && largest.length === STRETCHES && Number.isSafeInteger(seen) && seen >= 0
    if (!whole || ![...ring, ...largest].every(Number.isFinite)) return
    this.#ring.set(ring)
    this.#largest.set(largest)
    this.#seen = seen
  }

  get state(): LeapState {
    return { ring: [...this.#ring], largest: [...this.#largest], seen: this.#seen }
  }

  /** The limit of |t| now. */
  get limit(): number {
    return Math.min(LIMIT_MOST, Math.max(LIMIT_LEAST, MARGIN * Math.max(...this.#largest)))
  }

  /** Compares `value` with the ten before it, then takes it among them. Not a number: compared with nothing, not taken. */
  step(value: number): Leap {
    if (!Number.isFinite(value)) return undefined
    const t = this.#seen >= RING ? this.#t(value) : 0
    const leap = Math.abs(t) > this.limit ? (t > 0 ? 'high' : 'low') : undefined
    this.#ring[this.#seen % RING] = value
    if (this.#seen >= RING) {
      const stretch = Math.floor(this.#seen / STRETCH) % STRETCHES
      if (this.#seen % STRETCH === 0) this.#largest[stretch] = 0
      this.#largest[stretch] = Math.max(this.#largest[stretch]!, Math.abs(t))
    }
    this.#seen++
    return leap
  }

  /** How far `value` is from the mean of the ten, in standard errors of that difference. */
  #t(value: number): number {
    let sum = 0
    for (const each of this.#ring) sum += each
    const mean = sum / RING
    let squares = 0
    for (const each of this.#ring) squares += (each - mean) ** 2
    const floor = Math.max(RELATIVE_FLOOR * Math.max(Math.abs(mean), Math.abs(value)), 1e-9)
    return (value - mean) / Math.sqrt((squares / (RING - 1)) * (1 + 1 / RING) + floor ** 2)
  }
}
