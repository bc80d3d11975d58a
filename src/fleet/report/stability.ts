/** How many processes of a host run with anomalies, hour by hour: the paper's question of how stable a host is. Pure. */

const hourMs = 3_600_000
/** Four weeks. */
const hoursKept = 4 * 168

export interface StabilityHour {
  /** When the hour began, ms since the epoch. */
  at: number
  /** Looks taken, and on average how many processes ran and how many of them had anomalies in their locality frame. */
  looks: number
  processes: number
  abnormal: number
}

export class Stability {
  #hours: StabilityHour[] = []

  /** One look at the processes that run now. */
  add(processes: number, abnormal: number, now: number): void {
    const at = Math.floor(now / hourMs) * hourMs
    let hour = this.#hours.at(-1)
    if (!hour || hour.at < at) {
      hour = { at, looks: 0, processes: 0, abnormal: 0 }
      this.#hours.push(hour)
      if (this.#hours.length > hoursKept) this.#hours.shift()
    }
    hour.looks++
    hour.processes += (processes - hour.processes) / hour.looks
    hour.abnormal += (abnormal - hour.abnormal) / hour.looks
  }

  /** Oldest first. */
  hours(): StabilityHour[] {
    return this.#hours.map((hour) => ({ ...hour }))
  }

  restore(hours: readonly StabilityHour[]): void {
    this.#hours = hours
      .filter(({ at, looks, processes, abnormal }) => [at, looks, processes, abnormal].every(Number.isFinite))
      .slice(-hoursKept)
  }
}
