/**
 * The judgement of what the kernel tells and of recorded calls is one: a trace replayed by a real program under the
 * kernel sensor gives the same n, r, s and bits, unit by unit, as the same trace out of a file; and with the
 * judgement switched on or off, pH's events are the same.
 */
import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { after, describe, it } from 'node:test'
import {
  EMPTY,
  Judgement,
  measureReport,
  measureUnit,
  SlotTable,
  SupportCounter,
  Supports,
  UNIT_CALLS,
} from '#homeostasis'
import { type SensorEvent, unpackWindows } from '#sensor'
import { KernelSensor } from '#sensor/kernel'
import { hostAbi } from '#syscalls'
import { noKernel, scratch, settings, until } from '../sensor/kernel/available.ts'
import { ftpTraces, noFtpTraces, playable } from './ftp-traces.ts'
import { EXIT_GROUP, noCompat, noCompiler, Player } from './kernel-player.ts'

const skip = (await noKernel()) ?? noCompiler() ?? false
const folder = skip ? '' : scratch()
after(() => folder && rmSync(folder, { recursive: true, force: true }))

/** Room for all that the rest of the host does meanwhile: what is lost would be no fault. */
const sizes = { profiles: 1024, rows: 16_384, units: 8192, ringBytes: 1 << 24, unitRingBytes: 1 << 26 }

type Unit = Extract<SensorEvent, { type: 'unit' }>

/** The units of one program, as the kernel tells of them and as they were played, each judged by its own judgement. */
class Both {
  readonly told: Judgement
  readonly played: Judgement
  readonly table = new SlotTable(1)
  /** Processes by pair, as units tell of them and as the calls do. */
  readonly toldBy = new SupportCounter()
  readonly playedBy = new SupportCounter()
  readonly #events: SensorEvent[] = []
  readonly #sensor: KernelSensor
  readonly #player: Player
  profile = 0

  constructor(sensor: KernelSensor, player: Player, window: number) {
    this.#sensor = sensor
    this.#player = player
    this.told = new Judgement(new Supports(window))
    this.played = new Judgement(new Supports(window))
    sensor.onEvent((event) => this.#events.push(event))
  }

  async run(name: string, trace: number[]): Promise<void> {
    const since = this.#events.length
    const pid = await this.#player.play(name, trace)
    const calls = Uint16Array.from([...trace, EXIT_GROUP], (call) => Math.min(call, 510))
    const parts = Array.from({ length: Math.ceil(calls.length / UNIT_CALLS) }, (_, i) =>
      calls.slice(i * UNIT_CALLS, (i + 1) * UNIT_CALLS),
    )
    const path = this.#player.path(name)
    this.profile ||= await until('the profile', () => {
      const found = this.#events.find((event) => event.type === 'profile' && event.executable.path === path)
      return found?.type === 'profile' && found.profile
    })
    const units = await until('the units', () => {
      const found = this.#events
        .slice(since)
        .filter((event): event is Unit => event.type === 'unit' && event.profile === this.profile)
        .filter((event) => event.pid === pid)
      return found.length >= parts.length && found
    })
    assert.equal(units.length, parts.length)
    // All are measured before one is learned: the kernel had them all with the slots of before.
    const measured = parts.map((part, i) => this.#measure(units[i]!, part, i === 0))
    for (const [i, part] of parts.entries())
      assert.deepEqual(
        this.told.take(measured[i]!),
        this.played.take({ score: measured[i]!.score, runs: [part] }),
      )
    // After every unit: what the kernel has of costs is never stale.
    this.table.write(this.told.supports, this.told.supports.n + 16)
    assert.equal(await this.#sensor.slots(this.profile, this.table.version, this.table.slots), true)
  }

  #measure({ unit }: Unit, part: Uint16Array, first: boolean): ReturnType<typeof measureReport> {
    assert.deepEqual([unit.whole, unit.first, unit.calls], [true, first, part.length])
    const touched = unit.touched.flatMap(({ version, bits }) => {
      const grams = this.table.touched(version, Buffer.from(bits, 'base64'))
      assert.ok(grams, 'a table that nobody knows')
      return grams
    })
    const measured = measureReport(this.told.supports, {
      head: Uint16Array.from(unit.head),
      events: unpackWindows(unit.windows),
      calls: unit.calls,
      cost: unit.cost,
      touched,
    })
    const { n, r, s } = measureUnit(this.played.supports, part)
    assert.deepEqual({ n: measured.score.n, r: measured.score.r, s: measured.score.s }, { n, r, s })
    const { window } = this.told.supports
    const process = this.toldBy.begin()
    for (const run of measured.runs) this.toldBy.run(process, run, window)
    assert.equal(unit.fresh, first)
    if (unit.fresh) this.toldBy.start(process, Uint16Array.from(unit.head), window)
    const same = this.playedBy.begin()
    const previous = new Uint16Array(8).fill(first ? EMPTY : 0)
    for (const [at, call] of part.entries()) {
      // A unit that goes on does not tell of pairs with calls before it.
      const reach = first ? window : Math.min(window, at + 1)
      this.playedBy.window(same, call, previous, reach, 'symbol')
      previous.copyWithin(1, 0, 7)
      previous[0] = call
    }
    return measured
  }

  /** Distance 8 is in no 8-gram: it is known of the windows alone that were told. */
  compareSupport(): void {
    const [told, played] = [this.toldBy, this.playedBy].map((counter) =>
      [...counter.support()].filter(([code]) => code % 8 < 7).sort(([a], [b]) => a - b),
    )
    assert.ok(told!.length > 20)
    assert.deepEqual(told, played)
  }
}

async function watching(window: number): Promise<KernelSensor> {
  const sensor = new KernelSensor({ sizes, tickMs: 50 })
  await sensor.start({ ...settings, window, judge: true }, [])
  return sensor
}

/** Loops over few calls, now and then another: as programs are. */
function invented(seed: number, length: number, oddity: number): number[] {
  let state = seed
  const next = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  }
  const alphabet = [39, 110, 102, 104, 107, 108, 3, 0, 1, 8, 9, 24, 63]
  const calls: number[] = []
  while (calls.length < length) {
    const loop = Array.from({ length: 2 + Math.floor(next() * 9) }, () => alphabet[Math.floor(next() * 13)]!)
    for (let turns = 1 + Math.floor(next() * 60); turns > 0; turns--) {
      calls.push(...loop)
      if (next() < oddity) calls.push(Math.floor(next() * 700))
    }
  }
  return playable(calls.slice(0, length))
}

describe('one judgement', { skip }, () => {
  for (const window of [2, 6, 9])
    it(`invented traces longer than a unit, window ${window}`, async () => {
      const player = new Player(folder)
      const sensor = await watching(window)
      try {
        const both = new Both(sensor, player, window)
        const name = `invented-${window}`
        for (let seed = 1; seed <= 24; seed++)
          await both.run(name, invented(seed % 5, seed % 7 === 0 ? 40_000 : 40 * seed, 0.02))
        both.told.settle()
        both.played.settle()
        assert.ok(both.told.calibration)
        for (let seed = 30; seed <= 34; seed++) await both.run(name, invented(seed, 9000, 0.05))
        assert.equal(sensor.totals().unitRecordsLost, 0)
        both.compareSupport()
      } finally {
        await sensor.stop()
      }
    })

  const archived = noFtpTraces
  for (const window of [6, 9])
    it(`FHIDS: recorded FTP servers and attacks on them, window ${window}`, { skip: archived }, async () => {
      const player = new Player(folder)
      const sensor = await watching(window)
      try {
        const traces = ftpTraces(folder)
        const both = new Both(sensor, player, window)
        const name = `ftp-${window}`
        for (const trace of traces('normal', 60)) await both.run(name, trace)
        both.told.settle()
        both.played.settle()
        assert.ok(both.told.calibration)
        for (const trace of [...traces('normal', 7), ...traces('attack', 12)]) await both.run(name, trace)
        both.compareSupport()
        console.log(
          `# window ${window}: ${both.told.units} units alike, slots ${JSON.stringify(both.table.gauge())}`,
        )
      } finally {
        await sensor.stop()
      }
    })
})

describe('pH beside the judgement', { skip }, () => {
  it('has the same events, counts and tables with it on and off', async () => {
    const player = new Player(folder)
    const name = 'same'
    const run = async (judge: boolean) => {
      const sensor = new KernelSensor({ sizes, tickMs: 50 })
      const events: SensorEvent[] = []
      sensor.onEvent((event) => events.push(event))
      await sensor.start({ ...settings, judge }, [])
      try {
        const pids: number[] = []
        const play = async (trace: number[] | string) => void pids.push(await player.play(name, trace))
        for (let seed = 1; seed <= 6; seed++) await play(invented(seed, 3000, 0.003))
        // Forks, a 32-bit call, numbers that no table holds.
        await play(`39 f 39 110 f 102 e 24 e 39 110 ${noCompat ? '' : 'c20'} 39 39 600 601 39`)
        const path = player.path(name)
        const seen = events.flatMap((event) =>
          event.type === 'profile' && event.executable.path === path ? [event] : [],
        )
        const profiles = seen.map(({ profile }) => profile)
        const native = seen.find(({ executable }) => executable.abi === hostAbi())!.profile
        if (judge) {
          // A table in place, so that the whole of it runs.
          const learned = new Supports(6)
          learned.learn([Uint16Array.from(invented(1, 3000, 0.003))])
          const table = new SlotTable(5)
          table.write(learned, 1)
          await sensor.slots(native, table.version, table.slots)
        }
        await sensor.act(native, 'normalize')
        for (let seed = 1; seed <= 12; seed++) await play(invented(seed, 3000, 0.01))
        await new Promise((resolve) => setTimeout(resolve, 300))
        const judged = events.filter(({ type }) => type === 'unit').length
        const told = events
          .filter((event) => 'profile' in event && profiles.includes(event.profile) && event.type !== 'unit')
          .filter(({ type }) => type !== 'identity')
          .map((event) => JSON.stringify(event, without))
        const tables = []
        for (const { profile, executable } of seen)
          tables.push({ abi: executable.abi, ...(await sensor.tables(profile)) })
        return { judged, told, tables, totals: sensor.totals() }
      } finally {
        await sensor.stop()
      }
    }
    const off = await run(false)
    const on = await run(true)
    assert.equal(off.judged, 0)
    assert.ok(on.judged >= 19)
    assert.ok(on.told.length > 300, `${on.told.length} events are few`)
    assert.deepEqual(on.told, off.told)
    assert.deepEqual(on.tables, off.tables)
    assert.deepEqual([on.totals.lostEvents, on.totals.lost], [off.totals.lostEvents, off.totals.lost])
  })
})

/** What differs between two runs of the same: who, when, and the sensor's own number. */
function without(key: string, value: unknown): unknown {
  return ['pid', 'tid', 'at', 'profile', 'since', 'heldMs'].includes(key) ? undefined : value
}
