import type { SlotClock } from '../model/clock.ts'
import { AnomalyGroup, type Grouped, type GroupState } from '../model/group.ts'
import { type Leap, LeapDetector, type LeapState } from '../model/leap.ts'
import { type Glance, RunningMinute } from '../model/minute.ts'
import { ObservableModel } from '../model/observable.ts'
import type { Verdict } from '../model/verdict.ts'

/** What a slot of five minutes came to. */
export interface SlotOutcome {
  verdict: Verdict
  leap: Leap
  /** Of an alarm: whether it is news. */
  grouped: Grouped | undefined
}

/** What stands beside the model; plain, to be saved. */
export interface ObservedState {
  group: GroupState
  leap: LeapState
}

/** One observable: the figures that come every few seconds, their five-minute means, and all that is made of both. */
export class Observed {
  readonly model: ObservableModel
  readonly minute: RunningMinute
  readonly group: AnomalyGroup
  readonly leap: LeapDetector
  /** The latest figure and when it came, ms since the epoch. */
  value = Number.NaN
  seenAt = 0
  glanced: Glance | undefined
  latest: SlotOutcome | undefined
  #sum = 0
  #count = 0

  private constructor(
    { model, minute }: Pick<Observed, 'model' | 'minute'>,
    group: AnomalyGroup,
    leap: LeapDetector,
  ) {
    this.model = model
    this.minute = minute
    this.group = group
    this.leap = leap
  }

  static new(clock: SlotClock): Observed {
    const learned = { model: new ObservableModel(clock), minute: new RunningMinute() }
    return new Observed(learned, new AnomalyGroup(), new LeapDetector())
  }

  /** @param saved what `state` of it told */
  static from(learned: Pick<Observed, 'model' | 'minute'>, saved?: ObservedState): Observed {
    return new Observed(learned, new AnomalyGroup(saved?.group), new LeapDetector(saved?.leap))
  }

  get state(): ObservedState {
    return { group: this.group.state, leap: this.leap.state }
  }

  take(at: number, value: number): Glance {
    this.value = value
    this.seenAt = at
    this.#sum += value
    this.#count++
    this.glanced = this.minute.glance(this.model, at, value)
    return this.glanced
  }

  /** The mean of the slot that is over; the next one begins. Undefined: fewer figures came than `least`. */
  closeSlot(least: number): number | undefined {
    const mean = this.#count < least ? undefined : this.#sum / this.#count
    this.dropSlot()
    return mean
  }

  dropSlot(): void {
    this.#sum = 0
    this.#count = 0
  }

  /** Judges and learns a slot's mean. */
  step(at: number, mean: number): SlotOutcome {
    const verdict = this.model.step(at, mean)
    const leap = verdict.skipped === undefined ? this.leap.step(mean) : undefined
    this.latest = { verdict, leap, grouped: this.group.observe(verdict) }
    return this.latest
  }

  /** Learns a slot again, after a restart: what it came to was said when it was new. */
  relearn(at: number, mean: number): void {
    const verdict = this.model.step(at, mean)
    if (Number.isNaN(this.value)) this.value = mean
    this.seenAt = at
    this.latest = { verdict, leap: undefined, grouped: undefined }
  }
}
