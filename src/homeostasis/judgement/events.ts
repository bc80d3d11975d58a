/**
 * A unit out of what a kernel sensor tells of it: not its calls, but the few windows that are unknown or rare, which
 * known 8-grams it touched, and sums. Gives the same numbers, and learns the same, as `measureUnit` does with all calls;
 * test/property holds it to that.
 */
import type { MeasuredUnit } from './judgement.ts'
import type { Supports } from './supports.ts'
import type { UnitScore } from './types.ts'
import { scoreOf, UnitMeter } from './unit.ts'

/** Calls at a unit's start that are told as they are: they have no 8-gram, or the first one. */
export const HEAD_CALLS = 8
/** Calls of an 8-gram. */
const GRAM = 8

/** One place of the kernel's table: a known 8-gram, what it costs, and whether it must be told of. */
export interface GramSlot {
  /** 8 calls, oldest first. A view, not to be kept. */
  gram: Uint16Array
  /** Sixteenths of a bit. */
  cost: number
  /** Its last three calls are rare. */
  rare: boolean
}

/** A window that is unknown or rare. */
export interface GramEvent {
  /** Place of its last call in the unit, from 0: `HEAD_CALLS` or more. Ascends; later ones of the same may be left out. */
  at: number
  /** The last 9 calls, oldest first. */
  calls: Uint16Array
}

/** What is told once a unit has ended. */
export interface UnitTotals {
  calls: number
  /** Sum of costs from the 8th call on, in sixteenths of a bit: a slot's, or 4 bits and one for each unknown pair. */
  cost: number
  /** The known 8-grams it touched, each once. */
  touched: readonly Uint16Array[]
}

/** What the kernel's table must hold after learning. All of it: a cost is relative to its prefix. */
export function* gramSlots(supports: Supports): Generator<GramSlot> {
  for (const { gram } of supports.grams[8].entries())
    yield {
      gram,
      cost: supports.cost(gram, GRAM - 1, GRAM - 1, 0),
      rare: supports.rarity(gram, GRAM - 1) > 0,
    }
}

/** Puts one unit together: `head` once, then `gram` for each event, `end` last. */
export class EventUnit {
  readonly #meter: UnitMeter
  readonly #runs: Uint16Array[] = []
  #headCost = 0

  constructor(supports: Supports) {
    this.#meter = new UnitMeter(supports)
  }

  /** The first 8 calls, or all of a shorter unit. */
  head(calls: Uint16Array): void {
    for (let at = 0; at < calls.length; at++) {
      const cost = this.#meter.window(calls, at, at)
      // The 8th call has an 8-gram: its cost is in the kernel's sum.
      if (at < GRAM - 1) this.#headCost += cost
    }
    this.#runs.push(calls.slice())
  }

  gram({ at, calls }: GramEvent): void {
    this.#meter.window(calls, calls.length - 1, at)
    this.#runs.push(calls.slice())
  }

  end({ calls, cost, touched }: UnitTotals): MeasuredUnit & { score: UnitScore } {
    return {
      score: scoreOf(this.#meter, calls, this.#headCost + cost),
      runs: [...this.#runs, ...touched.map((gram) => gram.slice())],
    }
  }
}
