import { type AskSettings, askDefaults } from './settings.ts'

export interface AskLimits {
  /** Incidents asked about at the same time. */
  atOnce: number
  /** A lasting rate, and as many at once after a quiet hour. */
  perHour: number
  waiting: number
}

export const askLimits: AskLimits = { atOnce: 20, perHour: 60, waiting: 200 }

export interface Waiting<Incident> {
  incident: Incident
  severity: number
  since: number
}

/**
 * Which incidents are asked about, and when: the severe first, of equal ones the older. What could not be asked within
 * ten minutes, or finds no room among 200 that are as severe, is not asked: the host decides as if it had no fleet.
 */
export class AskQueue<Incident> {
  readonly #limits: AskLimits
  readonly #askWithin: number
  #waiting: Waiting<Incident>[] = []
  readonly #asking = new Set<Incident>()
  #tokens: number
  #filled: number | undefined
  #notAsked = 0
  #asked = 0

  constructor(limits: Partial<AskLimits> = {}, settings: Pick<AskSettings, 'askWithin'> = askDefaults) {
    this.#limits = { ...askLimits, ...limits }
    this.#askWithin = settings.askWithin
    this.#tokens = this.#limits.perHour
  }

  /** @returns what is not asked for it: the incident itself, or one less severe that had to give way */
  submit(incident: Incident, severity: number, now: number): Incident[] {
    this.#waiting.push({ incident, severity, since: now })
    this.#waiting.sort((a, b) => b.severity - a.severity || a.since - b.since)
    return this.#dropped(this.#waiting.splice(this.#limits.waiting))
  }

  /** What is to be asked now, and what waited too long. Each that is started must be finished. */
  next(now: number): { start: Incident[]; notAsked: Incident[] } {
    this.#fill(now)
    const late = this.#waiting.filter(({ since }) => now - since >= this.#askWithin)
    if (late.length > 0) this.#waiting = this.#waiting.filter((one) => !late.includes(one))
    const start: Incident[] = []
    while (this.#asking.size < this.#limits.atOnce && this.#tokens >= 1 && this.#waiting.length > 0) {
      const { incident } = this.#waiting.shift()!
      this.#tokens--
      this.#asked++
      this.#asking.add(incident)
      start.push(incident)
    }
    return { start, notAsked: this.#dropped(late) }
  }

  finish(incident: Incident): void {
    this.#asking.delete(incident)
  }

  gauge(): { waiting: number; asking: number; asked: number; notAsked: number; limit: number } {
    return {
      waiting: this.#waiting.length,
      asking: this.#asking.size,
      asked: this.#asked,
      notAsked: this.#notAsked,
      limit: this.#limits.waiting,
    }
  }

  #dropped(dropped: Waiting<Incident>[]): Incident[] {
    this.#notAsked += dropped.length
    return dropped.map(({ incident }) => incident)
  }

  #fill(now: number): void {
    const { perHour } = this.#limits
    const passed = Math.max(0, now - (this.#filled ?? now))
    this.#filled = now
    this.#tokens = Math.min(perHour, this.#tokens + (passed * perHour) / 3_600_000)
  }
}
