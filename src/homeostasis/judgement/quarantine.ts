/** Units that are too odd to be learned at once: they wait, in case more of their kind come. */

import type { ExecEdge } from './edges.ts'
import { GramTable } from './grams.ts'
import { type Observables, UNIT_CALLS } from './types.ts'

/** Units of the profile that pass before one that waits is learned. */
export const QUARANTINE_UNITS = 64
/** Calls held by those that wait, and again by those put aside: 512 KiB each. */
export const HELD_CALLS_LIMIT = 16 * UNIT_CALLS

/** What learning needs of one unit. */
export interface Learnable {
  /** Number of the unit in its profile, from 0. */
  ordinal: number
  score: Observables
  /** Its calls, or runs of them that hold every gram of it. */
  runs: readonly Uint16Array[]
  edges: readonly ExecEdge[]
}

export interface QuarantineGauge {
  waiting: number
  aside: number
  calls: number
  limit: number
  /** Units that found no room, or lost it to later ones: never learned. */
  given: number
}

/** Runs of a unit's calls that hold each of its 9-call windows once: what a long loop comes to is short. */
export function condensed(calls: Uint16Array): Uint16Array[] {
  const order = 9
  if (calls.length <= order) return [calls.slice()]
  const seen = new GramTable(order, UNIT_CALLS)
  const runs: Uint16Array[] = []
  let begin = 0
  let end = 0
  for (let at = order - 1; at < calls.length; at++) {
    if (!seen.add(calls, at, 1)) continue
    const first = at - order + 1
    if (first > end) {
      if (end > begin) runs.push(calls.slice(begin, end))
      begin = first
    }
    end = at + 1
  }
  runs.push(calls.slice(begin, end))
  return runs
}

const sizeOf = (unit: Learnable) => unit.runs.reduce((sum, run) => sum + run.length, 0)
const callsOf = (units: readonly Learnable[]) => units.reduce((sum, unit) => sum + sizeOf(unit), 0)

/**
 * A profile's quarantine. A unit that finds it full is not learned at all, and of the units put aside the oldest
 * make room: both err towards alarm.
 */
export class Quarantine {
  #waiting: Learnable[] = []
  #aside: Learnable[] = []
  #given = 0

  put(unit: Learnable): void {
    if (callsOf(this.#waiting) + sizeOf(unit) > HELD_CALLS_LIMIT) this.#given++
    else this.#waiting.push(unit)
  }

  /** Those that have waited long enough when unit `ordinal` has ended; they are let go. */
  due(ordinal: number): Learnable[] {
    const due = this.#waiting.filter((unit) => unit.ordinal + QUARANTINE_UNITS <= ordinal)
    if (due.length > 0) this.#waiting = this.#waiting.filter((unit) => !due.includes(unit))
    return due
  }

  /** All that waits is put aside: only the operator's word learns it. Gives back which units that were. */
  drop(): Set<number> {
    const dropped = new Set(this.#waiting.map(({ ordinal }) => ordinal))
    this.#keepAside(this.#waiting)
    this.#waiting = []
    return dropped
  }

  #keepAside(units: readonly Learnable[]): void {
    this.#aside.push(...units)
    while (this.#aside.length > QUARANTINE_UNITS || callsOf(this.#aside) > HELD_CALLS_LIMIT) {
      this.#aside.shift()
      this.#given++
    }
  }

  /** These are learned on the operator's word alone, from now on. */
  setAside(ordinals: ReadonlySet<number>): void {
    const chosen = this.#waiting.filter(({ ordinal }) => ordinals.has(ordinal))
    if (chosen.length === 0) return
    this.#waiting = this.#waiting.filter(({ ordinal }) => !ordinals.has(ordinal))
    this.#keepAside(chosen)
  }

  /** What waits and what was put aside, to be kept in a file. */
  held(): { waiting: readonly Learnable[]; aside: readonly Learnable[] } {
    return { waiting: this.#waiting, aside: this.#aside }
  }

  /** As `held` gave it; beyond the limits the oldest are left out. */
  restore({ waiting, aside }: { waiting: readonly Learnable[]; aside: readonly Learnable[] }): void {
    for (const unit of waiting) this.put(unit)
    this.#keepAside(aside)
  }

  /** Takes out what is held, or those of these numbers: to be learned on the operator's word, or to be forgotten. */
  take(ordinals?: ReadonlySet<number>): Learnable[] {
    const wanted = (unit: Learnable) => ordinals === undefined || ordinals.has(unit.ordinal)
    const taken = [...this.#aside, ...this.#waiting].filter(wanted)
    this.#aside = this.#aside.filter((unit) => !wanted(unit))
    this.#waiting = this.#waiting.filter((unit) => !wanted(unit))
    return taken
  }

  gauge(): QuarantineGauge {
    return {
      waiting: this.#waiting.length,
      aside: this.#aside.length,
      calls: callsOf(this.#waiting) + callsOf(this.#aside),
      limit: 2 * HELD_CALLS_LIMIT,
      given: this.#given,
    }
  }
}
