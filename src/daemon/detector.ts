/**
 * The life of profiles: takes what a sensor tells, decides once a second what freezes and becomes normal, loads and
 * saves, carries out the operator's verbs. Events are handled one after the other, in the order they came.
 */
import {
  anomalousMessage,
  delayingMessage,
  lifeMessages,
  lifeStep,
  type Message,
  NEW_LIFE,
  normalResetMessage,
  type ProfileRecord,
  type Response,
  tableFrom,
  trainingResetMessage,
} from '#homeostasis'
import type { ProfileVerb, Sensor, SensorEvent, SensorSettings, SensorTotals } from '#sensor'
import { callName } from '#syscalls'
import { DaemonError, oneLine } from './errors.ts'
import type { Messages } from './messages.ts'
import { type ProfileSaves, recordFrom } from './saves.ts'
import type { DaemonSettings } from './settings.ts'
import {
  delayUnit,
  keyOf,
  matches,
  nameOf,
  newTracked,
  type ProfileQuery,
  type ProfileRow,
  rowOf,
  type Tracked,
} from './tracked.ts'

export type AnomalyEvent = Extract<SensorEvent, { type: 'anomaly' }>

export interface DetectorPorts {
  sensor: Sensor
  saves: ProfileSaves
  settings: () => DaemonSettings
  messages: Messages
  now: () => number
  onAnomaly: (event: AnomalyEvent, tracked: Tracked) => void
  /** Every event, with the program it is about, for those who follow. */
  onEvent: (event: SensorEvent, binary: string | undefined) => void
}

const levels = { error: 1, state: 2, action: 3 } as const
const saveEveryMs = 30_000

export class Detector {
  readonly #ports: DetectorPorts
  readonly #tracked = new Map<number, Tracked>()
  #queue: Promise<void> = Promise.resolve()
  #saveTimer: NodeJS.Timeout | undefined
  totals: SensorTotals | undefined

  constructor(ports: DetectorPorts) {
    this.#ports = ports
  }

  async start(): Promise<void> {
    const { sensor, saves, settings, messages } = this.#ports
    sensor.onEvent((event) => this.#enqueue(() => this.#take(event)))
    const saved = await saves.readAll(settings(), (line) => messages.say(1, line))
    await sensor.start(this.sensorSettings(), saved)
    this.#saveTimer = setInterval(() => this.#enqueue(() => this.saveDue()), saveEveryMs)
  }

  async stop(): Promise<void> {
    clearInterval(this.#saveTimer)
    await this.#queue
    try {
      await this.saveDue(true)
    } catch (error) {
      // The sensor may have gone first: what it learned since the last save goes with it.
      this.#ports.messages.say(1, `the last save is not whole: ${oneLine(error)}`)
    }
    await this.#ports.sensor.stop()
  }

  sensorSettings(): SensorSettings {
    const s = this.#ports.settings()
    return {
      window: s.window,
      anomalyLimit: s.anomalyLimit,
      tolerizeLimit: s.tolerizeLimit,
      localityWindow: s.localityWindow,
      delayLimitMs: s.delayLimit * 1000,
      defaultDelayUnitMs: delayUnit(undefined, s),
    }
  }

  #enqueue(job: () => Promise<void> | void): void {
    this.#queue = this.#queue.then(job).catch((error) => this.#ports.messages.say(1, oneLine(error)))
  }

  #say(message: Message): void {
    this.#ports.messages.say(levels[message.level], message.text)
  }

  async #take(event: SensorEvent): Promise<void> {
    const tracked = 'profile' in event ? this.#tracked.get(event.profile) : undefined
    const binary = event.type === 'profile' ? event.executable.path : tracked?.executable.path
    this.#ports.onEvent(event, binary)
    switch (event.type) {
      case 'profile':
        this.#tracked.set(
          event.profile,
          newTracked(event.profile, event.executable, event.known === true, event.at),
        )
        return
      case 'tick':
        return this.#tick(event)
      case 'gone':
        // Numbers are the sensor's own: whoever comes back announces its profiles anew.
        this.#tracked.clear()
        return
    }
    if (!tracked) return
    const where = { binary: tracked.executable.path, ...('pid' in event ? { pid: event.pid } : {}) }
    switch (event.type) {
      case 'identity':
        tracked.file = event.file
        return this.#identified(tracked)
      case 'identity-failed':
        tracked.ready = true
        this.#ports.messages.say(
          4,
          `no identity of ${where.binary}: ${event.reason}; its profile is not kept`,
        )
        return
      case 'file-changed':
        Object.assign(tracked, {
          file: event.file,
          life: NEW_LIFE,
          pairs: 0,
          changed: true,
          since: this.#ports.now(),
        })
        this.#ports.messages.say(2, `${where.binary} was written over: its profile begins anew`)
        return
      case 'novelty':
        tracked.pairs += popcount(event.missing)
        tracked.changed = true
        return
      case 'anomaly': {
        const call = callName(tracked.executable.abi, event.current)
        this.#say(
          anomalousMessage({ ...where, call, misses: popcount(event.missing), count: event.taskCalls }),
        )
        tracked.changed = true
        this.#ports.onAnomaly(event, tracked)
        return
      }
      case 'normal-stopped':
        this.#say(normalResetMessage({ ...where, limit: event.limit, count: event.taskCalls }))
        tracked.life = NEW_LIFE
        tracked.changed = true
        return
      case 'training-reset':
        this.#say(
          trainingResetMessage({ ...where, limit: event.limit, lfc: event.lfc, count: event.taskCalls }),
        )
        Object.assign(tracked, { life: NEW_LIFE, pairs: 0, changed: true })
        return
      case 'delayed': {
        const { jiffyMs } = this.#ports.settings()
        const jiffies = Math.round(event.delayMs / jiffyMs)
        this.#say(delayingMessage({ pid: event.pid, count: event.taskCalls, jiffies }))
        return
      }
      case 'evicted':
        if (tracked.file) {
          const record = recordFrom(tracked, event.tables, this.#ports.settings(), this.#ports.now())
          await this.#ports.saves.put(tracked, record, this.#ports.settings())
        }
        this.#tracked.delete(event.profile)
    }
  }

  /** The content is known: what was saved of it comes back, unless the sensor has it already. */
  async #identified(tracked: Tracked): Promise<void> {
    const { sensor, saves, settings, messages } = this.#ports
    const key = keyOf(tracked, settings().window)
    const saved = await saves.find(key)
    if (saved) {
      const { record, stored } = saved
      tracked.response = stored.response
      tracked.since = record.since
      const lastModified = record.tables.calls - record.tables.train.lastModCount
      if (stored.life.frozen)
        tracked.life = { frozen: true, normalTime: stored.life.normalTime, lastModified }
      // A second file of the same path and content (another mount namespace) brings the pairs, not the counts again.
      if (!tracked.known) await sensor.load(tracked.id, record.tables)
      await sensor.respond(tracked.id, delayUnit(tracked.response, settings()))
      messages.say(4, `read profile of ${key.binary}`)
    }
    if (saved || tracked.known) tracked.pairs = await this.#countPairs(tracked)
    tracked.ready = true
  }

  async #countPairs(tracked: Tracked): Promise<number> {
    return tableFrom((await this.#ports.sensor.tables(tracked.id)).rows, 'train').pairs
  }

  async #tick(event: Extract<SensorEvent, { type: 'tick' }>): Promise<void> {
    this.totals = event.totals
    for (const counters of event.counters) {
      const tracked = this.#tracked.get(counters.profile)
      if (!tracked) continue
      tracked.counters = counters
      if (tracked.ready) await this.#live(tracked)
    }
  }

  /** pH's train: freeze, cancel, start normal. */
  async #live(tracked: Tracked): Promise<void> {
    const { sensor, settings, now } = this.#ports
    const counters = tracked.counters as NonNullable<Tracked['counters']>
    const step = lifeStep(tracked.life, counters, settings(), now())
    tracked.life = step.state
    const transitions = [...step.transitions]
    if (step.startNormal !== undefined && (await sensor.act(tracked.id, 'normalize', step.startNormal))) {
      tracked.life = NEW_LIFE
      counters.normal = true
      transitions.push('started-normal')
    }
    if (transitions.length === 0) return
    tracked.changed = true
    const where = { binary: tracked.executable.path, ...counters }
    for (const message of lifeMessages(transitions, where)) this.#say(message)
  }

  /** Saves what is due, or all that changed at all. A save that fails is tried again; nothing is dropped. */
  async saveDue(everything = false): Promise<void> {
    const { saves, now } = this.#ports
    for (const tracked of this.#tracked.values()) {
      const unsaved = tracked.changed || tracked.counters?.calls !== tracked.savedCalls
      if (everything ? tracked.file && tracked.ready && unsaved : saves.due(tracked, now()))
        await this.save(tracked)
    }
  }

  /** Reads the tables and saves them; the record and the file's bytes. */
  async save(tracked: Tracked): Promise<{ record: ProfileRecord; file: Uint8Array }> {
    const { sensor, saves, settings, now } = this.#ports
    tracked.changed = false
    try {
      const tables = await sensor.tables(tracked.id)
      const record = recordFrom(tracked, tables, settings(), now())
      const { file, pairs } = await saves.put(tracked, record, settings())
      tracked.pairs = pairs
      tracked.savedCalls = tables.calls
      tracked.savedAt = now()
      return { record, file }
    } catch (error) {
      tracked.changed = true
      throw error
    }
  }

  list(): Tracked[] {
    return [...this.#tracked.values()]
  }

  /** Live rows, and saved ones that nothing runs now. */
  rows(): ProfileRow[] {
    const settings = this.#ports.settings()
    const rows = new Map(this.#ports.saves.rows)
    for (const tracked of this.#tracked.values()) {
      const row = rowOf(tracked, settings)
      const name = nameOf(row)
      // Until the first tick only what was saved is known of it.
      if (!tracked.counters && rows.has(name)) continue
      if ((rows.get(name)?.tasks ?? 0) <= row.tasks) rows.set(name, row)
    }
    return [...rows.values()]
  }

  /** Carries out an operator's verb on every live profile of a key. */
  async act(live: Tracked[], verb: ProfileVerb): Promise<void> {
    for (const tracked of live) {
      await this.#ports.sensor.act(tracked.id, verb)
      tracked.life = NEW_LIFE
      if (verb === 'reset') tracked.since = this.#ports.now()
      tracked.pairs = await this.#countPairs(tracked)
      tracked.changed = true
      if (tracked.counters)
        tracked.counters.normal = verb === 'normalize' || (verb === 'sensitize' && tracked.counters.normal)
      this.#ports.messages.say(2, `${verb} ${tracked.executable.path}, as the operator asked`)
      if (tracked.file) await this.save(tracked)
    }
  }

  async respond(live: Tracked[], response: Response | undefined): Promise<void> {
    for (const tracked of live) {
      tracked.response = response
      await this.#ports.sensor.respond(tracked.id, delayUnit(response, this.#ports.settings()))
      if (tracked.file) await this.save(tracked)
    }
  }

  /** After settings changed: the sensor learns of them; another window begins with what is saved of that window. */
  async configure(windowChanged: boolean): Promise<void> {
    const { sensor, settings } = this.#ports
    await sensor.configure(this.sensorSettings())
    for (const tracked of this.#tracked.values()) {
      await sensor.respond(tracked.id, delayUnit(tracked.response, settings()))
      if (!windowChanged) continue
      Object.assign(tracked, { life: NEW_LIFE, known: false, ready: false, pairs: 0, changed: true })
      if (tracked.file) await this.#identified(tracked)
    }
  }

  async processes(): Promise<
    {
      pid: number
      binary: string
      abi: string
      calls: number
      lfc: number
      maxLfc: number
      state: string
      delayedMs: number
    }[]
  > {
    const states = await this.#ports.sensor.processes()
    return states.flatMap(({ profile, ...state }) => {
      const tracked = this.#tracked.get(profile)
      if (!tracked) return []
      const row = rowOf(tracked, this.#ports.settings())
      return [{ ...state, binary: row.binary, abi: row.abi, state: row.state }]
    })
  }

  /** The live profiles of a binary: by its path, or the last part of it where that is one program only. */
  find(query: ProfileQuery): Tracked[] {
    const found = this.list().filter(({ executable, file }) =>
      matches(query, executable.path, executable.abi, file?.sha256 ?? ''),
    )
    const paths = [...new Set(found.map(({ executable }) => executable.path))]
    if (paths.length > 1)
      throw new DaemonError(`"${query.binary}" could be ${paths.sort().join(' or ')}: give the whole path`)
    return found
  }
}

function popcount(bits: number): number {
  let count = 0
  for (let rest = bits; rest !== 0; rest &= rest - 1) count++
  return count
}
