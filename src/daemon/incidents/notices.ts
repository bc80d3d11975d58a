/** Who is told of an incident: the journal of all of it, people of what is neither tolerated nor muted. */
import {
  detectorName,
  type Incident,
  incidentMessage,
  type JournalEntry,
  Muting,
  type Tolerance,
} from '#incidents'
import type { Messages } from '../messages.ts'

export interface NoticePorts {
  messages: Messages
  now: () => number
  journal: (entry: JournalEntry) => void
  tolerated: (incident: Incident) => Tolerance | undefined
}

export class IncidentNotices {
  readonly #ports: NoticePorts
  readonly #muting = new Muting()
  /** Ids of open incidents that are excused now, by which tolerance. */
  readonly #excused = new Map<string, string>()

  constructor(ports: NoticePorts) {
    this.#ports = ports
  }

  /** The id of the tolerance that excuses an open incident. */
  excusedBy(id: string): string | undefined {
    return this.#excused.get(id)
  }

  /** @returns whether it is to be acted on: it opened, rose, or outgrew what was excused */
  observed(incident: Incident, change: 'opened' | 'updated', raised: boolean): boolean {
    const told = change === 'opened' ? 'opened' : 'rose'
    if (raised) this.#record(told, incident)
    const outgrew = this.#judge(incident) === 'accused'
    if (this.#excused.has(incident.id) || !(raised || outgrew)) return false
    this.#say(incident, told)
    return true
  }

  ended(incident: Incident, change: 'quiet' | 'resolved'): void {
    this.#record(change, incident)
    const excused = this.#excused.delete(incident.id)
    if (!excused && !this.#muting.isMuted(detectorName))
      this.#ports.messages.say(2, incidentMessage(incident, change))
  }

  /** Tolerances begin and end while incidents are open. @returns those that are excused no more */
  review(open: readonly Incident[]): Incident[] {
    const accused = open.filter((incident) => this.#judge(incident) === 'accused')
    for (const incident of accused) this.#say(incident, 'rose')
    for (const { detector, untold } of this.#muting.sweep(this.#ports.now())) {
      const { limit } = this.#muting.settings
      this.#ports.journal({ kind: 'muted', detector, on: false, opened: untold, limit })
      this.#ports.messages.say(
        2,
        `Incidents of ${detector} are told of again; ${untold} were not: lymph incident list has them`,
      )
    }
    return accused
  }

  /** `accused`: it was excused until now. */
  #judge(incident: Incident): 'excused' | 'accused' | 'same' {
    const tolerance = this.#ports.tolerated(incident)
    const before = this.#excused.get(incident.id)
    if (!tolerance) return this.#excused.delete(incident.id) ? 'accused' : 'same'
    if (before === tolerance.id) return 'same'
    this.#excused.set(incident.id, tolerance.id)
    this.#record('tolerated', incident, tolerance.id)
    return 'excused'
  }

  #say(incident: Incident, change: 'opened' | 'rose'): void {
    const { messages, journal, now } = this.#ports
    if (change === 'rose') {
      if (!this.#muting.isMuted(detectorName)) messages.say(2, incidentMessage(incident, change))
      return
    }
    const { say, opened } = this.#muting.opened(detectorName, now())
    if (say === 'each') messages.say(2, incidentMessage(incident, change))
    if (say !== 'muted') return
    const { limit } = this.#muting.settings
    journal({ kind: 'muted', detector: detectorName, on: true, opened, limit })
    messages.say(
      1,
      `more than ${limit} incidents of ${detectorName} within 24 h: no more of them are told one by one until there are fewer than half as many; lymph incident list and the journal have all`,
    )
  }

  #record(
    change: 'opened' | 'rose' | 'quiet' | 'resolved' | 'tolerated',
    of: Incident,
    tolerance?: string,
  ): void {
    this.#ports.journal({
      kind: 'incident',
      change,
      incident: { ...of },
      ...(tolerance ? { tolerance } : {}),
    })
  }
}
