/**
 * The life of profiles: takes what a sensor tells, decides once a second what freezes and becomes normal, loads and
 * saves. Events are handled one after the other, in the order they came.
 */
import type { DetectorFigures } from '#environment'
import { lifeMessages, lifeStep, type Message, NEW_LIFE, type ProfileRecord, tableFrom } from '#homeostasis'
import type { Incident } from '#incidents'
import type { ProcessState, SensorEvent, SensorTotals } from '#sensor'
import { oneLine } from '../errors.ts'
import { sensorSettings } from '../settings.ts'
import { messageOf, popcount } from './event-messages.ts'
import { figuresOf } from './figures.ts'
import { confirmUnits, type HeldPorts, tolerateUnits } from './held-units.ts'
import { Judging, type UnitVerdict } from './judging.ts'
import { LiveProfiles } from './live.ts'
import { emptied, Loading } from './loading.ts'
import type { BinaryResponses } from './responses.ts'
import { type KeepingPorts, Saver } from './saver.ts'
import { newTracked, type Tracked } from './tracked.ts'

export type AnomalyEvent = Extract<SensorEvent, { type: 'anomaly' }>

export interface DetectorPorts extends KeepingPorts {
  responses: BinaryResponses
  /** See Config. */
  interpreters?: readonly string[]
  onAnomaly: (event: AnomalyEvent, tracked: Tracked) => void
  /** A process was judged. */
  onJudged: (unit: UnitVerdict, tracked: Tracked) => void
  /** Every event, with the program it is about, for those who follow. */
  onEvent: (event: SensorEvent, binary: string | undefined) => void
}

const levels = { error: 1, state: 2, action: 3 } as const
/** What kill -9 can lose. */
const saveEveryMs = 30_000

export class Detector {
  readonly #ports: DetectorPorts
  readonly live: LiveProfiles
  readonly judging: Judging
  readonly #saver: Saver
  readonly #loading: Loading
  #queue: Promise<void> = Promise.resolve()
  #saveTimer: NodeJS.Timeout | undefined
  totals: SensorTotals | undefined
  /** Anomalous calls since the start. */
  #anomalies = 0

  constructor(ports: DetectorPorts) {
    this.#ports = ports
    this.live = new LiveProfiles(ports.settings)
    this.judging = new Judging(ports)
    this.#saver = new Saver(ports, this.live, this.judging)
    this.#loading = new Loading(ports, this.live, this.judging)
  }

  async start(): Promise<void> {
    const { sensor, saves, settings, messages } = this.#ports
    sensor.onEvent((event) => this.#enqueue(() => this.#take(event)))
    saves.inUse = () => this.live.names()
    const saved = await saves.readAll(settings(), (line) => messages.say(1, line))
    await sensor.start(sensorSettings(settings(), this.#ports.interpreters), saved)
    this.#saveTimer = setInterval(() => this.#enqueue(() => this.#saver.dueOrSay(saveEveryMs)), saveEveryMs)
  }

  /** Resolves when every event told so far is dealt with. */
  idle(): Promise<void> {
    return this.#queue
  }

  async stop(): Promise<void> {
    clearInterval(this.#saveTimer)
    await this.idle()
    try {
      await this.saveAll()
    } catch (error) {
      // The sensor may have gone first: what it learned since the last save goes with it.
      this.#ports.messages.say(1, `the last save is not whole: ${oneLine(error)}`)
    }
    await this.#ports.sensor.stop()
  }

  #enqueue(job: () => Promise<void> | void): void {
    this.#queue = this.#queue.then(job).catch((error) => this.#ports.messages.say(1, oneLine(error)))
  }

  #say(message: Message | undefined): void {
    if (message) this.#ports.messages.say(levels[message.level], message.text)
  }

  async #take(event: SensorEvent): Promise<void> {
    const tracked = 'profile' in event ? this.live.get(event.profile) : undefined
    this.#ports.onEvent(event, event.type === 'profile' ? event.executable.path : tracked?.executable.path)
    if (event.type === 'profile') return this.#appeared(event)
    if (event.type === 'tick') return this.#tick(event)
    // Numbers are the sensor's own: whoever comes back announces its profiles anew.
    if (event.type === 'gone') return this.live.clear()
    if (!tracked) return
    const { messages, now, settings } = this.#ports
    this.#say(messageOf(event, tracked, settings().jiffyMs))
    switch (event.type) {
      case 'identity':
        tracked.file = event.file
        return this.#loading.identified(tracked)
      case 'identity-failed':
        await this.judging.begin(tracked, undefined, undefined)
        tracked.ready = true
        messages.say(4, `no identity of ${tracked.executable.path}: ${event.reason}; its profile is not kept`)
        return
      case 'file-changed':
        Object.assign(tracked, { file: event.file, since: now() })
        emptied(tracked)
        tracked.judged = undefined
        await this.judging.forget(tracked, [tracked])
        messages.say(2, `${tracked.executable.path} was written over: its profile begins anew`)
        return
      case 'novelty':
        tracked.pairs += popcount(event.missing)
        tracked.changed = true
        return
      case 'anomaly':
        tracked.changed = true
        this.#anomalies++
        this.#ports.onAnomaly(event, tracked)
        return
      case 'normal-stopped':
        tracked.life = NEW_LIFE
        tracked.changed = true
        return
      case 'training-reset':
        Object.assign(tracked, { life: NEW_LIFE, pairs: 0, changed: true })
        return
      case 'unit':
        return this.judging.take(event, tracked, this.live.instances(tracked))
      case 'evicted':
        return this.#loading.evicted(tracked, event.tables)
    }
  }

  async #appeared(event: Extract<SensorEvent, { type: 'profile' }>): Promise<void> {
    const { profile, executable, known, at } = event
    this.live.add(newTracked(profile, executable, known === true, at))
    // A sensor that outlived a daemon may still delay it for a lease that died with that one.
    if (known || this.#ports.responses.differs(executable.path))
      await this.#ports.sensor.respond(profile, this.#ports.responses.unitMs(executable.path))
  }

  async #tick(event: Extract<SensorEvent, { type: 'tick' }>): Promise<void> {
    this.totals = event.totals
    for (const counters of event.counters) {
      const tracked = this.live.get(counters.profile)
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
    this.judging.settled(tracked)
    const transitions = [...step.transitions]
    if (step.startNormal !== undefined && (await sensor.act(tracked.id, 'normalize', step.startNormal))) {
      tracked.life = NEW_LIFE
      counters.normal = true
      transitions.push('started-normal')
    }
    if (transitions.length === 0) return
    tracked.changed = true
    for (const message of lifeMessages(transitions, { binary: tracked.executable.path, ...counters }))
      this.#say(message)
  }

  /** Saves all that changed at all, counts included. */
  saveAll(): Promise<void> {
    return this.#saver.all()
  }

  /** What of it is due now. */
  saveDue(): Promise<void> {
    return this.#saver.due()
  }

  /** Reads the tables and saves them; the record and the file's bytes. */
  save(tracked: Tracked): Promise<{ record: ProfileRecord; file: Uint8Array }> {
    return this.#saver.save(tracked)
  }

  /** After settings changed: the sensor learns of them; another window begins with what is saved of that window. */
  async configure(windowChanged: boolean): Promise<void> {
    const { sensor, settings } = this.#ports
    await sensor.configure(sensorSettings(settings(), this.#ports.interpreters))
    for (const tracked of this.live.list()) {
      await this.respond(tracked)
      if (!windowChanged) {
        await this.#judgedOrNot(tracked)
        continue
      }
      emptied(tracked)
      Object.assign(tracked, { known: false, ready: false, judged: undefined })
    }
    if (windowChanged)
      for (const tracked of this.live.list()) if (tracked.file) await this.#loading.identified(tracked)
  }

  /** The judgement was switched on or off: what it had is saved, and goes on from there. */
  async #judgedOrNot(tracked: Tracked): Promise<void> {
    if (this.judging.on === (tracked.judged !== undefined) || !tracked.ready) return
    if (tracked.judged) {
      if (tracked.file) await this.save(tracked)
      this.judging.rest(tracked)
    } else if (tracked.file) await this.#loading.identified(tracked)
  }

  /** Tells the sensor what the response of its binary is now. */
  async respond(tracked: Tracked): Promise<void> {
    const { sensor, responses } = this.#ports
    await sensor.respond(tracked.id, responses.unitMs(tracked.executable.path))
  }

  /**
   * The sensor has other tables of it now (a verb, an import); saved at once where it can be.
   * @param forgotten what it learned is gone, and what it was judged by; what takes its place
   */
  async changed(
    tracked: Tracked,
    life: Pick<Tracked, 'life' | 'since'>,
    forgotten?: Pick<ProfileRecord, 'support'>,
  ): Promise<void> {
    Object.assign(tracked, life)
    if (forgotten)
      await this.judging.forget(tracked, this.live.instances(tracked), {
        ...(forgotten.support ? { support: forgotten.support } : {}),
      })
    const tables = await this.#ports.sensor.tables(tracked.id)
    tracked.pairs = tableFrom(tables.rows, 'train').pairs
    tracked.changed = true
    if (tracked.counters) tracked.counters.normal = tables.normal
    this.judging.settled(tracked)
    if (tracked.file) await this.save(tracked)
  }

  /** What it held is learned on the operator's word alone. False: nothing of it is here. */
  confirm(incident: Incident): Promise<boolean> {
    return this.#soon(() => confirmUnits(this.#held(), incident))
  }

  /** What it held is learned. */
  tolerate(incident: Incident): Promise<boolean> {
    return this.#soon(() => tolerateUnits(this.#held(), incident))
  }

  #held(): HeldPorts {
    return { live: this.live, saves: this.#ports.saves, save: (tracked) => this.save(tracked) }
  }

  /** After what was told so far; what goes wrong is said. */
  async #soon(job: () => Promise<boolean>): Promise<boolean> {
    let done = false
    this.#enqueue(async () => {
      done = await job()
    })
    await this.#queue
    return done
  }

  async processes(): Promise<(Omit<ProcessState, 'profile'> & { tracked: Tracked })[]> {
    const states = await this.#ports.sensor.processes()
    return states.flatMap(({ profile, ...state }) => {
      const tracked = this.live.get(profile)
      return tracked ? [{ ...state, tracked }] : []
    })
  }

  /** What the environment measures of it. */
  async figures(): Promise<DetectorFigures> {
    const counts = { anomalies: this.#anomalies, newBinaries: this.#loading.newBinaries }
    const processes = await this.#ports.sensor.processes()
    return { ...counts, ...figuresOf(this.live.list(), processes), delayed: this.totals?.delayedNow ?? 0 }
  }
}
