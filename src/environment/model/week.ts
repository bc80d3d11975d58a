import {
  COUNT_MOST,
  DAY_PRIOR,
  DAY_SLOTS,
  DAY_WEIGHT,
  KERNEL_REACH,
  KERNEL_WIDTH,
  KNOWN_LEAST,
  WEEK_SLOTS,
  WEEK_WEIGHT,
} from './constants.ts'

const kernel = Float64Array.from({ length: 2 * KERNEL_REACH + 1 }, (_, i) =>
  Math.exp(-0.5 * ((i - KERNEL_REACH) / KERNEL_WIDTH) ** 2),
)
const kernelSum = kernel.reduce((sum, weight) => sum + weight, 0)

/** Geometric means of the slots of the day (288) and of the week (2016), and what they lead to expect. */
export class WeekShape {
  readonly dayMeans: Float32Array
  readonly dayCounts: Uint8Array
  readonly weekMeans: Float32Array
  readonly weekCounts: Uint8Array
  /** What `expect` found: visits of the day's and of the week's slots, smoothed, and the value to expect. */
  daySeen = 0
  weekSeen = 0
  expected = Number.NaN
  /** And what the week's slots alone would say. */
  weekExpected = Number.NaN

  constructor() {
    this.dayMeans = new Float32Array(DAY_SLOTS)
    this.dayCounts = new Uint8Array(DAY_SLOTS)
    this.weekMeans = new Float32Array(WEEK_SLOTS)
    this.weekCounts = new Uint8Array(WEEK_SLOTS)
  }

  /**
   * The value to expect at a slot. A slot of the week has no say until it was seen twice, equals the day's after four
   * weeks and dominates later: one odd Tuesday does not become the norm. @returns whether there is anything to expect
   */
  expect(daySlot: number, weekSlot: number): boolean {
    let visits = 0
    let sum = 0
    let weekVisits = 0
    let weekSum = 0
    for (let j = -KERNEL_REACH; j <= KERNEL_REACH; j++) {
      const day = (daySlot + j + DAY_SLOTS) % DAY_SLOTS
      const week = (weekSlot + j + WEEK_SLOTS) % WEEK_SLOTS
      const dayWeight = kernel[j + KERNEL_REACH]! * this.dayCounts[day]!
      const weekWeight = kernel[j + KERNEL_REACH]! * this.weekCounts[week]!
      visits += dayWeight
      sum += dayWeight * this.dayMeans[day]!
      weekVisits += weekWeight
      weekSum += weekWeight * this.weekMeans[week]!
    }
    this.daySeen = visits / kernelSum
    this.weekSeen = weekVisits / kernelSum
    this.weekExpected = weekSum / weekVisits
    if (this.daySeen <= KNOWN_LEAST) {
      this.expected = Number.NaN
      return false
    }
    const say = Math.max(0, this.weekSeen - 1)
    const day = sum / visits
    this.expected = say > 0 ? (say * this.weekExpected + DAY_PRIOR * day) / (say + DAY_PRIOR) : day
    return true
  }

  /** Moves every slot that was ever visited: the level has changed, the shape has not. */
  shift(by: number): void {
    for (let i = 0; i < DAY_SLOTS; i++) if (this.dayCounts[i]! > 0) this.dayMeans[i]! += by
    for (let i = 0; i < WEEK_SLOTS; i++) if (this.weekCounts[i]! > 0) this.weekMeans[i]! += by
  }
}

/**
 * Learns into the two slots of now. Samples that fall into one visit of a slot count as one, by their mean: rows that
 * come every minute must not make a slot forget five times as fast.
 */
export class SlotLearner {
  /** Number of the slot since the epoch that is being visited; NaN: none yet. */
  slot = Number.NaN
  samples = 0
  sum = 0
  /** The means before this visit, and what it will weigh. */
  dayBase = 0
  weekBase = 0
  dayWeight = 0
  weekWeight = 0

  /** @param slot number of the five minutes since the epoch @param value what to learn */
  learn(shape: WeekShape, slot: number, daySlot: number, weekSlot: number, value: number): void {
    if (slot !== this.slot) {
      this.slot = slot
      this.samples = 0
      this.sum = 0
      this.dayBase = shape.dayMeans[daySlot]!
      this.weekBase = shape.weekMeans[weekSlot]!
      this.dayWeight = Math.max(DAY_WEIGHT, 1 / (shape.dayCounts[daySlot]! + 1))
      this.weekWeight = Math.max(WEEK_WEIGHT, 1 / (shape.weekCounts[weekSlot]! + 1))
      shape.dayCounts[daySlot] = Math.min(COUNT_MOST, shape.dayCounts[daySlot]! + 1)
      shape.weekCounts[weekSlot] = Math.min(COUNT_MOST, shape.weekCounts[weekSlot]! + 1)
    }
    this.samples++
    this.sum += value
    const mean = this.sum / this.samples
    shape.dayMeans[daySlot] = this.dayBase + (mean - this.dayBase) * this.dayWeight
    shape.weekMeans[weekSlot] = this.weekBase + (mean - this.weekBase) * this.weekWeight
  }

  /** The level moved while a slot is being visited. */
  shift(by: number): void {
    this.dayBase += by
    this.weekBase += by
  }
}
