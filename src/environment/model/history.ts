import { BACKGROUND, FLAT_CHANGES, FLAT_LEAST, FLAT_TIMES, MEMORY, SPARE } from './constants.ts'

/** Samples a precedent needs: its own, the one before, and the background. */
const SPAN = BACKGROUND + 2
/** The running sum is taken anew so often, so that one huge value cannot leave its rounding error in it. */
const BLOCK = 256
const SHARE = 1 / BACKGROUND
const ROUNDING = 1 + 1e-12

/** The last 8 weeks of samples, and where in them something like now has been before. */
export class History {
  /** The last `end` places are in use; at least the last MEMORY samples are there. */
  readonly values: Float32Array
  end = 0
  /** Samples ever. */
  seen = 0
  /** How many of the newest samples are one value, and what the run must exceed to be stuck; 0: not looked up yet. */
  run = 0
  runLimit = 0
  /** What `search` found: the least distances, absolute and relative, and the place of the absolute one; -1: none. */
  nearest = Number.POSITIVE_INFINITY
  nearestShare = Number.POSITIVE_INFINITY
  place = -1

  constructor() {
    this.values = new Float32Array(MEMORY + SPARE)
  }

  /** First place that counts. */
  get begin(): number {
    return Math.max(0, this.end - MEMORY)
  }

  append(value: number): void {
    if (this.end === this.values.length) {
      this.values.copyWithin(0, this.end - MEMORY)
      this.end = MEMORY
    }
    if (this.end > 0 && this.values[this.end - 1] === value) this.run++
    else {
      this.run = 1
      this.runLimit = 0
    }
    this.values[this.end++] = value
    this.seen++
  }

  /** Mean of the background before place `place` and its predecessor. */
  background(place: number): number {
    let sum = 0
    for (let i = place - SPAN + 1; i < place - 1; i++) sum += this.values[i]!
    return sum * SHARE
  }

  /**
   * The least distance from the newest sample's triple (sample, the one before, mean of the 12 before those) to that of
   * any place at least two samples older: the sum of absolute differences, and the same with each difference divided by
   * the sizes. @param scale mean absolute deviation of the samples. @returns whether there was a place to compare with
   */
  search(scale: number): boolean {
    const x = this.values
    const now = this.end - 1
    const first = this.begin + SPAN - 1
    const last = now - 2
    this.nearest = Number.POSITIVE_INFINITY
    this.nearestShare = Number.POSITIVE_INFINITY
    this.place = -1
    if (last < first) return false
    const u1 = x[now]!
    const u2 = x[now - 1]!
    const u3 = this.background(now)
    const w = 3 * Math.max(scale, 1e-9)
    const w1 = w + Math.abs(u1)
    const w2 = w + Math.abs(u2)
    const w3 = w + Math.abs(u3)
    let b = Number.POSITIVE_INFINITY
    let share = Number.POSITIVE_INFINITY
    let place = -1
    for (let from = first; from <= last; from += BLOCK) {
      const to = Math.min(from + BLOCK - 1, last)
      let sum = 0
      for (let i = from - SPAN + 1; i < from - 1; i++) sum += x[i]!
      for (let i = from; i <= to; i++) {
        const p1 = x[i]!
        const p2 = x[i - 1]!
        const p3 = sum * SHARE
        sum += p2 - x[i - SPAN + 1]!
        const d1 = Math.abs(u1 - p1)
        // Nearly every place is out by its first difference alone, and costs no division.
        if (d1 >= b && d1 > share * (w1 + Math.abs(p1)) * ROUNDING) continue
        const d2 = Math.abs(u2 - p2)
        const d3 = Math.abs(u3 - p3)
        const d = d1 + d2 + d3
        if (d < b) {
          b = d
          place = i
        }
        const s = d1 / (w1 + Math.abs(p1)) + d2 / (w2 + Math.abs(p2)) + d3 / (w3 + Math.abs(p3))
        if (s < share) share = s
      }
    }
    this.nearest = b
    this.nearestShare = share
    this.place = place
    return true
  }

  /** The newest samples are one value for much longer than ever before, where values have changed. */
  stuck(): boolean {
    if (this.run <= FLAT_LEAST) return false
    if (this.runLimit === 0) this.runLimit = this.#longest()
    return this.run > this.runLimit
  }

  /** FLAT_TIMES the longest run before the present one; Infinity where values hardly ever change. */
  #longest(): number {
    const x = this.values
    let longest = 0
    let changes = 0
    let since = this.begin
    for (let i = since + 1; i <= this.end - this.run; i++) {
      if (x[i] === x[i - 1]) continue
      longest = Math.max(longest, i - since)
      since = i
      changes++
    }
    return changes < FLAT_CHANGES ? Number.POSITIVE_INFINITY : FLAT_TIMES * longest
  }

  /** The sample number (0 is the first ever) at a place. */
  sampleAt(place: number): number {
    return this.seen - this.end + place
  }
}
