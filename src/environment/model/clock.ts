/** Which five-minute slot of the day and of the week an instant belongs to, on the clock the host was told to live by. */
import { EnvironmentError } from '../errors.ts'
import { DAY_SLOTS, SLOT_MS, WEEK_SLOTS } from './constants.ts'

const DAY_MS = 86_400_000
/** The epoch was a Thursday; weeks begin on Monday, as cfengine's time keys do. */
const MONDAY_OFFSET = 3 * DAY_MS
/** Time zones change their offset on quarters of an hour only. */
const QUARTER_MS = 900_000

export const DAY_NAMES = [
  'Monday',
  'Tuesday',
  'Wednesday',
  'Thursday',
  'Friday',
  'Saturday',
  'Sunday',
] as const

const floorMod = (value: number, by: number) => ((value % by) + by) % by

/**
 * Slots by UTC or by the wall clock of a time zone. Summer time moves no slot: nine o'clock stays nine o'clock, the
 * hour that is left out leaves its slots unvisited and the hour that comes twice visits them twice.
 */
export class SlotClock {
  /** `UTC`, or an IANA name. */
  readonly zone: string
  readonly #format: Intl.DateTimeFormat | undefined
  #quarter = Number.NaN
  #offset = 0

  /** @param zone `UTC`, `local` (this process's own) or an IANA name. Throws EnvironmentError `zone`. */
  constructor(zone = 'UTC') {
    if (zone === 'UTC') {
      this.zone = zone
      return
    }
    try {
      this.#format = new Intl.DateTimeFormat('en-US', {
        ...(zone === 'local' ? {} : { timeZone: zone }),
        hourCycle: 'h23',
        year: 'numeric',
        month: 'numeric',
        day: 'numeric',
        hour: 'numeric',
        minute: 'numeric',
        era: 'short',
      })
    } catch {
      throw new EnvironmentError(
        'zone',
        `'${zone}' is no time zone: give UTC, local or a name such as Europe/Oslo`,
      )
    }
    this.zone = this.#format.resolvedOptions().timeZone
  }

  /** ms to add to `at` for the wall clock's reading. */
  offset(at: number): number {
    if (!this.#format) return 0
    const quarter = Math.floor(at / QUARTER_MS)
    if (quarter !== this.#quarter) {
      this.#offset = this.#ask(quarter * QUARTER_MS)
      this.#quarter = quarter
    }
    return this.#offset
  }

  /** 0 at midnight to 287. */
  daySlot(at: number): number {
    return Math.floor(floorMod(at + this.offset(at), DAY_MS) / SLOT_MS) % DAY_SLOTS
  }

  /** 0 on Monday at midnight to 2015. */
  weekSlot(at: number): number {
    return Math.floor(floorMod(at + this.offset(at) + MONDAY_OFFSET, 7 * DAY_MS) / SLOT_MS) % WEEK_SLOTS
  }

  #ask(at: number): number {
    const part: Record<string, number> = {}
    for (const { type, value } of this.#format!.formatToParts(at)) part[type] = Number(value)
    const wall = Date.UTC(part.year!, part.month! - 1, part.day!, part.hour!, part.minute!)
    // Zones of the 19th century have seconds in their offset; the slots do without.
    return wall - Math.floor(at / 60_000) * 60_000
  }
}

/** `Tue 14:05` of a slot of the week. */
export function slotName(slot: number): string {
  const minutes = (slot % DAY_SLOTS) * 5
  const two = (n: number) => String(n).padStart(2, '0')
  return `${DAY_NAMES[Math.floor(slot / DAY_SLOTS)]!.slice(0, 3)} ${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`
}
