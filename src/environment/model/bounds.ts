import {
  DEV1_RANK,
  DEV1_SHARE,
  DEV2_RANK,
  DEV2_SHARE,
  QUANTILE_START,
  QUANTILE_STEP,
  RELATIVE_FLOOR,
} from './constants.ts'

/** The residuals that 31.73 % and 4.55 % of samples exceed (one and two sigma), found by a geometric walk. */
export class Bounds {
  /** The first |r|, until there are enough to start from. */
  readonly first = new Float32Array(QUANTILE_START)
  seen = 0
  #one = 0
  #two = 0

  get known(): boolean {
    return this.seen >= QUANTILE_START
  }

  /** Bounds of dev1 and dev2, no smaller than what counts as no difference from `expected`. */
  one(expected: number): number {
    return Math.max(this.#one, RELATIVE_FLOOR * Math.abs(expected))
  }

  two(expected: number): number {
    return Math.max(this.#two, RELATIVE_FLOOR * Math.abs(expected))
  }

  /** @param size |r| */
  learn(size: number, expected: number): void {
    if (this.seen < QUANTILE_START) {
      this.first[this.seen++] = size
      if (this.seen < QUANTILE_START) return
      const sorted = this.first.slice().sort()
      this.#one = sorted[DEV1_RANK - 1]!
      this.#two = sorted[DEV2_RANK - 1]!
      return
    }
    const one = this.one(expected)
    const two = this.two(expected)
    // From the floor up: a bound that has shrunk to nothing would need weeks to grow back.
    this.#one = one * Math.exp(QUANTILE_STEP * ((size > one ? 1 : 0) - DEV1_SHARE))
    this.#two = two * Math.exp(QUANTILE_STEP * ((size > two ? 1 : 0) - DEV2_SHARE))
  }

  save(): [number, number] {
    return [this.#one, this.#two]
  }

  restore(one: number, two: number): void {
    this.#one = one
    this.#two = two
  }
}
