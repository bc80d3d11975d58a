/** What a profile showed while it learned, as the yardstick for what it shows now: bits of surprise. */
import type { Observable, Observables } from './types.ts'

/** Units kept to calibrate with: J is counted, not extrapolated, up to 9 bits. */
export const RING_UNITS = 512
/** The latest of them, which N, R and S are each measured by, and which say how restless a profile is. */
const RECENT_UNITS = 256
/** Fewer comparable units than this: no judgement. */
export const LEAST_UNITS = 8
/** The first units have nothing to be compared with; scores are kept from this one on. */
export const FIRST_SCORED = 9
/** Bits beyond what was counted, at most. */
export const EXTRA_BITS = 12

const FLOORS = { n: 4, r: 4, s: 0.15, raw: 2 } as const
const QUANTILE = 0.9
/**
 * What was never reached is extrapolated from the past, and programs change: of J's own tail a bit beyond what was
 * counted takes so many times the excess that was measured. With 1 sets of some hundred units exceed 4 * 2^-b at 10 bits.
 */
const CAUTION = 2

/** S is noise where units are few: (m*bS - 125) / (m + 50) of its bits are believed, and never less than none. */
function surpriseTerm(bits: number, m: number): number {
  return Math.max(0, (m * bits - 125) / (m + 50))
}

/** The upper tail of a set of values: counted up to the largest, exponential beyond. */
class Tail {
  readonly #sorted: Float64Array
  /** Scale of the exponential: mean excess over the 90 % quantile, at least the floor. */
  readonly #scale: number

  /** @param caution by which the scale is larger than it was measured */
  constructor(values: readonly number[], floor: number, caution = 1) {
    this.#sorted = Float64Array.from(values).sort()
    const quantile = this.#sorted[Math.ceil(QUANTILE * values.length) - 1]!
    const over = values.filter((value) => value > quantile)
    const mean = over.reduce((sum, value) => sum + value - quantile, 0) / Math.max(1, over.length)
    this.#scale = Math.max(mean * caution, floor)
  }

  /** -log2 of how large a share of the values is as large as `x`, and more beyond them. */
  bits(x: number): number {
    const sorted = this.#sorted
    const beyond = Math.max(0, x - sorted.at(-1)!) / this.#scale
    return this.#counted(this.#below(x)) + beyond * Math.LOG2E
  }

  /** The same, but on a line from one value to the next where that is less: equal for none but equal x. */
  lineBits(x: number): number {
    const sorted = this.#sorted
    const next = this.#below(x)
    if (next === 0 || next === sorted.length || sorted[next] === x) return this.bits(x)
    const before = sorted[next - 1]!
    const least = this.bits(before)
    return least + ((this.bits(sorted[next]!) - least) * (x - before)) / (sorted[next]! - before)
  }

  #counted(below: number): number {
    const m = this.#sorted.length
    return Math.log2((m + 1) / (1 + m - below))
  }

  /** How many values are below x. */
  #below(x: number): number {
    let low = 0
    let high = this.#sorted.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.#sorted[middle]! < x) low = middle + 1
      else high = middle
    }
    return low
  }
}

/** How surprising one unit is for its profile. */
export interface Judged {
  /** Bits of each observable alone. */
  parts: Observables
  /** J: about -log2 of the share of this profile's own units that are as surprising. */
  bits: number
  /** Which observables made it: that of N and R which counts (the other adds nothing to it), and S where it adds. */
  spoke: Observable[]
}

/** A profile's yardstick, made of `m` of its own units. Immutable. */
export class Calibration {
  /** The units it was made of. */
  readonly units: readonly Observables[]
  /** Share of the recent units with N > 0: how restless the profile is. */
  readonly q: number
  readonly #recent: number
  readonly #n: Tail
  readonly #r: Tail
  readonly #s: Tail
  readonly #raw: Tail

  /** @throws RangeError for fewer than LEAST_UNITS */
  constructor(units: readonly Observables[]) {
    if (units.length < LEAST_UNITS)
      throw new RangeError(`a calibration needs ${LEAST_UNITS} units, and there are ${units.length}`)
    this.units = units.slice(-RING_UNITS).map(({ n, r, s }) => ({ n, r, s }))
    const recent = this.units.slice(-RECENT_UNITS)
    this.#recent = recent.length
    this.q = recent.filter(({ n }) => n > 0).length / recent.length
    const tail = (of: keyof Observables) =>
      new Tail(
        recent.map((unit) => unit[of]),
        FLOORS[of],
      )
    this.#n = tail('n')
    this.#r = tail('r')
    this.#s = tail('s')
    this.#raw = new Tail(
      this.units.map((unit) => this.#rawOf(this.#parts(unit)).bits),
      FLOORS.raw,
      CAUTION,
    )
  }

  get m(): number {
    return this.units.length
  }

  /** The most bits that may be claimed. */
  get most(): number {
    return Math.log2(this.m + 1) + EXTRA_BITS
  }

  judge(unit: Observables): Judged {
    const parts = this.#parts(unit)
    const raw = this.#rawOf(parts)
    return { parts, bits: Math.min(this.#raw.lineBits(raw.bits), this.most), spoke: raw.spoke }
  }

  #parts({ n, r, s }: Observables): Observables {
    return { n: this.#n.bits(n), r: this.#r.bits(r), s: this.#s.bits(s) }
  }

  /** The three joined; not yet bits of anything, since two are added. */
  #rawOf({ n, r, s }: Observables): { bits: number; spoke: Observable[] } {
    const news = Math.max(n, r) * (1 - this.q)
    const surprise = surpriseTerm(s, this.#recent)
    const spoke: Observable[] = []
    if (news > 0 && n >= r) spoke.push('n')
    if (news > 0 && r >= n) spoke.push('r')
    if (surprise > 0) spoke.push('s')
    return { bits: news + surprise, spoke }
  }
}
