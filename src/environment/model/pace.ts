import { JUMP_MS, PROBATION, VALUE_MOST } from './constants.ts'

/**
 * Which samples can be believed: numbers, and times that go forward. A clock that jumped, back or days ahead, must be
 * steady for 12 samples before anything is judged or learned by it again.
 */
export class Pace {
  /** Time of the last sample that was accepted, or that is on probation; NaN: none. ms */
  last = Number.NaN
  /** The usual time from sample to sample, ms. */
  usual = 0
  /** Samples still to come before the clock is believed again. */
  probation = 0
  /** How far the clock went when it jumped; negative: back. ms */
  leap = 0

  /** @returns why this sample must not be judged or learned, in one line; undefined when it may */
  refuse(at: number, value: number): string | undefined {
    if (!Number.isFinite(value) || Math.abs(value) > VALUE_MOST)
      return `${value} is no measurement: finite numbers up to 1e30 are; nothing is learned from it`
    if (!Number.isFinite(at)) return `${at} is no time; nothing is learned from it`
    const gap = at - this.last
    if (Number.isNaN(this.last)) {
      this.last = at
      return undefined
    }
    const ahead = gap > JUMP_MS && this.usual > 0 && gap > 12 * this.usual
    if (gap < 0 || ahead) {
      this.probation = PROBATION
      this.leap = gap
    } else if (this.probation === 0) {
      this.usual = this.usual === 0 ? gap : this.usual + (Math.min(gap, 8 * this.usual) - this.usual) / 16
    }
    this.last = at
    if (this.probation === 0) return undefined
    this.probation--
    const jump = `the clock went ${spoken(Math.abs(this.leap))} ${this.leap < 0 ? 'back' : 'ahead'}`
    return `${jump}: nothing is learned until ${this.probation} more samples have come in order`
  }
}

function spoken(ms: number): string {
  const seconds = Math.round(ms / 1000)
  if (seconds < 120) return `${seconds} seconds`
  if (seconds < 7200) return `${Math.round(seconds / 60)} minutes`
  return seconds < 172_800 ? `${Math.round(seconds / 3600)} hours` : `${Math.round(seconds / 86_400)} days`
}
