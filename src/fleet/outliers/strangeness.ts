import { currentOf, distanceOf, previousOf } from '../profile.ts'

/** ln's argument at most: one pair is not stranger than this says. */
const MOST = 10_000
const LEAST = 0.05

/**
 * How strange a pair is for a program of which the fleet knows `codes`: g = max(.05, ln(T_d / ((P+.5)(S+.5)))), P the
 * calls seen d places before its current call, S the calls seen d places after its previous one, T_d all pairs at d.
 */
export class Strangeness {
  readonly #before = new Map<number, number>()
  readonly #after = new Map<number, number>()
  readonly #at = new Map<number, number>()

  /** @param codes distinct pairs */
  constructor(codes: Iterable<number>) {
    for (const code of codes) {
      const distance = distanceOf(code)
      increment(this.#before, currentOf(code) * 16 + distance)
      increment(this.#after, previousOf(code) * 16 + distance)
      increment(this.#at, distance)
    }
  }

  of(code: number): number {
    const distance = distanceOf(code)
    const before = this.#before.get(currentOf(code) * 16 + distance) ?? 0
    const after = this.#after.get(previousOf(code) * 16 + distance) ?? 0
    const ratio = (this.#at.get(distance) ?? 0) / ((before + 0.5) * (after + 0.5))
    return Math.max(LEAST, Math.log(Math.min(MOST, ratio)))
  }
}

function increment(counts: Map<number, number>, key: number): void {
  counts.set(key, (counts.get(key) ?? 0) + 1)
}
