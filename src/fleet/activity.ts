/** When in the week a program runs: calls by hour of the week, Monday 00:00 UTC first. Pure; cfengine's week, by the hour. */

export const WEEK_HOURS = 168
const hourMs = 3_600_000
/** 1 January 1970 was a Thursday. */
const mondayOffset = 72

/** 0 .. 167 */
export function weekHour(now: number): number {
  return (Math.floor(now / hourMs) + mondayOffset) % WEEK_HOURS
}

/** Programs told apart at most; the one that was silent longest is forgotten for a new one. */
const programsLimit = 4096

interface Week {
  /** Calls in each hour of the week; what is older counts half with every week that passes. */
  hours: Float64Array
  /** Which hour since 1970 was added to last, so that an hour that comes round again is halved once. */
  last: number
  changed: boolean
}

export class WeekActivity {
  readonly #programs = new Map<string, Week>()
  readonly #limit: number
  /** Forgotten since it was last asked. */
  readonly #dropped = new Set<string>()

  constructor(limit = programsLimit) {
    this.#limit = limit
  }

  /** @param calls made since it was told last */
  add(name: string, calls: number, now: number): void {
    if (!(calls > 0)) return
    const hour = Math.floor(now / hourMs)
    const week = this.#programs.get(name) ?? {
      hours: new Float64Array(WEEK_HOURS),
      last: hour,
      changed: true,
    }
    // Every hour of the week that came round again since then is a week older now.
    const rounds = Math.min(WEEK_HOURS, Math.max(0, hour - week.last))
    for (let passed = 1; passed <= rounds; passed++) {
      const slot = (week.last + passed + mondayOffset) % WEEK_HOURS
      week.hours[slot] = (week.hours[slot] as number) / 2
    }
    const slot = weekHour(now)
    week.hours[slot] = (week.hours[slot] as number) + calls
    week.last = Math.max(week.last, hour)
    week.changed = true
    this.#programs.delete(name)
    this.#programs.set(name, week)
    if (this.#programs.size <= this.#limit) return
    const silent = this.#programs.keys().next().value as string
    this.#programs.delete(silent)
    this.#dropped.add(silent)
  }

  /** How busy each hour is beside the busiest: 0 never, 1 below a tenth, 2 below half, 3. Undefined: nothing is known. */
  levels(name: string): Uint8Array | undefined {
    const week = this.#programs.get(name)
    if (!week) return undefined
    const most = Math.max(...week.hours)
    return Uint8Array.from(week.hours, (calls) =>
      calls === 0 ? 0 : calls < most / 10 ? 1 : calls < most / 2 ? 2 : 3,
    )
  }

  gauge(): { programs: number; limit: number } {
    return { programs: this.#programs.size, limit: this.#limit }
  }

  /** What changed since it was last asked: to be saved, and to be forgotten. */
  drain(): { put: [name: string, saved: SavedWeek][]; del: string[] } {
    const put: [string, SavedWeek][] = []
    for (const [name, week] of this.#programs)
      if (week.changed) {
        week.changed = false
        put.push([name, { hours: Array.from(week.hours, Math.round), last: week.last }])
      }
    const del = [...this.#dropped].filter((name) => !this.#programs.has(name))
    this.#dropped.clear()
    return { put, del }
  }

  restore(name: string, saved: SavedWeek): void {
    const { hours, last } = saved
    const holds =
      Array.isArray(hours) &&
      hours.length === WEEK_HOURS &&
      hours.every((calls) => Number.isFinite(calls) && calls >= 0) &&
      Number.isSafeInteger(last)
    if (holds && this.#programs.size < this.#limit)
      this.#programs.set(name, { hours: Float64Array.from(hours), last, changed: false })
  }
}

export interface SavedWeek {
  hours: number[]
  last: number
}

/** Levels as a digest carries them: two bits an hour. */
export function packHours(levels: Uint8Array): Uint8Array {
  const packed = new Uint8Array(WEEK_HOURS / 4)
  for (const [hour, level] of levels.entries())
    packed[hour >> 2] = (packed[hour >> 2] as number) | ((level & 3) << ((hour & 3) * 2))
  return packed
}

export function unpackHours(packed: Uint8Array): Uint8Array {
  return Uint8Array.from(
    { length: WEEK_HOURS },
    (_, hour) => ((packed[hour >> 2] as number) >> ((hour & 3) * 2)) & 3,
  )
}
