import { Bounds } from './bounds.ts'
import { DAY_NAMES, type SlotClock } from './clock.ts'
import {
  DEV3_SURPRISE,
  FIRST_DAY,
  HOLD,
  IMPRESSION_HALF_LIFE,
  LEARN_BOUNDS,
  LEARN_DEVIATIONS,
  LEVEL_HALF_LIFE,
  LEVEL_LEAST,
  LEVEL_SIGN,
  MEMORY,
  ONSET_BOUNDS,
  RELATIVE_FLOOR,
  RESOLUTION,
  SCALE_MOST,
  SLOT_MS,
  SUSTAINED,
  THRESHOLD,
  WEEK_SLOTS,
} from './constants.ts'
import { History } from './history.ts'
import { likeDay } from './likeness.ts'
import { Pace } from './pace.ts'
import { Tail } from './tail.ts'
import { Timeline } from './timeline.ts'
import { directionOf, type Level, type Precedent, sigmaOf, type Verdict } from './verdict.ts'
import { SlotLearner, WeekShape } from './week.ts'

const fade = 2 ** (-1 / IMPRESSION_HALF_LIFE)
const levelShare = 1 - 2 ** (-1 / LEVEL_HALF_LIFE)

/** Scalars of the model, in the order they are saved. */
export interface Scalars {
  mean: number
  deviation: number
  sign: number
  offset: number
  impression: number
  /** Number of the sample of the last alarm, counted from 1; negative: none. */
  alarm: number
}

/**
 * The model of one observable: judges each sample by what came before it, then learns it. Two questions, each asked in
 * two ways: is it far from what this time of the week leads us to expect (now, and for half an hour), and has anything
 * like it been seen before (in absolute and in relative terms). Pure: time comes with the sample, and there are no dice.
 */
export class ObservableModel {
  readonly clock: SlotClock
  readonly history = new History()
  readonly shape = new WeekShape()
  readonly learner = new SlotLearner()
  readonly timeline = new Timeline()
  readonly bounds = new Bounds()
  readonly pace = new Pace()
  readonly tails = { r: new Tail(), R: new Tail(), b: new Tail(), B: new Tail() }
  /** The last residuals, newest first. */
  readonly residuals = new Float64Array(SUSTAINED)
  residualCount = 0
  scalars: Scalars = {
    mean: 0,
    deviation: 0,
    sign: 0,
    offset: 0,
    impression: 0,
    alarm: -HOLD,
  }

  constructor(clock: SlotClock) {
    this.clock = clock
  }

  /** Samples learned. */
  get samples(): number {
    return this.history.seen
  }

  get pastFirstDay(): boolean {
    return this.samples >= FIRST_DAY
  }

  /** What is expected at `at` (ms since the epoch); undefined while that time of day is unknown. Learns nothing. */
  expect(at: number): number | undefined {
    const known = this.shape.expect(this.clock.daySlot(at), this.clock.weekSlot(at))
    return known ? this.shape.expected : undefined
  }

  /** Residuals beyond are strong (dev2); 0 while the bounds are not known. */
  strongBound(expected: number): number {
    return this.bounds.known ? this.bounds.two(expected) : 0
  }

  /** @param at ms since the epoch. Judges and learns. A sample that cannot be has `skipped` in its verdict. */
  step(at: number, value: number): Verdict {
    const skipped = this.pace.refuse(at, value)
    if (skipped !== undefined) return this.#nothing(at, value, skipped)
    const { shape, history, tails, scalars } = this
    const x = Math.fround(value)
    const daySlot = this.clock.daySlot(at)
    const weekSlot = this.clock.weekSlot(at)

    const expects = shape.expect(daySlot, weekSlot)
    const expected = shape.expected
    let r = expects ? x - expected : 0
    if (Math.abs(r) <= RESOLUTION * Math.max(Math.abs(x), Math.abs(expected))) r = 0

    const bound = this.#bound(expected)
    this.#scale(x)
    history.append(x)
    this.timeline.add(history.seen - 1, at)
    const n = history.seen
    const compared = history.search(scalars.deviation)

    const floor = RELATIVE_FLOOR * Math.abs(x)
    const sustained = expects ? Math.abs(this.#sustained(r)) : 0
    const surprises = {
      r: expects ? tails.r.surprise(Math.abs(r), floor) : 0,
      R: expects ? tails.R.surprise(sustained, floor) : 0,
      b: compared ? tails.b.surprise(history.nearest, floor) : 0,
      B: compared ? tails.B.surprise(history.nearestShare) : 0,
    }
    const score = Math.sqrt((surprises.r ** 2 + surprises.R ** 2 + surprises.b ** 2 + surprises.B ** 2) / 4)

    const high = score > THRESHOLD
    const anomalous = high && score > scalars.impression && n - scalars.alarm > HOLD && n >= FIRST_DAY
    if (anomalous) scalars.alarm = n
    scalars.impression = anomalous ? Math.max(scalars.impression * fade, score) : scalars.impression * fade

    const known = expects && this.bounds.known
    const level = known ? this.#level(Math.abs(r), expected, surprises.r) : 'normal'
    const verdict: Verdict = {
      at,
      value,
      residual: r,
      sigma: known ? this.#sigma(Math.abs(r), expected, surprises.r) : 0,
      surprises,
      score,
      direction: level === 'normal' ? 'normal' : directionOf(r),
      level,
      anomalous,
      held: high && !anomalous,
      known,
      flat: n >= WEEK_SLOTS && history.stuck(),
      sure: { samples: n, daySlot: shape.daySeen, weekSlot: shape.weekSeen },
    }
    if (expects) verdict.expected = expected
    if (compared) verdict.precedent = this.#precedent()
    if (high || level !== 'normal') {
      const day = likeDay(shape, history, weekSlot, this.pace.usual, bound)
      if (day !== undefined) verdict.goesLike = DAY_NAMES[day]!
    }

    if (expects) {
      tails.r.learn(Math.abs(r))
      tails.R.learn(sustained)
    }
    if (compared) {
      tails.b.learn(history.nearest)
      tails.B.learn(history.nearestShare)
    }
    const accepted = expects ? this.#accept(r, expected, bound) : 0
    if (accepted !== 0) verdict.acceptedLevel = accepted
    // The slots learn the sample, but no farther from the expectation than a strong deviation is, and of a lone wild one
    // hardly anything: what follows it must not look low.
    const lone = Math.abs(this.residuals[1]!) <= this.bounds.one(expected)
    const wild = Math.abs(r) > LEARN_BOUNDS * bound
    const most = (lone && wild ? ONSET_BOUNDS : LEARN_BOUNDS) * bound
    const learned = expects ? expected + accepted + within(r - accepted, most) : x
    this.learner.learn(shape, Math.floor(at / SLOT_MS), daySlot, weekSlot, learned)
    if (expects) this.bounds.learn(Math.abs(r), expected)
    return verdict
  }

  /** The running mean and mean absolute deviation. No single sample may ruin them for 8 weeks. */
  #scale(x: number): void {
    const { scalars } = this
    const n = this.history.seen + 1
    const share = 1 / Math.min(n, MEMORY)
    const most =
      n === 1
        ? Number.POSITIVE_INFINITY
        : SCALE_MOST * Math.max(scalars.deviation, RELATIVE_FLOOR * Math.abs(scalars.mean), 1e-9)
    scalars.mean += within(x - scalars.mean, most) * share
    scalars.deviation += (Math.min(Math.abs(x - scalars.mean), most) - scalars.deviation) * share
  }

  /** Takes `r` among the last residuals. @returns their mean */
  #sustained(r: number): number {
    const { residuals } = this
    residuals.copyWithin(1, 0)
    residuals[0] = r
    this.residualCount = Math.min(SUSTAINED, this.residualCount + 1)
    let sum = 0
    for (let i = 0; i < this.residualCount; i++) sum += residuals[i]!
    return sum / this.residualCount
  }

  /** What a strong deviation is, by what came before the sample. */
  #bound(expected: number): number {
    const { deviation } = this.scalars
    if (!this.bounds.known) return Math.max(LEARN_DEVIATIONS * deviation, RELATIVE_FLOOR * Math.abs(expected))
    return Math.max(this.bounds.two(expected), (LEARN_DEVIATIONS / LEARN_BOUNDS) * deviation)
  }

  /** Accepts a new level when residuals have had one sign for two days. @returns what was added to every slot, or 0 */
  #accept(r: number, expected: number, bound: number): number {
    const { scalars } = this
    scalars.sign += levelShare * (Math.sign(r) - scalars.sign)
    scalars.offset += levelShare * (within(r, SCALE_MOST * bound) - scalars.offset)
    if (Math.abs(scalars.sign) <= LEVEL_SIGN) return 0
    const by = scalars.offset
    // A rare event leaves all the ordinary samples a little below their mean: that is no new level.
    if (Math.abs(by) < LEVEL_LEAST * this.bounds.one(expected)) return 0
    this.shape.shift(by)
    this.learner.shift(by)
    for (let i = 0; i < SUSTAINED; i++) this.residuals[i]! -= by
    scalars.sign = 0
    scalars.offset = 0
    return by
  }

  #level(size: number, expected: number, surprise: number): Level {
    if (surprise >= DEV3_SURPRISE) return 'dev3'
    if (size > this.bounds.two(expected)) return 'dev2'
    return size > this.bounds.one(expected) ? 'dev1' : 'normal'
  }

  #sigma(size: number, expected: number, surprise: number): number {
    if (surprise > 0) return sigmaOf(surprise)
    const one = this.bounds.one(expected)
    const two = this.bounds.two(expected)
    if (size <= one) return one === 0 ? 0 : size / one
    // The list has not called it rare: it is no more than the 1 % that begins there.
    return Math.min(2.576, two > one ? 1 + (size - one) / (two - one) : 2)
  }

  #precedent(): Precedent {
    const { history } = this
    const at = this.timeline.timeOf(history.sampleAt(history.place))
    return {
      ...(at === undefined ? {} : { at }),
      values: [
        history.values[history.place]!,
        history.values[history.place - 1]!,
        history.background(history.place),
      ],
      distance: history.nearest,
    }
  }

  #nothing(at: number, value: number, skipped: string): Verdict {
    return {
      at,
      value,
      residual: 0,
      sigma: 0,
      surprises: { r: 0, R: 0, b: 0, B: 0 },
      score: 0,
      direction: 'normal',
      level: 'normal',
      anomalous: false,
      held: false,
      known: false,
      flat: false,
      sure: { samples: this.samples, daySlot: 0, weekSlot: 0 },
      skipped,
    }
  }
}

const within = (value: number, most: number) => Math.min(most, Math.max(-most, value))
