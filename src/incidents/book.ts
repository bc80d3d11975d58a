import { createHash } from 'node:crypto'
import { IncidentError } from './errors.ts'
import { codeOf, copyOf, groupOf, type Held, heldOf, pairsOf, rated } from './held.ts'
import { addUnit, unjudged } from './judged.ts'
import type { AnomalousBinary, Anomaly, Familiarity, Incident, JudgedUnit } from './types.ts'

export interface IncidentSettings {
  /** An incident is over once nothing came for this long, in ms. */
  quietMs: number
  /** Open incidents at most; the one that has been quiet longest is closed early for a new one. */
  openLimit: number
  /** Closed incidents kept at most; the oldest are forgotten, their counts stay in `totals`. */
  closedLimit: number
}

export const incidentDefaults: IncidentSettings = { quietMs: 10 * 60_000, openLimit: 256, closedLimit: 1000 }

const pairsLimit = 256
const pidsLimit = 64

export interface Observed {
  incident: Incident
  change: 'opened' | 'updated'
  /** It opened, or its severity rose. */
  raised: boolean
  /** Incidents that ended to make way: the quiet one before it, or the one closed early at the cap. */
  closed: Incident[]
}

/** anomalous = in open + in closed + forgotten: nothing that was observed is ever uncounted. */
export interface IncidentTotals {
  observed: number
  open: number
  closed: number
  /** Closed before they were quiet, because there were too many. */
  closedEarly: number
  forgotten: { incidents: number; anomalous: number }
}

/** The incidents of this host. Pure: told the time (ms since the epoch), gives back what changed. */
export class IncidentBook {
  settings: IncidentSettings
  readonly #open = new Map<string, Held>()
  /** Oldest end first. */
  readonly #closed = new Map<string, Incident>()
  readonly #changed = new Set<string>()
  readonly #dropped = new Set<string>()
  #observed = 0
  #closedEarly = 0
  #forgotten = { incidents: 0, anomalous: 0 }

  constructor(settings: Partial<IncidentSettings> = {}) {
    this.settings = { ...incidentDefaults, ...settings }
    const { quietMs, openLimit } = this.settings
    if (!(quietMs > 0) || !(openLimit >= 1))
      throw new IncidentError(
        `incidents need a quiet time above 0 and room for one, not ${quietMs} ms and ${openLimit}`,
      )
  }

  observe(anomaly: Anomaly, of: AnomalousBinary, now: number): Observed {
    const calls = anomaly.calls ?? 1
    if (!Number.isSafeInteger(calls) || calls < 1)
      throw new IncidentError(`an anomaly stands for 1 call or more, not ${calls}`)
    return this.#into(of, now, (held) => this.#add(held, anomaly, calls))
  }

  /** A process was judged. Undefined: it is not odd, and no open incident waits for it. */
  judge(unit: JudgedUnit, of: AnomalousBinary, now: number): Observed | undefined {
    if (unit.level === 'none' && !this.#find(of)?.waiting.has(unit.pid)) return undefined
    return this.#into(of, now, (held) => {
      addUnit(held.incident, unit, now)
      held.waiting.delete(unit.pid)
      if (held.incident.pids.length < pidsLimit && !held.incident.pids.includes(unit.pid))
        held.incident.pids.push(unit.pid)
    })
  }

  /** The open incident of the binary takes it in, or a new one. */
  #into(of: AnomalousBinary, now: number, add: (held: Held) => void): Observed {
    const closed: Incident[] = []
    let held = this.#find(of)
    if (held && now - held.incident.lastSeen >= this.settings.quietMs) {
      closed.push(this.#close(held, 'quiet'))
      held = undefined
    }
    const opened = held === undefined
    if (!held) {
      this.#makeRoom(closed)
      held = this.#begin(of, now)
    }
    add(held)
    held.incident.lastSeen = Math.max(held.incident.lastSeen, now)
    this.#changed.add(held.incident.id)
    const raised = rated(held) || opened
    return { incident: copyOf(held.incident), change: opened ? 'opened' : 'updated', raised, closed }
  }

  /** Ends what has been quiet for long enough. */
  sweep(now: number): Incident[] {
    return [...this.#open.values()]
      .filter(({ incident }) => now - incident.lastSeen >= this.settings.quietMs)
      .map((held) => this.#close(held, 'quiet'))
  }

  /** Somebody has dealt with it: what comes later opens a new one. Undefined for an id that is not there. */
  resolve(id: string): Incident | undefined {
    for (const held of this.#open.values()) if (held.incident.id === id) return this.#close(held, 'resolved')
    const closed = this.#closed.get(id)
    if (!closed) return undefined
    closed.state = 'resolved'
    this.#changed.add(id)
    return copyOf(closed)
  }

  get(id: string): Incident | undefined {
    const closed = this.#closed.get(id)
    if (closed) return copyOf(closed)
    for (const { incident } of this.#open.values()) if (incident.id === id) return copyOf(incident)
    return undefined
  }

  /** What the fleet says of it. Undefined for an id that is not there. */
  tell(id: string, familiarity: Familiarity): Incident | undefined {
    const open = [...this.#open.values()].find(({ incident }) => incident.id === id)
    const incident = open?.incident ?? this.#closed.get(id)
    if (!incident) return undefined
    incident.familiarity = familiarity
    this.#changed.add(id)
    return copyOf(incident)
  }

  /** Newest first. */
  list(): Incident[] {
    return [...this.#closed.values(), ...[...this.#open.values()].map(({ incident }) => incident)]
      .map(copyOf)
      .sort((a, b) => b.lastSeen - a.lastSeen || (a.id < b.id ? -1 : 1))
  }

  totals(): IncidentTotals {
    return {
      observed: this.#observed,
      open: this.#open.size,
      closed: this.#closed.size,
      closedEarly: this.#closedEarly,
      forgotten: { ...this.#forgotten },
    }
  }

  /** Puts back what was saved; open ones go on. Before the first `observe`. */
  restore(saved: Iterable<Incident>): void {
    // What was saved before there was a judgement has nothing of it.
    const sorted = [...saved]
      .map((one) => copyOf({ ...unjudged(), ...one }))
      .sort((a, b) => a.lastSeen - b.lastSeen)
    for (const incident of sorted) {
      this.#observed += incident.anomalous
      if (
        incident.state === 'open' &&
        !this.#open.has(groupOf(incident)) &&
        this.#open.size < this.settings.openLimit
      )
        this.#open.set(groupOf(incident), heldOf(incident))
      else this.#keepClosed({ ...incident, state: incident.state === 'open' ? 'quiet' : incident.state })
    }
  }

  /** What has changed since it was last asked, to be saved. */
  drain(): { put: Incident[]; del: string[] } {
    const put = [...this.#changed].map((id) => this.get(id)).filter((one) => one !== undefined)
    const del = [...this.#dropped]
    this.#changed.clear()
    this.#dropped.clear()
    return { put, del }
  }

  /** Saving failed: what `drain` gave is to be saved still. */
  giveBack({ put, del }: { put: Incident[]; del: string[] }): void {
    for (const { id } of put) if (!this.#dropped.has(id)) this.#changed.add(id)
    for (const id of del) this.#dropped.add(id)
  }

  #find(of: AnomalousBinary): Held | undefined {
    const held = this.#open.get(groupOf(of))
    if (held || of.sha256 === '') return held
    // It began before the file's hash was known: the same incident, now with its name in full.
    const early = this.#open.get(groupOf({ ...of, sha256: '' }))
    if (!early) return undefined
    this.#open.delete(groupOf(early.incident))
    early.incident.sha256 = of.sha256
    this.#open.set(groupOf(of), early)
    return early
  }

  #begin(of: AnomalousBinary, now: number): Held {
    const incident: Incident = {
      id: this.#freeId(of, now),
      binary: of.binary,
      sha256: of.sha256,
      abi: of.abi,
      window: of.window,
      severity: 'notice',
      anomalous: 0,
      maxLfc: 0,
      pairs: [],
      pairsCut: 0,
      pids: [],
      firstSeen: now,
      lastSeen: now,
      state: 'open',
      ...unjudged(),
    }
    const held = heldOf(incident)
    this.#open.set(groupOf(of), held)
    return held
  }

  #add(held: Held, anomaly: Anomaly, calls: number): void {
    const { incident, codes } = held
    this.#observed += calls
    incident.anomalous += calls
    if (held.waiting.size < pidsLimit) held.waiting.add(anomaly.pid)
    incident.maxLfc = Math.max(incident.maxLfc, anomaly.lfc, anomaly.maxLfc)
    if (incident.pids.length < pidsLimit && !incident.pids.includes(anomaly.pid))
      incident.pids.push(anomaly.pid)
    for (const pair of pairsOf(anomaly)) {
      const code = codeOf(pair)
      if (codes.has(code)) continue
      if (codes.size < pairsLimit) {
        codes.add(code)
        incident.pairs.push(pair)
      } else incident.pairsCut++
    }
  }

  #makeRoom(closed: Incident[]): void {
    if (this.#open.size < this.settings.openLimit) return
    let quietest: Held | undefined
    for (const held of this.#open.values())
      if (!quietest || held.incident.lastSeen < quietest.incident.lastSeen) quietest = held
    if (!quietest) return
    this.#closedEarly++
    closed.push(this.#close(quietest, 'quiet'))
  }

  #close({ incident }: Held, state: 'quiet' | 'resolved'): Incident {
    this.#open.delete(groupOf(incident))
    incident.state = state
    this.#changed.add(incident.id)
    this.#keepClosed(incident)
    return copyOf(incident)
  }

  #keepClosed(incident: Incident): void {
    this.#closed.set(incident.id, incident)
    for (const [id, oldest] of this.#closed) {
      if (this.#closed.size <= this.settings.closedLimit) break
      this.#closed.delete(id)
      this.#changed.delete(id)
      this.#dropped.add(id)
      this.#forgotten.incidents++
      this.#forgotten.anomalous += oldest.anomalous
    }
  }

  /** Eight hex digits out of what and when: the same history gives the same names. */
  #freeId(of: AnomalousBinary, now: number): string {
    for (let n = 0; ; n++) {
      const id = createHash('sha256')
        .update(`${groupOf(of)}\0${now}\0${n}`)
        .digest('hex')
        .slice(0, 8)
      if (this.get(id) === undefined && !this.#dropped.has(id)) return id
    }
  }
}
