import { PairTable } from '../pairs.ts'
import { GRAMS_LIMIT, type GramGauge, GramTable } from './grams.ts'

/** Orders of which supports are kept. */
export const ORDERS = [1, 2, 3, 7, 8] as const
const SHORTER = [1, 2, 3, 7] as const
export type Order = (typeof ORDERS)[number]

/** Costs and rarities are kept in sixteenths of a bit, in a byte. */
export const STEPS = 16
const COST_MOST = 255
/** Bits of a call whose 8-gram is unknown, before its unknown pairs are counted. */
const UNKNOWN_COST = 4

/** Bits as the byte that holds them: sixteenths, 0 to 255. */
export function costByte(bits: number): number {
  return Math.max(0, Math.min(COST_MOST, Math.round(bits * STEPS)))
}

/**
 * What a profile has learned beside pH's tables: in how many units each k-gram occurs, and which pairs there were.
 * The pairs are its own: pH's training table learns a pair at once, this only with the unit it was in.
 */
export class Supports {
  /** Calls in a window of pairs: 2..9. */
  readonly window: number
  /** Units learned. */
  n = 0
  readonly pairs = new PairTable()
  readonly grams: Readonly<Record<Order, GramTable>>

  constructor(window: number, limit: number = GRAMS_LIMIT, seed = 0) {
    if (!Number.isInteger(window) || window < 2 || window > 9)
      throw new RangeError(`a window has 2 to 9 calls, not ${window}`)
    this.window = window
    const table = (order: Order) => new GramTable(order, limit, seed)
    this.grams = { 1: table(1), 2: table(2), 3: table(3), 7: table(7), 8: table(8) }
  }

  /**
   * Learns one unit: every gram and pair in it counts once.
   * @param runs its calls as slots; or, where not all are known, runs of them that hold each of its grams
   */
  learn(runs: readonly Uint16Array[]): void {
    const unit = ++this.n
    const { grams, pairs } = this
    const farthest = this.window - 1
    for (const calls of runs)
      for (let at = 0; at < calls.length; at++) {
        const current = calls[at]!
        // Where the unit has shown these 8 calls before, it has shown all that is shorter: what is left is distance 8.
        const repeated = at >= 7 && !grams[8].add(calls, at, unit)
        if (!repeated) for (const order of SHORTER) if (at >= order - 1) grams[order].add(calls, at, unit)
        for (let distance = Math.min(at, farthest); distance > (repeated ? 7 : 0); distance--)
          if (!pairs.has(current, calls[at - distance]!, distance))
            pairs.add(current, calls[at - distance]!, distance)
      }
  }

  /**
   * Rarity of the 3-gram that ends at `calls[at]`, as a byte: of those in under 1 % of the units, or in one of few.
   * @param n units learned; more than there are: what it would be with so many, if none of them had the 3-gram
   */
  rarity(calls: Uint16Array, at: number, n: number = this.n): number {
    const rareBelow = Math.max(2, 0.01 * (n + 1))
    return costByte(Math.log2(rareBelow / (this.grams[3].support(calls, at) + 0.5)))
  }

  /**
   * Cost of `calls[at]`, as a byte.
   * @param before calls of the unit that come before it in `calls`; 7 are enough
   * @param unknownPairs of the window that ends there
   */
  cost(calls: Uint16Array, at: number, before: number, unknownPairs: number): number {
    const { grams } = this
    if (before === 0) return 0
    if (before < 7) {
      const before = grams[1].support(calls, at - 1)
      const ratio = before === 0 ? (this.n + 1) / 0.5 : (before + 1) / (grams[2].support(calls, at) + 0.5)
      return costByte(Math.log2(ratio))
    }
    const support = grams[8].support(calls, at)
    if (support === 0) return costByte(UNKNOWN_COST + unknownPairs)
    return costByte(Math.log2((grams[7].support(calls, at - 1) + 1) / (support + 0.5)))
  }

  gauge(): Record<Order, GramGauge> {
    const of = (order: Order) => this.grams[order].gauge()
    return { 1: of(1), 2: of(2), 3: of(3), 7: of(7), 8: of(8) }
  }
}
