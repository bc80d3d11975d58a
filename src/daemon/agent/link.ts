/**
 * The agent's side of the daemon: what a run is told, and what it may ask for. Anomalies end here as entries of a list
 * and a semaphore; nothing starts a run but the schedule of `lymph up` (rule 3 of docs/design.md).
 */
import type { ClassBoard } from '#classes'
import type { Incident } from '#incidents'
import type { Repository } from '#store'
import type { LoadAnomaly } from '../environment/link.ts'
import { DaemonError, oneLine } from '../errors.ts'
import type { MessageLevel, Messages } from '../messages.ts'
import type { BinaryResponses } from '../profiles/responses.ts'
import type { DaemonSettings } from '../settings.ts'
import type { AgentConfig } from './config.ts'
import { OffenderList } from './offenders.ts'
import { type SavedShadow, ShadowDelays } from './shadow.ts'
import { Webhooks } from './webhooks.ts'

export interface AgentPorts {
  config: AgentConfig
  classes: ClassBoard
  responses: BinaryResponses
  settings: () => DaemonSettings
  messages: Messages
  now: () => number
  host: () => string
  /** Those that are kept, whatever their state. */
  incidents: () => Incident[]
  /** An operator tolerates it. */
  tolerated: (incident: Incident) => boolean
  /** Programs of which something is tolerated, and until when, ms since the epoch. */
  excused: () => ReadonlyMap<string, number>
  load: () => LoadAnomaly[]
  applyResponse: (binary: string) => Promise<void>
  /** What delays would have done in the last week, over restarts. */
  shadow: Repository<string, SavedShadow>
}

interface DelayLease {
  untilMs: number
  /** The run that asked, until it says that it is through: without a word from it the lease ends. */
  run: string | undefined
  heardAt: number
}

/** Binaries under a lease at a time. */
const LEASES_LIMIT = 256
/** A run says every second that it lives. */
const SILENCE_MS = 2500
const LONGEST_LEASE_MS = 7 * 86_400_000
/** What was counted since is lost with a daemon that is killed. */
const SHADOW_EVERY_MS = 5000
const shadowName = 'week'
/** pH's unit where delays are off: a jiffy at HZ=100. */
const DEFAULT_FACTOR = 1

export class AgentLink {
  readonly #ports: AgentPorts
  readonly #offenders = new OffenderList()
  readonly #shadow = new ShadowDelays()
  readonly #webhooks: Webhooks
  readonly #leases = new Map<string, DelayLease>()
  #lastRun: Record<string, unknown> | undefined
  #runs = 0
  /** When the semaphore's cause last came, ms since the epoch. */
  #raisedAt = 0
  #shadowSavedAt = 0
  #shadowFails = false

  constructor(ports: AgentPorts) {
    this.#ports = ports
    this.#webhooks = new Webhooks(ports.config.webhooks, (line) => ports.messages.say(1, line))
  }

  async restore(): Promise<void> {
    const { shadow, now, messages } = this.#ports
    const saved = await shadow.get(shadowName)
    if (saved !== undefined && !this.#shadow.restore(saved, now()))
      messages.say(1, 'what delays would have done is of another version, and is counted anew')
  }

  /** Everything that is counted is saved. */
  async stop(): Promise<void> {
    await this.#saveShadow()
  }

  /** An anomalous call. It is on the list, and its semaphore stands; that is all. */
  observe(event: { pid: number; lfc: number }, incident: Incident): void {
    const { classes, responses, settings, now, config, tolerated } = this.#ports
    const at = now()
    const { binary } = incident
    this.#raisedAt = at
    this.#offenders.saw({ pid: event.pid, binary, seenAt: at, lfc: event.lfc, incident: incident.id })
    if (tolerated(incident)) return
    if (responses.unitMs(binary) === 0) {
      const { jiffyMs, delayLimit } = settings()
      this.#shadow.saw(event.pid, binary, event.lfc, jiffyMs, delayLimit * 1000, at)
    }
    // A run has taken it away, and the incident goes on.
    if (config.enabled && !classes.holds('ph_sequence_anomaly', at))
      classes.set('ph_sequence_anomaly', 'incidents', 0, at)
  }

  ended(pid: number): void {
    this.#offenders.ended(pid, this.#ports.now())
  }

  facts(): unknown {
    const { classes, now, tolerated, load, settings } = this.#ports
    const excused = this.#ports.excused()
    const at = now()
    const offenders = this.#offenders.all()
    const ended = this.#offenders.over()
    const named = new Set([...offenders, ...ended].map(({ incident }) => incident))
    const { delayFactor, jiffyMs, delayLimit } = settings()
    const tolerable = new Set(
      this.#ports
        .incidents()
        .filter((incident) => named.has(incident.id) && tolerated(incident))
        .map(({ id }) => id),
    )
    return {
      at,
      host: this.#ports.host(),
      classes: classes.at(at).map(({ name, until }) => ({ name, until })),
      offenders: {
        ph_sequence: offenders.map((one) => ({ ...one, tolerated: tolerable.has(one.incident) })),
        ph_load: load().flatMap(({ binary, at: seenAt, pids }) =>
          pids.map((pid) => ({
            pid,
            binary,
            seenAt,
            lfc: 0,
            incident: '',
            tolerated: excused.has(binary),
          })),
        ),
      },
      ended: ended.map((one) => ({ ...one, tolerated: tolerable.has(one.incident) })),
      excused: [...excused].map(([binary, until]) => ({ binary, until })),
      delays: { unitMs: (delayFactor || DEFAULT_FACTOR) * jiffyMs, limitMs: delayLimit * 1000 },
    }
  }

  /**
   * A run lives, or is through. What it dealt with is taken down, unless it was raised again after the run looked.
   * @param upTo when the run looked, ms since the epoch
   */
  async run(word: {
    id: string
    state: 'alive' | 'over'
    dealt: string[]
    upTo: number
    report?: Record<string, unknown> | undefined
  }): Promise<{ expedited: string[] }> {
    const { classes, now, messages } = this.#ports
    for (const lease of this.#leases.values()) {
      if (lease.run !== word.id) continue
      lease.heardAt = now()
      if (word.state === 'over') lease.run = undefined
    }
    if (word.state === 'alive') return { expedited: [] }
    this.#runs++
    this.#lastRun = { id: word.id, at: now(), ...word.report }
    const expedited: string[] = []
    for (const name of word.dealt) {
      const standing = classes.at(now()).filter((one) => one.name === name && one.until === 0)
      if (standing.length === 0) continue
      if (name === 'ph_sequence_anomaly') {
        this.#offenders.dealt(word.upTo)
        if (this.#raisedAt > word.upTo) continue
      } else if (standing.some(({ since }) => since > word.upTo)) continue
      classes.unset(name)
      expedited.push(name)
    }
    if (expedited.length > 0) messages.say(2, `Agent run ${word.id} dealt with ${expedited.join(', ')}`)
    return { expedited }
  }

  /** @returns what held before; `toleratedUntil`: nothing was done, something of it is tolerated @throws DaemonError at the limit */
  async delay(
    binary: string,
    unitMs: number | undefined,
    untilMs: number,
    run: string | undefined,
  ): Promise<{ before: string; toleratedUntil?: number }> {
    const { responses, now, settings, applyResponse, messages } = this.#ports
    const before = responses.leased.has(binary) ? 'delayed for a time' : responses.of(binary)
    if (untilMs <= now()) {
      await this.#endLease(binary, 'it was taken back')
      return { before }
    }
    const toleratedUntil = this.#ports.excused().get(binary)
    if (toleratedUntil !== undefined) return { before, toleratedUntil }
    if (!this.#leases.has(binary) && this.#leases.size >= LEASES_LIMIT)
      throw new DaemonError(`${LEASES_LIMIT} programs are delayed for a time already, which is the most`)
    const { delayFactor, jiffyMs } = settings()
    responses.leased.set(binary, unitMs ?? (delayFactor || DEFAULT_FACTOR) * jiffyMs)
    this.#leases.set(binary, {
      untilMs: Math.min(untilMs, now() + LONGEST_LEASE_MS),
      run,
      heardAt: now(),
    })
    await applyResponse(binary)
    messages.say(
      2,
      `response of ${binary}: delay until ${new Date(untilMs).toISOString()}, as the agent asked`,
    )
    return { before }
  }

  /** Ends what is over, and what a run asked for that is not heard of any more. Call it every second. */
  keepHouse(): void {
    const now = this.#ports.now()
    for (const [binary, { untilMs, run, heardAt }] of this.#leases)
      if (untilMs <= now) void this.#endLease(binary, 'its time is over')
      else if (run !== undefined && now - heardAt > SILENCE_MS)
        void this.#endLease(binary, `agent run ${run} died before it was through`)
    if (now - this.#shadowSavedAt >= SHADOW_EVERY_MS) void this.#saveShadow()
  }

  async #saveShadow(): Promise<void> {
    if (!this.#shadow.changed) return
    const { shadow, now, messages } = this.#ports
    this.#shadowSavedAt = now()
    try {
      await shadow.put(shadowName, this.#shadow.save())
      this.#shadowFails = false
    } catch (error) {
      this.#shadow.changed = true
      if (!this.#shadowFails)
        messages.say(1, `what delays would have done is not saved: ${oneLine(error)}; tried again`)
      this.#shadowFails = true
    }
  }

  async #endLease(binary: string, why: string): Promise<void> {
    const { responses, applyResponse, messages } = this.#ports
    if (!this.#leases.delete(binary)) return
    responses.leased.delete(binary)
    messages.say(2, `response of ${binary}: ${responses.of(binary)} again: ${why}`)
    await applyResponse(binary)
  }

  report(text: string, way: { priority?: string | undefined; url?: string | undefined }): void {
    if (way.url !== undefined) {
      this.#webhooks.send(way.url, { host: this.#ports.host(), at: this.#ports.now(), text })
      return
    }
    const level: MessageLevel = way.priority === 'crit' || way.priority === 'err' ? 1 : 2
    this.#ports.messages.say(level, `Agent: ${text}`)
  }

  /** What was said of a binary: a word that `POST /profiles/respond` takes. */
  said(binary: string): string {
    return this.#ports.responses.said(binary) ?? 'default'
  }

  status(): Record<string, unknown> {
    const { enabled, dryRun } = this.#ports.config
    return {
      enabled,
      dryRun,
      runs: this.#runs,
      lastRun: this.#lastRun ?? null,
      offenders: this.#offenders.all().length,
      offendersDropped: this.#offenders.dropped,
      ended: this.#offenders.over().length,
      endedDropped: this.#offenders.endedDropped,
      delayed: [...this.#leases].map(([binary, { untilMs }]) => ({ binary, until: untilMs })),
      wouldHaveDelayed: this.#shadow.total(this.#ports.now()),
      webhooks: { sent: this.#webhooks.sent, failed: this.#webhooks.failed },
    }
  }
}
