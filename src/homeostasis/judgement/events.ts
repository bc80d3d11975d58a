/**
 * A unit out of what a kernel sensor tells of it: not its calls, but the few windows that are unknown or rare, which
 * known 8-grams it touched, and sums. Gives the same numbers, and learns the same, as `measureUnit` does with all calls;
 * test/property holds it to that, test/system the kernel.
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

/** A window that has no slot, or that is rare or unknown all the same. */
export interface GramEvent {
  /** Place of its last call in the unit, from 0: 7 or more. Ascends; later ones of the same may be left out. */
  at: number
  /** The last 9 calls, oldest first; 8 at place 7. */
  calls: Uint16Array
  /** Its 8-gram has a slot: its cost is in the sum. */
  slot: boolean
  /** How often it came in the unit, where it has no slot; 0 where another event of it counts them. */
  times: number
}

/** What is told of a unit that ended. */
export interface UnitReport {
  /** The first 8 calls, or all of a shorter unit. */
  head: Uint16Array
  events: readonly GramEvent[]
  calls: number
  /** Sum of the costs of the calls that have a slot, in sixteenths of a bit. */
  cost: number
  /** The 8-grams it touched that have slots, each once. */
  touched: readonly Uint16Array[]
}

/**
 * What the kernel's table must hold after learning. All of it: a cost is relative to its prefix.
 * @param until units that may have been learned before it is made anew: what is rare by then is flagged already
 */
export function* gramSlots(supports: Supports, until = supports.n): Generator<GramSlot> {
  for (const { gram } of supports.grams[8].entries())
    yield {
      gram,
      cost: supports.cost(gram, GRAM - 1, GRAM - 1, 0),
      rare: supports.rarity(gram, GRAM - 1, until) > 0,
    }
}

/** Measures a unit by its report. Learning and judging need nothing else of it. */
export function measureReport(
  supports: Supports,
  { head, events, calls, cost, touched }: UnitReport,
): MeasuredUnit & { score: UnitScore } {
  const meter = new UnitMeter(supports)
  let sum = cost
  let eighth = 0
  for (let at = 0; at < head.length; at++) {
    const one = meter.window(head, at, at)
    if (at === GRAM - 1) eighth = one
    else sum += one
  }
  for (const { at, calls: window, slot, times } of events) {
    // The 8th call has been met with the head.
    const one = at < HEAD_CALLS ? eighth : meter.window(window, window.length - 1, at)
    if (!slot) sum += one * times
  }
  const runs = [head.slice()]
  for (const event of events) runs.push(event.calls.slice())
  for (const gram of touched) runs.push(gram.slice())
  return { score: scoreOf(meter, calls, sum), runs }
}
