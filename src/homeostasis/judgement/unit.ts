/** The three observables of one unit, out of its calls. */
import { bitCount } from '../pairs.ts'
import { STEPS, type Supports } from './supports.ts'
import { FRAME, type Spoken, type UnitScore } from './types.ts'

/** Weights of an unknown pair: its call is new to the profile; known at another distance; otherwise. */
const NEW_CALL = 3
const OTHER_DISTANCE = 0.5
const NEW_PAIR = 1.5
/** Windows kept as evidence of one observable. */
const WINDOWS_MOST = 4
/** Bits from which a call's cost is evidence for S: an unknown 8-gram has 4 at least. */
const SPEAKS_FROM = 4

/** The largest sum of weights within `FRAME` calls. Places ascend. */
class FrameSum {
  most = 0
  #sum = 0
  #first = 0
  readonly #places: number[] = []
  readonly #weights: number[] = []

  add(place: number, weight: number): void {
    this.#places.push(place)
    this.#weights.push(weight)
    this.#sum += weight
    while (this.#places[this.#first]! <= place - FRAME) this.#sum -= this.#weights[this.#first++]!
    if (this.#sum > this.most) this.most = this.#sum
  }
}

/**
 * Sums up N, R and the evidence of one unit, a window at a time. A window that is shown again adds nothing, so it
 * is enough to show those with something unknown or rare, each at its first place in the unit. A unit has at most
 * `UNIT_CALLS` calls: that bounds what is kept.
 */
export class UnitMeter {
  readonly windows: UnitScore['windows'] = { n: [], r: [], s: [] }
  readonly #supports: Supports
  readonly #novelty = new FrameSum()
  readonly #rarity = new FrameSum()
  readonly #pairsMet = new Set<number>()
  readonly #gramsMet = new Set<number>()

  constructor(supports: Supports) {
    this.#supports = supports
  }

  get n(): number {
    return this.#novelty.most
  }

  get r(): number {
    return this.#rarity.most / STEPS
  }

  /**
   * Shows the window that ends at `calls[at]`; gives back the call's cost as a byte.
   * @param place of that call in the unit; ascends. What lies before `calls[at - place]` is not the unit's
   */
  window(calls: Uint16Array, at: number, place: number): number {
    const before = Math.min(at, place)
    const unknown = this.#unknownPairs(calls, at, before)
    if (unknown !== 0) {
      const weight = this.#weight(calls, at, unknown)
      if (weight > 0) {
        this.#novelty.add(place, weight)
        this.#speak('n', calls, at, place)
      }
    }
    if (before >= 2) this.#rare(calls, at, place)
    const cost = this.#supports.cost(calls, at, before, bitCount(unknown))
    if (cost >= SPEAKS_FROM * STEPS) this.#speak('s', calls, at, place)
    return cost
  }

  /** Unknown pairs of a window, as bits. */
  #unknownPairs(calls: Uint16Array, at: number, before: number): number {
    const { pairs, window } = this.#supports
    const current = calls[at]!
    let unknown = 0
    for (let distance = Math.min(before, window - 1); distance > 0; distance--) {
      const bit = 1 << (distance - 1)
      if ((pairs.bits(current, calls[at - distance]!) & bit) === 0) unknown |= bit
    }
    return unknown
  }

  /** w of a call: its unknown pairs that the unit has not met yet, weighted. */
  #weight(calls: Uint16Array, at: number, unknown: number): number {
    const { grams, pairs } = this.#supports
    const current = calls[at]!
    const newCall = grams[1].support(calls, at) === 0
    let weight = 0
    for (let rest = unknown; rest !== 0; rest &= rest - 1) {
      const distance = 32 - Math.clz32(rest & -rest)
      const previous = calls[at - distance]!
      const code = (current * 4096 + previous) * 8 + distance - 1
      if (this.#pairsMet.has(code)) continue
      this.#pairsMet.add(code)
      if (newCall) weight += NEW_CALL
      else weight += pairs.bits(current, previous) !== 0 ? OTHER_DISTANCE : NEW_PAIR
    }
    return weight
  }

  #rare(calls: Uint16Array, at: number, place: number): void {
    const bits = this.#supports.rarity(calls, at)
    if (bits === 0) return
    const gram = (calls[at - 2]! * 4096 + calls[at - 1]!) * 4096 + calls[at]!
    if (this.#gramsMet.has(gram)) return
    this.#gramsMet.add(gram)
    this.#rarity.add(place, bits)
    this.#speak('r', calls, at, place)
  }

  #speak(part: keyof UnitScore['windows'], calls: Uint16Array, at: number, place: number): void {
    const spoken: Spoken[] = this.windows[part]
    if (spoken.length >= WINDOWS_MOST) return
    const first = Math.max(0, at - Math.min(place, this.#supports.window - 1))
    spoken.push({ at: place, calls: [...calls.subarray(first, at + 1)] })
  }
}

/**
 * Measures a unit against what was learned so far. Pure.
 * @param calls all of the unit, as slots: `UNIT_CALLS` at most
 */
export function measureUnit(supports: Supports, calls: Uint16Array): UnitScore {
  const meter = new UnitMeter(supports)
  let cost = 0
  for (let at = 0; at < calls.length; at++) cost += meter.window(calls, at, at)
  return scoreOf(meter, calls.length, cost)
}

/** @param cost of all calls, in sixteenths of a bit */
export function scoreOf({ n, r, windows }: UnitMeter, calls: number, cost: number): UnitScore {
  return { n, r, s: calls === 0 ? 0 : cost / STEPS / calls, calls, windows }
}
