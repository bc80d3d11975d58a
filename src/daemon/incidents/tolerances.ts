/** The tolerances of this host: kept in the store, told to the journal, asked before every action. */
import { randomBytes } from 'node:crypto'
import {
  type Accused,
  type Incident,
  IncidentError,
  type JournalEntry,
  type Tolerance,
  type ToleranceRequest,
  Tolerances,
  toleranceFor,
} from '#incidents'
import type { Repository } from '#store'
import { DaemonError } from '../errors.ts'
import type { Messages } from '../messages.ts'

export interface TolerancePorts {
  saved: Repository<string, Tolerance>
  messages: Messages
  now: () => number
  journal: (entry: JournalEntry) => void
  /** What is excused of this binary has changed. */
  onChange: (binary: string) => void
}

export class ToleranceLink {
  readonly #ports: TolerancePorts
  readonly #book = new Tolerances()

  constructor(ports: TolerancePorts) {
    this.#ports = ports
  }

  async restore(): Promise<void> {
    for await (const [, tolerance] of this.#ports.saved.list()) this.#book.add(tolerance)
  }

  /** @throws DaemonError for what cannot be tolerated so */
  async add(incident: Incident, request: ToleranceRequest): Promise<Tolerance> {
    try {
      const made = toleranceFor(incident, request, `t${randomBytes(4).toString('hex')}`, this.#ports.now())
      this.#book.add(made)
      try {
        await this.#ports.saved.put(made.id, made)
      } catch (error) {
        this.#book.remove(made.id)
        throw error
      }
      this.#tell('added', made, made.by)
      return made
    } catch (error) {
      if (error instanceof IncidentError) throw new DaemonError(error.message)
      throw error
    }
  }

  /** @throws DaemonError for an id that none has */
  async remove(id: string, by: string): Promise<Tolerance> {
    if (!this.#book.get(id))
      throw new DaemonError(`no tolerance is called "${id}": see lymph incident tolerances`)
    await this.#ports.saved.del(id)
    const removed = this.#book.remove(id) as Tolerance
    this.#tell('removed', removed, by)
    return removed
  }

  tolerated(accused: Accused): Tolerance | undefined {
    return this.#book.tolerated(accused, this.#ports.now())
  }

  /** Until when anything of it is excused, ms since the epoch; 0: nothing is. */
  touches(binary: string): number {
    return this.#book.touches(binary, this.#ports.now())
  }

  touched(): Map<string, number> {
    return this.#book.touched(this.#ports.now())
  }

  list(): Tolerance[] {
    const now = this.#ports.now()
    return this.#book.list().filter(({ until }) => until > now)
  }

  /** Call it every second: those whose time is over go. */
  keepHouse(): void {
    for (const over of this.#book.expire(this.#ports.now())) {
      this.#ports.saved
        .del(over.id)
        .catch((error) => this.#ports.messages.say(1, `tolerance ${over.id}: ${(error as Error).message}`))
      this.#tell('expired', over, '')
    }
  }

  #tell(change: 'added' | 'removed' | 'expired', tolerance: Tolerance, by: string): void {
    const { messages, journal, onChange } = this.#ports
    journal({ kind: 'tolerance', change, by, tolerance: { ...tolerance } })
    const who = by ? ` by ${by}` : ''
    messages.say(2, `Tolerance ${tolerance.id} ${change}${who}: ${tolerance.binary}: ${tolerance.reason}`)
    onChange(tolerance.binary)
  }
}
