/** The units of all tasks while they are watched: switched on and off, their slots, their ring. */
import { type GramGauge, GramSlots } from './grams.ts'
import type { KernelProgram } from './program.ts'
import type { Slots } from './slots.ts'
import { type EndedUnit, UnitReader } from './units.ts'

export class WatchedUnits {
  readonly slots: GramSlots
  readonly #program: KernelProgram
  readonly #profiles: Slots
  readonly #reader: UnitReader
  /** 0: units are not watched. */
  #epoch = 0

  constructor(program: KernelProgram, profiles: Slots, ended: (unit: EndedUnit) => void) {
    this.#program = program
    this.#profiles = profiles
    this.#reader = new UnitReader(ended)
    this.slots = new GramSlots(program.maps)
  }

  /** Each time they are watched anew the number is another: what began before is not whole. */
  watch(on: boolean): void {
    if (on === this.#epoch > 0) return
    this.#epoch = on ? 1 + (Date.now() % 0xffff_fffe) : 0
    this.#profiles.setJudge(this.#epoch)
  }

  /** Takes what the ring has, `limit` records at most; true: there may be more. */
  drain(limit: number): boolean {
    const read = this.#program.unitRing.drain(limit, (data, at) => this.#reader.take(data, at))
    return read === limit
  }

  gauge(): { grams: GramGauge; windowsHeld: number; broken: number } {
    const { windowsHeld, broken } = this.#reader
    return { grams: this.slots.gauge(), windowsHeld, broken }
  }
}
