/**
 * What every Sensor must do, whatever its calls come from. A world runs programs under a sensor; programs may make
 * more calls than they are told to (real ones start and end), so what is asserted is what those told must bring.
 */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { EMPTY, OUT_OF_RANGE } from '#homeostasis'
import type { ProfileCounters, SavedProfile, Sensor, SensorEvent, SensorSettings } from '#sensor'
import { callNumber, hostAbi } from '#syscalls'
import { patience } from '../patience.ts'
import type { Step } from './player.ts'

/** A sensor at work and a way to run programs before its eyes. */
export interface World {
  sensor: Sensor
  /** Path of a program of this name, as the sensor's events have it. */
  path(name: string): string
  /** Runs the program with these steps; resolves when it has ended (the sensor may be behind). */
  play(name: string, steps: readonly Step[]): Promise<void>
  stop(): Promise<void>
}

export interface WorldMaker {
  /** A world whose sensor has been started like this. Programs of one name are the same files in every world. */
  make(settings: SensorSettings, saved: SavedProfile[], listen: (event: SensorEvent) => void): Promise<World>
  /** The sensor holds processes when it is told to. */
  delays: boolean
  /** Files can be identified. */
  identifies: boolean
}

const settings: SensorSettings = {
  window: 6,
  anomalyLimit: 30,
  tolerizeLimit: 12,
  localityWindow: 128,
  delayLimitMs: 100,
  defaultDelayUnitMs: 0,
}

/** Calls without effect that no runtime makes by itself. */
const call = (name: string) => callNumber(hostAbi(), name) as number
const A = call('getppid')
const B = call('sched_get_priority_max')
const C = call('getsid')
const X = call('sched_get_priority_min')
const cycle = (times: number): number[] => new Array(times).fill([A, B, C]).flat()
const ordinary = cycle(12)
const unusual = [...cycle(4), X, ...cycle(8)]

type Told<Type extends SensorEvent['type']> = Extract<SensorEvent, { type: Type }>

/** Waits until `seek` finds something: sensors report in their own time. */
async function eventually<T>(what: string, seek: () => T | undefined | false, ms = 8000): Promise<T> {
  const limit = ms * patience
  const end = Date.now() + limit
  for (;;) {
    const found = seek()
    if (found !== undefined && found !== false) return found
    if (Date.now() > end) assert.fail(`${what}: not within ${limit} ms`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

/** A world and all it told. */
class Watcher {
  readonly events: SensorEvent[] = []
  world!: World

  async start(maker: WorldMaker, over: Partial<SensorSettings> = {}, saved: SavedProfile[] = []) {
    this.world = await maker.make({ ...settings, ...over }, saved, (event) => this.events.push(event))
  }

  get sensor(): Sensor {
    return this.world.sensor
  }

  of<Type extends SensorEvent['type']>(type: Type, since = 0): Told<Type>[] {
    return this.events.slice(since).filter((event) => event.type === type) as Told<Type>[]
  }

  /** The profile of a program, once it was announced. */
  profile(name: string): Promise<Told<'profile'>> {
    const path = this.world.path(name)
    return eventually(`a profile of ${path}`, () =>
      this.of('profile').find((event) => event.executable.path === path),
    )
  }

  /** Plays, and waits until the sensor has seen the end of it; gives back the program's counters then. */
  async play(name: string, steps: readonly Step[]): Promise<ProfileCounters> {
    await this.world.play(name, steps)
    const { profile } = await this.profile(name)
    const since = this.events.length
    let before = -1
    return eventually(`the end of ${name}`, () => {
      const counters = this.of('tick', since)
        .at(-1)
        ?.counters.find((one) => one.profile === profile)
      if (!counters || counters.tasks > 0) return undefined
      const calm = counters.calls === before
      before = counters.calls
      return calm && counters
    })
  }

  async rows(profile: number) {
    return new Map((await this.sensor.tables(profile)).rows.map((row) => [row.current, row]))
  }

  /** A program that has learned the ordinary and is normal. */
  async settled(name: string): Promise<number> {
    for (let n = 0; n < 3; n++) await this.play(name, ordinary)
    const { profile } = await this.profile(name)
    assert.equal(await this.sensor.act(profile, 'normalize'), true)
    return profile
  }
}

/** Runs the suite. `skip`: why this sensor cannot be here. */
export function sensorSuite(name: string, maker: WorldMaker, skip?: string): void {
  describe(`sensor suite: ${name}`, { skip: skip ?? false }, () => {
    const watcher = new Watcher()
    before(() => watcher.start(maker))
    after(() => watcher.world?.stop())

    it('announces a program once, with its path, and its identity', async () => {
      await watcher.play('announced', [A])
      await watcher.play('announced', [A])
      const { profile, executable } = await watcher.profile('announced')
      assert.equal(watcher.of('profile').filter((event) => event.profile === profile).length, 1)
      assert.equal(executable.abi, hostAbi())
      if (maker.identifies) {
        const identity = await eventually('its identity', () =>
          watcher.of('identity').find((event) => event.profile === profile),
        )
        assert.match(identity.file.sha256, /^[0-9a-f]{64}$/)
        assert.ok(identity.file.sizeBytes > 0)
      }
    })

    it('learns pairs by distance, tells each novelty with its window, takes EMPTY as a symbol', async () => {
      const counters = await watcher.play('learner', [A, B, C])
      const { profile } = await watcher.profile('learner')
      const rows = await watcher.rows(profile)
      assert.equal((rows.get(B)?.train[A] ?? 0) & 1, 1)
      assert.equal((rows.get(C)?.train[B] ?? 0) & 1, 1)
      assert.equal((rows.get(C)?.train[A] ?? 0) & 2, 2)
      assert.equal(rows.get(A)?.train[C] ?? 0, 0)
      assert.ok(
        [...rows.values()].some((row) => row.train[EMPTY] === 0b11111),
        'the first call of a process',
      )
      assert.ok([...rows.values()].every((row) => row.test.every((bits) => bits === 0)))
      const novelty = watcher
        .of('novelty')
        .find((event) => event.profile === profile && event.current === C && event.previous[0] === B)
      assert.ok(novelty, 'a novelty for the third call')
      assert.equal(novelty.previous.length, 5)
      assert.equal(novelty.previous[1], A)
      assert.equal(novelty.missing & 0b11, 0b11)
      const tables = await watcher.sensor.tables(profile)
      assert.equal(tables.calls, counters.calls)
      assert.deepEqual(
        [tables.train.trainCount, tables.train.lastModCount, tables.train.sequences],
        [counters.trainCount, counters.lastModCount, counters.sequences],
      )
      const told = watcher.of('novelty').filter((event) => event.profile === profile)
      assert.equal(counters.sequences, told.length)
      assert.ok(counters.lastModCount < counters.trainCount)
    })

    it('a number that no table holds is one call', async () => {
      await watcher.play('stranger', [A, 9999, A])
      const { profile } = await watcher.profile('stranger')
      const rows = await watcher.rows(profile)
      assert.equal((rows.get(OUT_OF_RANGE)?.train[A] ?? 0) & 1, 1)
      assert.equal((rows.get(A)?.train[OUT_OF_RANGE] ?? 0) & 1, 1)
    })

    it('counts add up', async () => {
      const before = await watcher.play('counted', ordinary)
      const after = await watcher.play('counted', [...ordinary, ...ordinary])
      assert.ok(after.calls - before.calls >= 2 * ordinary.length)
      for (const { totals } of watcher.of('tick'))
        assert.equal(totals.seen, totals.processed + totals.skipped + totals.lost)
      const last = watcher.of('tick').at(-1)
      assert.ok(last && last.totals.processed >= last.counters.reduce((sum, one) => sum + one.calls, 0))
    })

    it('a child has a copy of the window of its parent', async () => {
      await watcher.sensor.configure({ ...settings, window: 9 })
      await watcher.play('forker', [A, B, { fork: [X] }, C])
      const { profile } = await watcher.profile('forker')
      const rows = await watcher.rows(profile)
      assert.ok((rows.get(X)?.train[B] ?? 0) > 0, 'the child made X after its parent had made B')
      assert.equal(rows.get(C)?.train[X] ?? 0, 0, 'the parent never made X')
      await watcher.sensor.configure(settings)
      assert.equal((await watcher.rows(profile)).size, 0, 'another window empties every profile')
    })

    it('a normal program: silent while ordinary; one foreign call is LFC 6, and what it does is learned', async () => {
      const profile = await watcher.settled('normal')
      const quiet = watcher.events.length
      const counters = await watcher.play('normal', ordinary)
      assert.equal(counters.normal, true)
      const noise = watcher.of('anomaly', quiet).filter((event) => event.profile === profile)
      assert.deepEqual(noise, [])
      const since = watcher.events.length
      const odd = await watcher.play('normal', unusual)
      const anomalies = watcher.of('anomaly', since).filter((event) => event.profile === profile)
      assert.deepEqual(
        anomalies.map(({ current, lfc, maxLfc, anomalies }) => ({ current, lfc, maxLfc, anomalies })),
        [X, A, B, C, A, B].map((current, i) => ({ current, lfc: i + 1, maxLfc: i + 1, anomalies: i + 1 })),
      )
      assert.deepEqual(anomalies[0]?.previous, [C, B, A, C, B])
      assert.deepEqual(
        anomalies.map((event) => event.missing),
        [0b11111, 0b11111, 0b11110, 0b11100, 0b11000, 0b10000],
        'the foreign call shifts what stands before it: unknown at every distance that reaches past it',
      )
      assert.equal(odd.anomalies, 6)
      const ended = watcher.of('ended', since).find((event) => event.profile === profile)
      assert.deepEqual([ended?.anomalous, ended?.maxLfc], [6, 6])
      const rows = await watcher.rows(profile)
      assert.equal((rows.get(X)?.train[C] ?? 0) & 1, 1)
      assert.equal(rows.get(X)?.test[C] ?? 0, 0)
    })

    it('the anomaly limit is looked at before the anomaly is counted', async () => {
      const profile = await watcher.settled('limited')
      await watcher.sensor.configure({ ...settings, anomalyLimit: 2 })
      const since = watcher.events.length
      const counters = await watcher.play('limited', unusual)
      await watcher.sensor.configure(settings)
      const stopped = watcher.of('normal-stopped', since).filter((event) => event.profile === profile)
      assert.deepEqual(
        stopped.map(({ anomalies, limit }) => ({ anomalies, limit })),
        [{ anomalies: 4, limit: 2 }],
      )
      const told = watcher.of('anomaly', since).filter((event) => event.profile === profile)
      assert.deepEqual(
        told.map((event) => event.lfc),
        [1, 2, 3, 1],
      )
      assert.deepEqual([counters.normal, counters.anomalies], [false, 4])
    })

    it('the tolerize limit drops training while LFC is above it, and is told once', async () => {
      const profile = await watcher.settled('tolerant')
      await watcher.sensor.configure({ ...settings, tolerizeLimit: 3 })
      const since = watcher.events.length
      const counters = await watcher.play('tolerant', unusual)
      await watcher.sensor.configure(settings)
      const resets = watcher.of('training-reset', since).filter((event) => event.profile === profile)
      assert.deepEqual(
        resets.map(({ lfc, limit }) => ({ lfc, limit })),
        [{ lfc: 4, limit: 3 }],
      )
      assert.deepEqual([counters.sequences, counters.trainCount, counters.anomalies], [0, 0, 0])
      assert.equal(counters.normal, true)
      const rows = await watcher.rows(profile)
      assert.ok([...rows.values()].every((row) => row.train.every((bits) => bits === 0)))
      assert.equal((rows.get(B)?.test[A] ?? 0) & 1, 1, 'the test table stays in force')
    })

    it('a decision that came too late is not carried out', async () => {
      const first = await watcher.play('late', [A, B])
      const second = await watcher.play('late', [A, X])
      const decided = (counters: ProfileCounters) => counters.calls - counters.lastModCount
      assert.equal(await watcher.sensor.act(second.profile, 'normalize', decided(first)), false)
      assert.equal((await watcher.sensor.tables(second.profile)).normal, false)
      assert.equal(await watcher.sensor.act(second.profile, 'normalize', decided(second)), true)
      const tables = await watcher.sensor.tables(second.profile)
      assert.deepEqual([tables.normal, tables.train.trainCount, tables.train.lastModCount], [true, 0, 0])
      assert.equal(tables.test.trainCount, second.trainCount)
    })

    it('sensitize forgets training, tolerize stops testing, reset forgets everything', async () => {
      const profile = await watcher.settled('verbs')
      const has = async (kind: 'train' | 'test') =>
        [...(await watcher.rows(profile)).values()].some((row) => row[kind].some((bits) => bits !== 0))
      await watcher.sensor.act(profile, 'sensitize')
      assert.deepEqual([await has('train'), await has('test')], [false, true])
      await watcher.sensor.act(profile, 'tolerize')
      assert.equal((await watcher.sensor.tables(profile)).normal, false)
      await watcher.play('verbs', unusual)
      assert.deepEqual(
        watcher.of('anomaly').filter((event) => event.profile === profile),
        [],
      )
      await watcher.sensor.act(profile, 'reset')
      const { calls, train, normal } = await watcher.sensor.tables(profile)
      assert.deepEqual([await has('train'), await has('test')], [false, false])
      assert.deepEqual([calls, train.trainCount, train.sequences, normal], [0, 0, 0, false])
    })

    it('load adds saved tables to what was learned', async () => {
      await watcher.play('loaded', [A, B])
      const { profile } = await watcher.profile('loaded')
      const before = await watcher.sensor.tables(profile)
      const train = new Uint8Array(512)
      train[X] = 1
      const row = { current: X, train, test: train.slice() }
      const counts = { sequences: 1, trainCount: 10, lastModCount: 9 }
      const saved = { calls: 10, train: counts, test: counts, anomalies: 0, normal: false, rows: [row] }
      await watcher.sensor.load(profile, saved)
      const rows = await watcher.rows(profile)
      assert.equal(rows.get(X)?.train[X], 1)
      assert.equal((rows.get(B)?.train[A] ?? 0) & 1, 1)
      assert.equal((await watcher.sensor.tables(profile)).calls, before.calls + 10)
    })

    it('lists the processes of watched programs', async () => {
      const running = watcher.world.play('running', [A, B, { pauseMs: maker.delays ? 2500 : 0 }])
      if (maker.delays) {
        const { profile } = await watcher.profile('running')
        let found = false
        for (let n = 0; n < 100 && !found; n++) {
          await new Promise((resolve) => setTimeout(resolve, 20))
          found = (await watcher.sensor.processes()).some((one) => one.profile === profile && one.calls > 2)
        }
        assert.ok(found)
      }
      await running
      const { profile } = await watcher.play('running', [A]).then(() => watcher.profile('running'))
      assert.ok((await watcher.sensor.processes()).every((one) => one.profile !== profile))
    })

    it('holds a process 2^LFC units for each call, not beyond the limit, and lets go', {
      skip: maker.delays ? false : 'this sensor watches no running process',
    }, async () => {
      const profile = await watcher.settled('delayed')
      await watcher.sensor.respond(profile, 10)
      const since = watcher.events.length
      const begun = Date.now()
      await watcher.play('delayed', [...cycle(4), X, { pauseMs: 300 }])
      const delayed = watcher.of('delayed', since).filter((event) => event.profile === profile)
      assert.ok(delayed.length > 0)
      for (const { lfc, delayMs } of delayed)
        assert.equal(delayMs, Math.min(10 * 2 ** lfc, settings.delayLimitMs))
      const held = watcher.of('resumed', since).filter((event) => event.pid === delayed[0]?.pid)
      assert.ok(held.length > 0 && held.every(({ heldMs }) => heldMs >= 0))
      assert.ok(Date.now() - begun >= (delayed[0]?.delayMs ?? 0))
      await watcher.sensor.respond(profile, 0)
      const calm = watcher.events.length
      await watcher.play('delayed', [...cycle(4), X])
      assert.equal(watcher.of('delayed', calm).filter((event) => event.profile === profile).length, 0)
    })

    it('starts with saved profiles: tables, normal, in force from the first call', async () => {
      const profile = await watcher.settled('saved')
      const { executable } = await watcher.profile('saved')
      const identity = watcher.of('identity').find((event) => event.profile === profile)
      const tables = await watcher.sensor.tables(profile)
      const second = new Watcher()
      const file = identity?.file ?? { sha256: '', sizeBytes: 0, mtimeMs: 0, ctimeMs: 0 }
      await watcher.world.stop()
      await second.start(maker, {}, [{ executable, file, tables, delayUnitMs: 0 }])
      try {
        const counters = await second.play('saved', unusual)
        assert.equal(counters.normal, true)
        assert.ok(counters.calls > tables.calls)
        const told = second.of('anomaly').filter((event) => event.profile === counters.profile)
        assert.deepEqual(
          told.map((event) => event.current),
          [X, A, B, C, A, B],
        )
      } finally {
        await second.world.stop()
      }
    })
  })
}
