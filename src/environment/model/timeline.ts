/** How many stretches are remembered; the oldest go first, and with them the dates of their samples, not the samples. */
export const STRETCHES = 128

/**
 * When each sample came, as stretches of evenly spaced samples: a host that is never down needs one for 8 weeks. Times
 * come out within half a step.
 */
export class Timeline {
  /** Number of the first sample of each stretch, oldest first. */
  readonly firsts = new Float64Array(STRETCHES)
  /** Its time, ms since the epoch. */
  readonly times = new Float64Array(STRETCHES)
  /** ms from sample to sample; 0 while the stretch has only one. */
  readonly steps = new Float64Array(STRETCHES)
  length = 0

  add(sample: number, at: number): void {
    const last = this.length - 1
    if (last >= 0) {
      const ahead = sample - this.firsts[last]!
      const past = at - this.times[last]!
      const step = this.steps[last]!
      if (step === 0 && ahead === 1 && past > 0) {
        this.steps[last] = past
        return
      }
      if (step > 0 && Math.abs(past - ahead * step) <= step / 2) return
    }
    if (this.length === STRETCHES) {
      this.firsts.copyWithin(0, 1)
      this.times.copyWithin(0, 1)
      this.steps.copyWithin(0, 1)
      this.length--
    }
    this.firsts[this.length] = sample
    this.times[this.length] = at
    this.steps[this.length] = 0
    this.length++
  }

  /** When a sample came, or undefined when that has been forgotten. */
  timeOf(sample: number): number | undefined {
    let low = 0
    let high = this.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.firsts[middle]! <= sample) low = middle + 1
      else high = middle
    }
    if (low === 0) return undefined
    return this.times[low - 1]! + (sample - this.firsts[low - 1]!) * this.steps[low - 1]!
  }
}
