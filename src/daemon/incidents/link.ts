/** Anomalies to incidents, incidents to semaphores: kept, said, and told to the mesh. Nothing else is started by one. */
import type { ClassBoard } from '#classes'
import { EDGE_BITS, OUT_OF_RANGE, RECURRING, spokenParts, verdictSeverity } from '#homeostasis'
import {
  type AnomalousBinary,
  type Familiarity,
  type Incident,
  IncidentBook,
  type IncidentPart,
  isTellable,
  type JournalEntry,
  JUDGEMENT_KIND,
  type JudgedUnit,
  type Observed,
  restoreIncidents,
  SEMAPHORE_KIND,
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

/** Classes that stand while an open incident has what they are named for. An agent's run may take the first down before. */
const standing: [name: string, of: (incident: Incident) => boolean][] = [
  [SEMAPHORE_KIND, ({ anomalous }) => anomalous > 0],
  // Of a process that pH found something in and that is as usual by its bits it does not stand.
  [JUDGEMENT_KIND, ({ level }) => level !== null && level !== 'none'],
  ['ph_new_child', ({ edge }) => edge !== null],
]

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
  #restored = false
  #saving: Promise<void> = Promise.resolve()

  constructor(ports: IncidentPorts) {
    this.#ports = ports
    this.book = new IncidentBook({ quietMs: ports.quietMs })
    this.#notices = new IncidentNotices(ports)
  }

  async restore(): Promise<void> {
    await restoreIncidents(this.book, this.#ports.saved)
    this.#restored = true
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
    const incident = this.#observed(this.book.observe(anomaly, of, this.#ports.now()))
    // The judgement had opened it before.
    if (incident.anomalous === 1) this.#raise(incident)
    return incident
  }

  /** A process was judged. What is not odd only says so of what pH found in it. */
  judge(verdict: UnitVerdict, of: AnomalousBinary): void {
    const unit = judgedUnit(verdict, of.abi)
    const observed = unit && this.book.judge(unit, of, this.#ports.now())
    if (!observed) return
    const incident = this.#observed(observed)
    const { level, edge = null } = unit
    this.#raise({ ...incident, anomalous: 0, level, edge })
  }

  #observed({ incident, change, raised, closed }: Observed): Incident {
    for (const over of closed) this.#notices.ended(over, 'quiet')
    if (!this.#notices.observed(incident, change, raised)) return incident
    this.#ports.onChange(change, incident)
    this.#raise(incident)
    this.#soon ??= setTimeout(() => {
      this.#soon = undefined
      void this.#publish()
    }, gatherMs)
    return incident
  }

  /** A cause, new or again: an agent's run may have taken the class down meanwhile. */
  #raise(incident: Incident): void {
    const { classes, now } = this.#ports
    if (this.#notices.excusedBy(incident.id) !== undefined) return
    for (const [name, of] of standing) if (of(incident)) classes.set(name, 'incidents', 0, now())
  }

  /** What no open incident has any more; of pH's own, where agent runs are scheduled, one takes it down. */
  #takeBack(): void {
    const { classes, agentRuns } = this.#ports
    const open = this.open()
    for (const [name, of] of standing)
      if (!(agentRuns && name === SEMAPHORE_KIND) && !open.some(of)) classes.unset(name, 'incidents')
  }

  /** What the fleet says of it: kept, shown, and told to the mesh. */
  tell(id: string, familiarity: Familiarity): void {
    const incident = this.book.tell(id, familiarity)
    if (!incident) return
    this.#ports.onChange('updated', incident)
    void this.#publish()
  }

  async #publish(): Promise<void> {
    await this.#ports.publish(this.open().filter(isTellable))
  }

  /** @throws DaemonError for an id that none has */
  resolve(id: string): Incident {
    const incident = this.book.resolve(id)
    if (!incident) throw new DaemonError(`no incident is called "${id}": see lymph incident list`)
    this.#notices.ended(incident, 'resolved')
    this.keepHouse()
    return incident
  }

  /** Closes what is quiet, takes the semaphore back, saves what changed. Call it every second. */
  keepHouse(): void {
    const { messages, now, saved } = this.#ports
    for (const incident of this.book.sweep(now())) this.#notices.ended(incident, 'quiet')
    for (const accused of this.#notices.review(this.#all())) this.#raise(accused)
    // Classes do not outlive a restart; what was open then is once their cause again.
    if (this.#restored) for (const incident of this.open()) this.#raise(incident)
    this.#restored = false
    this.#takeBack()
    void this.#publish()
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

/** What an incident takes of a verdict; undefined: there is no judgement, only facts. */
function judgedUnit(
  { verdict, windows, ordinal, level, bar, event }: UnitVerdict,
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
    bar: round(bar),
    ordinal,
  }
}

/** Three places are more than the observables mean. */
const round = (value: number) => Math.round(value * 1000) / 1000
