/** The judgement of one profile: what it learned, its yardstick, and what waits to be learned. Pure. */
import { Calibration, FIRST_SCORED, LEAST_UNITS, RING_UNITS } from './calibration.ts'
import { EdgeSet, type ExecEdge } from './edges.ts'
import type { GramGauge } from './grams.ts'
import { LEVEL_BITS } from './levels.ts'
import { type Learnable, QUARANTINE_UNITS, Quarantine, type QuarantineGauge } from './quarantine.ts'
import { DRIFT, QUARANTINE_DRIFT, Recurrence } from './recurrence.ts'
import { type Order, Supports } from './supports.ts'
import type { Observables } from './types.ts'
import { type Verdict, verdictOf } from './verdict.ts'

/** Units learned between two calibrations of a settled profile: those that are held back bring no new one on. */
const CALIBRATE_EVERY = 256
/** As many more are kept as may be dropped with a quarantine: a burst of odd units does not push out what is normal. */
export const RING_LIMIT = RING_UNITS + QUARANTINE_UNITS

/** A unit's observables as they are kept for calibration. */
export interface RingEntry extends Observables {
  /** Number of the unit in its profile, from 0: so many came before it. */
  ordinal: number
}

/** One unit that ended: its observables, and what learning needs of it. */
export interface MeasuredUnit {
  score: Observables
  /** Its calls, or runs of them that hold every gram (`condensed`). Kept when it must wait: not to be changed. */
  runs: readonly Uint16Array[]
  /** Programs it started. */
  edges?: readonly ExecEdge[]
}

export interface JudgementGauge {
  grams: Record<Order, GramGauge>
  edges: number
  quarantine: QuarantineGauge
}

/** What a judgement is made anew from: see `state`. */
export interface JudgementParts {
  supports: Supports
  edges: readonly ExecEdge[]
  units: number
  settled: boolean
  sinceCalibrated: number
  ring: readonly RingEntry[]
  calibration: readonly Observables[] | undefined
  u: number
  quarantineU: number
  /** What waits to be learned, and what only the operator's word learns. */
  held?: { waiting: readonly Learnable[]; aside: readonly Learnable[] }
}

/**
 * Learns units until `settle`, and judges them from then on while it learns more slowly: a notice or more
 * waits in quarantine for 64 units, and is dropped with all that wait when such units recur. Every unit that is
 * scored enters the ring that the next calibration is made of, odd or not: a ring of those that passed would grow
 * narrower by itself.
 */
export class Judgement {
  readonly supports: Supports
  readonly #edges = new EdgeSet()
  readonly #quarantine = new Quarantine()
  readonly #recurrence: Recurrence
  readonly #quarantineRecurrence: Recurrence
  #ring: RingEntry[]
  #calibration: Calibration | undefined
  #units: number
  #settled: boolean
  #sinceCalibrated: number

  constructor(from: Supports | JudgementParts) {
    const parts: JudgementParts =
      from instanceof Supports
        ? {
            supports: from,
            edges: [],
            units: 0,
            settled: false,
            sinceCalibrated: 0,
            ring: [],
            calibration: undefined,
            u: 0,
            quarantineU: 0,
          }
        : from
    this.supports = parts.supports
    for (const edge of parts.edges) this.#edges.add(edge)
    this.#units = parts.units
    this.#settled = parts.settled
    this.#sinceCalibrated = parts.sinceCalibrated
    this.#ring = [...parts.ring]
    this.#calibration = parts.calibration && new Calibration(parts.calibration)
    if (parts.held) this.#quarantine.restore(parts.held)
    this.#recurrence = new Recurrence(DRIFT, parts.u)
    this.#quarantineRecurrence = new Recurrence(QUARANTINE_DRIFT, parts.quarantineU)
  }

  /** Units that ended, learned or not. */
  get units(): number {
    return this.#units
  }

  get settled(): boolean {
    return this.#settled
  }

  /** The yardstick in force; undefined while there are too few units for one. */
  get calibration(): Calibration | undefined {
    return this.#calibration
  }

  /** Comparable units that learning has given so far: with 8 of them it can be calibrated. */
  get comparable(): number {
    return this.#comparable().length
  }

  knows(edge: ExecEdge): boolean {
    return this.#edges.has(edge)
  }

  /** What the yardstick says of a unit. Changes nothing. */
  judge(score: Observables, edges: readonly ExecEdge[] = []): Verdict {
    const fresh = edges.filter((edge) => !this.#edges.has(edge))
    return verdictOf(score, this.#calibration, fresh, this.#calibration ? 0 : this.comparable)
  }

  /** All that happens when a unit ends: it is judged by what was learned before it, then learned or held back. */
  take(unit: MeasuredUnit): Verdict {
    const { score, runs, edges = [] } = unit
    const verdict = this.judge(score, edges)
    const ordinal = this.#units++
    if (this.supports.n >= FIRST_SCORED - 1) {
      this.#remember(score, ordinal)
    }
    const learnable = { ordinal, score, runs, edges }
    if (verdict.bits === undefined) {
      this.#learn(learnable)
      if (this.#settled) this.#calibrate(this.#comparable())
      return verdict
    }
    if (this.#recurrence.add(verdict.bits)) verdict.recurring = true
    // What recurrence adds up waits: learned at once, a rare path would be common before it has recurred.
    if (verdict.bits < LEVEL_BITS.notice) this.#learn(learnable)
    else this.#quarantine.put(learnable)
    if (this.#quarantineRecurrence.add(verdict.bits)) this.#forget(this.#quarantine.drop())
    for (const due of this.#quarantine.due(ordinal)) {
      // Nothing like it came in force: that such units are normal counts twice, or each would cost an alarm.
      this.#remember(due.score, due.ordinal)
      this.#learn(due)
    }
    if (this.#sinceCalibrated >= CALIBRATE_EVERY) this.#calibrate(this.#ring.slice(-RING_UNITS))
    return verdict
  }

  /** Learning is over: what it showed becomes the yardstick, or what more units show if there are too few. */
  settle(): void {
    this.#settled = true
    this.#calibrate(this.#comparable())
  }

  /** The operator accepts what was held back (all of it, or units by number): it is learned. Gives back how many. */
  tolerate(ordinals?: ReadonlySet<number>): number {
    const accepted = this.#quarantine.take(ordinals)
    for (const unit of accepted) this.#learn(unit)
    return accepted.length
  }

  /** The operator confirmed an incident: its units wait for `tolerate`, and are no yardstick at the next calibration. */
  confirm(ordinals: ReadonlySet<number>): void {
    this.#quarantine.setAside(ordinals)
    this.#forget(ordinals)
  }

  gauge(): JudgementGauge {
    return { grams: this.supports.gauge(), edges: this.#edges.size, quarantine: this.#quarantine.gauge() }
  }

  /** All that a profile file keeps. */
  parts(): JudgementParts {
    return {
      supports: this.supports,
      edges: this.#edges.list(),
      units: this.#units,
      settled: this.#settled,
      sinceCalibrated: this.#sinceCalibrated,
      ring: this.#ring,
      calibration: this.#calibration?.units,
      u: this.#recurrence.u,
      quarantineU: this.#quarantineRecurrence.u,
      held: this.#quarantine.held(),
    }
  }

  /** The first half of learning is inflated: everything is new then. */
  #comparable(): RingEntry[] {
    return this.#ring.slice(-RING_UNITS).filter(({ ordinal }) => ordinal >= this.#units / 2)
  }

  #remember({ n, r, s }: Observables, ordinal: number): void {
    this.#ring.push({ n, r, s, ordinal })
    if (this.#ring.length > RING_LIMIT) this.#ring.shift()
  }

  #forget(ordinals: ReadonlySet<number>): void {
    this.#ring = this.#ring.filter(({ ordinal }) => !ordinals.has(ordinal))
  }

  #calibrate(units: readonly RingEntry[]): void {
    if (units.length < LEAST_UNITS) return
    this.#calibration = new Calibration(units)
    this.#sinceCalibrated = 0
  }

  #learn({ runs, edges }: Learnable): void {
    this.supports.learn(runs)
    this.#sinceCalibrated++
    for (const edge of edges) this.#edges.add(edge)
  }
}
