/** Anomalies to incidents, incidents to semaphores: kept, said, and told to the mesh. Nothing else is started by one. */
import type { ClassBoard } from '#classes'
import {
  type Familiarity,
  type Incident,
  IncidentBook,
  incidentMessage,
  restoreIncidents,
  saveIncidents,
} from '#incidents'
import type { Repository } from '#store'
import type { Abi } from '#syscalls'
import type { AnomalyEvent } from './detector.ts'
import { DaemonError, oneLine } from './errors.ts'
import type { Messages } from './messages.ts'

/** A burst's calls come within milliseconds; its semaphore waits for them, so that it tells of all. */
const gatherMs = 200

export interface IncidentPorts {
  quietMs: number
  saved: Repository<string, Incident>
  classes: ClassBoard
  messages: Messages
  now: () => number
  /** Tells the mesh of those that are open. */
  publish: (open: Incident[]) => Promise<void>
  onChange: (change: 'opened' | 'updated', incident: Incident) => void
}

/** One anomaly of a live program, or of one that `lymph watch` saw. */
export type ObservedAnomaly = Pick<
  AnomalyEvent,
  'pid' | 'current' | 'previous' | 'missing' | 'lfc' | 'maxLfc'
>

export class IncidentLink {
  readonly #ports: IncidentPorts
  readonly book: IncidentBook
  #soon: NodeJS.Timeout | undefined
  #saving: Promise<void> = Promise.resolve()

  constructor(ports: IncidentPorts) {
    this.#ports = ports
    this.book = new IncidentBook({ quietMs: ports.quietMs })
  }

  async restore(): Promise<void> {
    await restoreIncidents(this.book, this.#ports.saved)
  }

  open(): Incident[] {
    return this.book.list().filter(({ state }) => state === 'open')
  }

  observe(
    anomaly: ObservedAnomaly,
    of: { binary: string; sha256: string; abi: Abi; window: number },
  ): Incident {
    const { messages, classes, onChange } = this.#ports
    const now = this.#ports.now()
    const { incident, change, raised } = this.book.observe(anomaly, of, now)
    if (!raised) return incident
    messages.say(2, incidentMessage(incident, change === 'opened' ? 'opened' : 'rose'))
    onChange(change, incident)
    // The semaphore stands while an incident is open.
    classes.set('ph_sequence_anomaly', 'incidents', 0, now)
    this.#soon ??= setTimeout(() => {
      this.#soon = undefined
      void this.#ports.publish(this.open())
    }, gatherMs)
    return incident
  }

  /** What the fleet says of it: kept, shown, and told to the mesh. */
  tell(id: string, familiarity: Familiarity): void {
    const incident = this.book.tell(id, familiarity)
    if (!incident) return
    this.#ports.onChange('updated', incident)
    void this.#ports.publish(this.open())
  }

  /** @throws DaemonError for an id that none has */
  resolve(id: string): Incident {
    const incident = this.book.resolve(id)
    if (!incident) throw new DaemonError(`no incident is called "${id}": see lymph incident list`)
    this.#ports.messages.say(2, incidentMessage(incident, 'resolved'))
    this.keepHouse()
    return incident
  }

  /** Closes what is quiet, takes the semaphore back, saves what changed. Call it every second. */
  keepHouse(): void {
    const { messages, classes, now, publish, saved } = this.#ports
    for (const incident of this.book.sweep(now())) messages.say(2, incidentMessage(incident, 'quiet'))
    if (this.open().length === 0) classes.unset('ph_sequence_anomaly', 'incidents')
    void publish(this.open())
    this.#saving = this.#saving.then(async () => {
      try {
        await saveIncidents(this.book, saved)
      } catch (error) {
        messages.say(1, `incidents are not saved: ${oneLine(error)}; tried again`)
      }
    })
  }

  async stop(): Promise<void> {
    clearTimeout(this.#soon)
    this.keepHouse()
    await this.#saving
  }
}
