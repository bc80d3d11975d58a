/** The judgement of live programs: units in, verdicts out, slots to the sensor, all of it kept with the profiles. */
import { randomInt } from 'node:crypto'
import {
  barFor,
  type JudgementLevel,
  judgementBody,
  judgementFrom,
  LiveJudgement,
  type LiveVerdict,
  type ProfileRecord,
  verdictLevel,
} from '#homeostasis'
import { type Sensor, type SensorEvent, unpackWindows } from '#sensor'
import type { Messages } from '../messages.ts'
import type { DaemonSettings } from '../settings.ts'
import type { Judged, Tracked } from './tracked.ts'

export type UnitEvent = Extract<SensorEvent, { type: 'unit' }>

/** A unit that was judged. */
export interface UnitVerdict extends LiveVerdict {
  level: JudgementLevel
  /** Bits from which on it is an incident: more for a program with many units a day. */
  bar: number
  event: UnitEvent
}

/** Units of a program whose saved judgement is being read; beyond it they are not judged. */
const EARLY_LIMIT = 256
const WORD = 2 ** 32

export interface JudgingPorts {
  sensor: Sensor
  settings: () => DaemonSettings
  messages: Messages
  now: () => number
  onJudged: (unit: UnitVerdict, tracked: Tracked) => void
}

type Saved = Pick<ProfileRecord, 'judgement' | 'support'>

export class Judging {
  readonly #ports: JudgingPorts
  readonly #early = new Map<number, UnitEvent[]>()
  #earlyLost = 0

  constructor(ports: JudgingPorts) {
    this.#ports = ports
  }

  get on(): boolean {
    return this.#ports.sensor.slots !== undefined && this.#ports.settings().judge === 'on'
  }

  /** What was saved of a profile is known now: its judgement goes on, or begins. */
  async begin(tracked: Tracked, saved: Saved | undefined, sibling: Judged | undefined): Promise<void> {
    if (!this.on) {
      const { judgement, support } = saved ?? {}
      tracked.resting = { ...(judgement ? { judgement } : {}), ...(support ? { support } : {}) }
      return
    }
    tracked.resting = {}
    const { settings, messages, now } = this.#ports
    const window = settings().window
    const random = { seed: randomInt(WORD), version: randomInt(WORD) }
    if (sibling) tracked.judged = sibling
    else {
      let from: ConstructorParameters<typeof LiveJudgement>[0] = window
      if (saved?.judgement)
        try {
          from = judgementFrom(saved.judgement, random.seed)
        } catch (error) {
          messages.say(
            1,
            `${tracked.executable.path}: ${(error as Error).message}: its judgement begins anew`,
          )
        }
      const live = new LiveJudgement(from, random, now(), saved?.judgement ? tracked.since : now())
      if (saved?.support) live.processes.restore(saved.support, live.judgement.units)
      tracked.judged = { live, unsaved: 0 }
    }
    await this.#write(tracked)
    const early = this.#early.get(tracked.id) ?? []
    this.#early.delete(tracked.id)
    for (const event of early) await this.take(event, tracked, [tracked])
  }

  /** Everything it was judged by is gone, as its tables are; `saved` takes its place. */
  async forget(tracked: Tracked, instances: readonly Tracked[], saved?: Saved): Promise<void> {
    for (const one of instances) one.judged = undefined
    await this.begin(tracked, saved, undefined)
    for (const one of instances) if (one !== tracked) await this.begin(one, undefined, tracked.judged)
  }

  /** The sensor has it no more, or numbers it anew. */
  drop(tracked: Tracked): void {
    this.#early.delete(tracked.id)
  }

  /** It was switched off: what it had stays with the profile. */
  rest(tracked: Tracked): void {
    tracked.resting = this.kept(tracked)
    tracked.judged = undefined
  }

  /** pH takes the profile for normal, or not: the first time it does, learning is over. */
  settled(tracked: Tracked): void {
    const judgement = tracked.judged?.live.judgement
    if (!judgement || judgement.settled || !tracked.counters?.normal) return
    judgement.settle()
    tracked.changed = true
  }

  /** @param instances all files of its key, which share one judgement */
  async take(event: UnitEvent, tracked: Tracked, instances: readonly Tracked[]): Promise<void> {
    const { judged } = tracked
    if (!judged) {
      if (this.on && !tracked.ready) this.#hold(event)
      return
    }
    const { live } = judged
    const { unit } = event
    let { whole } = unit
    const touched = unit.touched.flatMap(({ version, bits }) => {
      const grams = live.slots.touched(version, Buffer.from(bits, 'base64'))
      if (!grams) whole = false
      return grams ?? []
    })
    const verdict = live.take({
      report: {
        head: Uint16Array.from(unit.head),
        events: unpackWindows(unit.windows),
        calls: unit.calls,
        cost: unit.cost,
        touched,
      },
      edges: unit.started === undefined ? [] : [{ parent: tracked.executable.path, started: unit.started }],
      tid: event.tid,
      first: unit.first,
      fresh: unit.fresh,
      whole,
    })
    judged.unsaved++
    if (verdict.slotsDue) for (const one of instances) await this.#write(one)
    const bar = barFor(live.unitsPerDay(this.#ports.now()))
    this.#ports.onJudged({ ...verdict, level: verdictLevel(verdict.verdict, bar), bar, event }, tracked)
  }

  /** What a profile file keeps of it. */
  kept(tracked: Tracked): Pick<ProfileRecord, 'judgement' | 'support'> {
    const { judged } = tracked
    if (!judged) return tracked.resting
    const support = judged.live.processes.support()
    return {
      judgement: judgementBody(judged.live.judgement),
      ...(support.size > 0 ? { support } : {}),
    }
  }

  gauge(): { early: number; earlyLost: number } {
    let early = 0
    for (const units of this.#early.values()) early += units.length
    return { early, earlyLost: this.#earlyLost }
  }

  #hold(event: UnitEvent): void {
    if (this.gauge().early >= EARLY_LIMIT) {
      this.#earlyLost++
      return
    }
    const held = this.#early.get(event.profile) ?? []
    held.push(event)
    this.#early.set(event.profile, held)
  }

  async #write({ id, judged }: Tracked): Promise<void> {
    if (!judged) return
    const { version, slots } = judged.live.write()
    await this.#ports.sensor.slots?.(id, version, slots)
  }
}
