/** Anomalies to incidents, incidents to semaphores: kept, said, and told to the mesh. Nothing else is started by one. */
import type { ClassBoard } from '#classes'
import { EDGE_BITS, OUT_OF_RANGE, RECURRING, spokenParts, verdictSeverity } from '#homeostasis'
import {
  type AnomalousBinary,
  type Familiarity,
  type Incident,
  IncidentBook,
  type IncidentPart,
  type JournalEntry,
  type JudgedUnit,
  type Observed,
  restoreIncidents,
  saveIncidents,
  type Tolerance,
} from '#incidents'
import type { Repository } from '#store'
import { type Abi, callName } from '#syscalls'
import { DaemonError, oneLine } from '../errors.ts'
import type { Messages } from '../messages.ts'
import type { AnomalyEvent } from '../profiles/detector.ts'
import type { UnitVerdict } from '../profiles/judging.ts'
import { IncidentNotices } from './notices.ts'

/** A burst's calls come within milliseconds; its semaphore waits for them, so that it tells of all. */
const gatherMs = 200

export interface IncidentPorts {
  quietMs: number
  saved: Repository<string, Incident>
  classes: ClassBoard
  messages: Messages
  now: () => number
  /** Whether an agent is scheduled here. */
  agentRuns?: boolean
  /** Tells the mesh of those that are open. */
  publish: (open: Incident[]) => Promise<void>
  onChange: (change: 'opened' | 'updated', incident: Incident) => void
  /** Somebody dealt with it: it was real. */
  onResolved: (incident: Incident) => void
  journal: (entry: JournalEntry) => void
  /** Asked before anything is done about an incident. */
  tolerated: (incident: Incident) => Tolerance | undefined
}

/** One anomaly of a live program, or of one that `lymph watch` saw. */
export type ObservedAnomaly = Pick<
  AnomalyEvent,
  'pid' | 'current' | 'previous' | 'missing' | 'lfc' | 'maxLfc'
>

export class IncidentLink {
  readonly #ports: IncidentPorts
  readonly book: IncidentBook
  readonly #notices: IncidentNotices
  #soon: NodeJS.Timeout | undefined
  #saving: Promise<void> = Promise.resolve()

  constructor(ports: IncidentPorts) {
    this.#ports = ports
    this.book = new IncidentBook({ quietMs: ports.quietMs })
    this.#notices = new IncidentNotices(ports)
  }

  async restore(): Promise<void> {
    await restoreIncidents(this.book, this.#ports.saved)
  }

  /** Those that stand: open, and not tolerated. */
  open(): Incident[] {
    return this.#all().filter(({ id }) => this.#notices.excusedBy(id) === undefined)
  }

  /** As `incident list` shows them: a tolerated one names its tolerance. */
  list(): (Incident & { tolerated?: string })[] {
    return this.book.list().map((incident) => {
      const tolerated = this.#notices.excusedBy(incident.id)
      return tolerated === undefined ? incident : { ...incident, tolerated }
    })
  }

  #all(): Incident[] {
    return this.book.list().filter(({ state }) => state === 'open')
  }

  observe(
    anomaly: ObservedAnomaly,
    of: { binary: string; sha256: string; abi: Abi; window: number },
  ): Incident {
    return this.#observed(this.book.observe(anomaly, of, this.#ports.now()))
  }

  /** A process was judged. What is not odd only says so of what pH found in it. */
  judge(verdict: UnitVerdict, of: AnomalousBinary): void {
    const unit = judgedUnit(verdict, of.abi)
    const observed = unit && this.book.judge(unit, of, this.#ports.now())
    if (observed) this.#observed(observed)
  }

  #observed({ incident, change, raised, closed }: Observed): Incident {
    const { classes, onChange } = this.#ports
    const now = this.#ports.now()
    for (const over of closed) this.#notices.ended(over, 'quiet')
    if (!this.#notices.observed(incident, change, raised)) return incident
    onChange(change, incident)
    // The semaphore stands while an incident is open.
    classes.set('ph_sequence_anomaly', 'incidents', 0, now)
    // A program that this one had never started: a novelty of its own.
    if (incident.edge) classes.set('ph_new_child', 'incidents', 0, now)
    this.#soon ??= setTimeout(() => {
      this.#soon = undefined
      void this.#publish()
    }, gatherMs)
    return incident
  }

  /** What the fleet says of it: kept, shown, and told to the mesh. */
  tell(id: string, familiarity: Familiarity): void {
    const incident = this.book.tell(id, familiarity)
    if (!incident) return
    this.#ports.onChange('updated', incident)
    void this.#publish()
  }

  /** A semaphore is of pH's anomalies: what only the judgement found stays on this host. */
  async #publish(): Promise<void> {
    await this.#ports.publish(this.open().filter(({ anomalous }) => anomalous > 0))
  }

  /** @throws DaemonError for an id that none has */
  resolve(id: string): Incident {
    const incident = this.book.resolve(id)
    if (!incident) throw new DaemonError(`no incident is called "${id}": see lymph incident list`)
    this.#notices.ended(incident, 'resolved')
    this.keepHouse()
    this.#ports.onResolved(incident)
    return incident
  }

  /** Closes what is quiet, takes the semaphore back, saves what changed. Call it every second. */
  keepHouse(): void {
    const { messages, classes, now, saved } = this.#ports
    for (const incident of this.book.sweep(now())) this.#notices.ended(incident, 'quiet')
    if (this.#notices.review(this.#all()).length > 0)
      classes.set('ph_sequence_anomaly', 'incidents', 0, now())
    // Where agent runs are scheduled, it stands until one has dealt with it.
    if (!this.#ports.agentRuns) this.#takeBack()
    void this.#publish()
    this.#saving = this.#saving.then(async () => {
      try {
        await saveIncidents(this.book, saved)
      } catch (error) {
        messages.say(1, `incidents are not saved: ${oneLine(error)}; tried again`)
      }
    })
  }

  #takeBack(): void {
    const open = this.open()
    const { classes } = this.#ports
    if (open.length === 0) classes.unset('ph_sequence_anomaly', 'incidents')
    if (!open.some(({ edge }) => edge !== null)) classes.unset('ph_new_child', 'incidents')
  }

  async stop(): Promise<void> {
    clearTimeout(this.#soon)
    this.keepHouse()
    await this.#saving
  }
}

/** What an incident takes of a verdict; undefined: there is no judgement, only facts. */
function judgedUnit(
  { verdict, windows, ordinal, level, event }: UnitVerdict,
  abi: Abi,
): JudgedUnit | undefined {
  if (verdict.bits === undefined) return undefined
  const spoke = spokenParts(verdict)
  const nameOf = (call: number) => (call === OUT_OF_RANGE ? '(other)' : callName(abi, call))
  const parts = spoke.map((part): IncidentPart => {
    if (part === 'edge') return { part, bits: EDGE_BITS }
    if (part === 'recurrence') return { part, bits: RECURRING }
    return { part, bits: round(verdict.parts?.[part] ?? 0) }
  })
  const said = (['n', 'r', 's'] as const).filter((part) => spoke.includes(part))
  return {
    pid: event.pid,
    level,
    bits: round(verdictSeverity(verdict)),
    parts,
    windows: said.flatMap((part) =>
      windows[part].map(({ at, calls }) => ({ part, call: at, calls: calls.map(nameOf) })),
    ),
    edge: verdict.newEdges[0],
    m: verdict.m,
    q: round(verdict.q ?? 0),
    ordinal,
  }
}

/** Three places are more than the observables mean. */
const round = (value: number) => Math.round(value * 1000) / 1000
