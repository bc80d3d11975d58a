/** Which profiles are given up when room runs short: those without tasks, whose last call is longest ago. */
import type { SensorMaps } from './maps.ts'
import type { Slots } from './slots.ts'

/** Below this part of all slots (or rows) free, some are given up. */
const LOW = 1 / 32
/** That part of all slots at once: an upgrade of a host runs hundreds of programs once. */
const STEP = 1 / 16

export class Activity {
  readonly #maps: SensorMaps
  readonly #last = new Map<number, { calls: number; tick: number; at: number }>()
  #tick = 0

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

  /** Whom to give up now. `rowsRefused`: pairs could not be learned since the last time. */
  choose(slots: Slots, used: number[], rowsRefused: boolean): number[] {
    const capacity = this.#maps.profileSlots - 1
    const short = capacity - used.length < Math.max(4, capacity * LOW)
    if (!short && !rowsRefused) return []
    if (slots.waiting) return []
    return used
      .filter((id) => this.#maps.get(id, 'tasks') === 0)
      .sort((a, b) => (this.#last.get(a)?.tick ?? 0) - (this.#last.get(b)?.tick ?? 0))
      .slice(0, Math.max(8, Math.floor(capacity * STEP)))
  }

  forget(id: number): void {
    this.#last.delete(id)
  }
}
