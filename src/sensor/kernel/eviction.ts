/** Which profiles are given up when room runs short: those without tasks, whose last call is longest ago. */
import type { ProfileTables } from '../interface.ts'
import type { SensorMaps } from './maps.ts'
import type { PairTables } from './pairs.ts'
import type { Slots } from './slots.ts'

/** Below this part of all slots (or rows) free, some are given up. */
const LOW = 1 / 32
/** That part of all slots at once: an upgrade of a host runs hundreds of programs once. */
const STEP = 1 / 16

export class Activity {
  readonly #maps: SensorMaps
  readonly #last = new Map<number, { calls: number; tick: number; at: number }>()
  #tick = 0
  #refused = 0

  constructor(maps: SensorMaps) {
    this.#maps = maps
  }

  /** Called every second: notes who made calls since the last time. */
  note(used: number[]): void {
    this.#tick++
    for (const id of used) {
      const calls = this.#maps.counted(id)
      const last = this.#last.get(id)
      if (last?.calls === calls) continue
      this.#last.set(id, { calls, tick: this.#tick, at: Date.now() })
    }
  }

  /** Made calls in the minute before `now`. */
  recent(id: number, now: number): boolean {
    return now - (this.#last.get(id)?.at ?? 0) < 60_000
  }

  /** Gives profiles up when room is short. What they had learned is read first: it is the last chance. */
  evict(slots: Slots, pairs: PairTables): { id: number; tables: ProfileTables }[] {
    const refused = this.#maps.total('rowsRefused') + pairs.rowsRefused
    const ids = this.#choose(slots, refused > this.#refused)
    this.#refused = refused
    return ids.map((id) => {
      const tables = pairs.tables(id)
      slots.giveUp(id, Date.now())
      pairs.forget(id)
      this.#last.delete(id)
      return { id, tables }
    })
  }

  #choose(slots: Slots, rowsRefused: boolean): number[] {
    if (slots.waiting) return []
    const used = slots.used()
    const capacity = this.#maps.profileSlots - 1
    const short = capacity - used.length < Math.max(4, capacity * LOW)
    if (!short && !rowsRefused) return []
    return used
      .filter((id) => this.#maps.get(id, 'tasks') === 0)
      .sort((a, b) => (this.#last.get(a)?.tick ?? 0) - (this.#last.get(b)?.tick ?? 0))
      .slice(0, Math.max(8, Math.floor(capacity * STEP)))
  }
}
