/**
 * The eBPF program and the TypeScript core are one specification: a recorded trace, replayed by a real program under
 * the kernel sensor, gives the same pairs, counters, anomalies and LFC as the same trace through homeostasis.
 */
import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { after, before, describe, it } from 'node:test'
import { DEFAULT_SETTINGS, OUT_OF_RANGE, Profile, type ProfileTables, type Settings } from '#homeostasis'
import type { SensorEvent } from '#sensor'
import { KernelSensor } from '#sensor/kernel'
import { hostAbi } from '#syscalls'
import { noKernel, scratch, until } from '../sensor/kernel/available.ts'
import { ftpTraces, noFtpTraces, playable } from './ftp-traces.ts'
import { EXIT_GROUP, noCompiler, Player } from './kernel-player.ts'

const skip = (await noKernel()) ?? noCompiler() ?? false

/** mulberry32: the same traces at every run. */
function random(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }
}

/** Calls as a program makes them: loops over few calls, now and then another, and numbers no table holds. */
function invented(seed: number, length: number, alphabet: number[], oddity: number): number[] {
  const next = random(seed)
  const calls: number[] = []
  while (calls.length < length) {
    const loop = Array.from(
      { length: 2 + Math.floor(next() * 4) },
      () => alphabet[Math.floor(next() * alphabet.length)]!,
    )
    for (let turns = 3 + Math.floor(next() * 30); turns > 0; turns--) {
      calls.push(...loop)
      if (next() < oddity) calls.push(Math.floor(next() * 700))
    }
  }
  return playable(calls.slice(0, length))
}

function comparable(tables: ProfileTables) {
  const rows = tables.rows.filter((row) => row.train.some((bits) => bits) || row.test.some((bits) => bits))
  return {
    ...tables,
    rows: rows
      .map(({ current, train, test }) => ({
        current,
        train: [...train.entries()].filter(([, bits]) => bits !== 0),
        test: [...test.entries()].filter(([, bits]) => bits !== 0),
      }))
      .sort((a, b) => a.current - b.current),
  }
}

/** The same settings on both sides. */
function sides(over: Partial<Settings>) {
  const settings: Settings = { ...DEFAULT_SETTINGS, ...over, normalWait: 3e8 }
  const { window, anomalyLimit, tolerizeLimit, localityWindow } = settings
  return {
    settings,
    sensor: { window, anomalyLimit, tolerizeLimit, localityWindow, delayLimitMs: 0, defaultDelayUnitMs: 0 },
  }
}

describe('one specification', { skip }, () => {
  const folder = skip ? '' : scratch()
  const events: SensorEvent[] = []
  let player: Player
  let sensor: KernelSensor
  before(async () => {
    player = new Player(folder)
    sensor = new KernelSensor({ sizes: { profiles: 128, rows: 8192 }, tickMs: 50 })
    sensor.onEvent((event) => events.push(event))
    await sensor.start(sides({}).sensor, [])
  })
  after(async () => {
    await sensor?.stop()
    if (folder) rmSync(folder, { recursive: true, force: true })
  })

  /** Learns some traces, becomes normal, is tested with others; both sides are compared after every process. */
  async function compare(name: string, over: Partial<Settings>, learn: number[][], test: number[][]) {
    const { settings, sensor: limits } = sides(over)
    await sensor.configure(limits)
    const key = { binary: player.path(name), abi: hostAbi(), window: settings.window, sha256: '' }
    const model = new Profile(key, settings)
    let id = 0
    let stops = 0
    let resets = 0
    const run = async (trace: number[]) => {
      const since = events.length
      const pid = await player.play(name, trace)
      const task = model.begin()
      let anomalous = 0
      // Highest since the frame was last reset: what the kernel tells at the end.
      for (const call of [...trace, EXIT_GROUP]) {
        // Wide tables are for foreign traces; a sensor has one slot for what is no number of a table.
        const outcome = model.process(task, Math.min(call, OUT_OF_RANGE), 0)
        if (outcome.anomalous) anomalous++
        if (outcome.stoppedNormal) stops++
        if (outcome.trainingResetBegan) resets++
      }
      id ||= await until('the profile', () => {
        const found = events.find((event) => event.type === 'profile' && event.executable.path === key.binary)
        return found?.type === 'profile' && found.profile
      })
      const ended = await until('the end of the process', () => {
        const found = events.slice(since).find((event) => event.type === 'ended' && event.pid === pid)
        if (found?.type === 'ended') return found
        return anomalous === 0 && { anomalous: 0, maxLfc: task.maxLfc }
      })
      assert.deepEqual(
        [ended.anomalous, ended.maxLfc],
        [anomalous, task.maxLfc],
        `${name}: anomalous, max LFC`,
      )
      assert.deepEqual(comparable(await sensor.tables(id)), comparable(model.toTables()), name)
    }
    for (const trace of learn) await run(trace)
    assert.equal(await sensor.act(id, 'normalize'), true)
    model.startNormal()
    const since = events.length
    for (const trace of test) await run(trace)
    const told = (type: SensorEvent['type']) =>
      events.slice(since).filter((event) => event.type === type && 'profile' in event && event.profile === id)
        .length
    assert.deepEqual([told('normal-stopped'), told('training-reset')], [stops, resets])
    return { stops, resets, calls: model.calls, anomalies: model.anomalies }
  }

  const alphabet = [39, 110, 102, 104, 107, 108, 3, 0, 1, 8, 9, 600, 24, 63]

  for (const window of [2, 6, 9])
    it(`invented traces, window ${window}: learning and testing`, async () => {
      const learn = [1, 2, 3].map((seed) => invented(seed, 3000, alphabet, 0.002))
      const test = [4, 5, 6].map((seed) => invented(seed, 3000, alphabet, 0.01))
      const { calls } = await compare(`invented-${window}`, { window }, learn, test)
      assert.ok(calls > 15_000)
    })

  it('a trickle exceeds the anomaly limit', async () => {
    const loop = Array.from({ length: 1500 }, (_, i) => [39, 110, 102][i % 3]!)
    const trickle = loop.flatMap((call, i) => (i % 200 === 199 ? [call, 24] : [call]))
    const { stops } = await compare('trickle', { window: 9 }, [loop], [trickle, loop, trickle])
    assert.equal(stops, 1)
  })

  it('a burst exceeds the tolerize limit, again and again', async () => {
    const loop = Array.from({ length: 600 }, (_, i) => [39, 110, 102][i % 3]!)
    const burst = (at: number) => [...loop.slice(0, at), ...invented(at, 60, [24, 63, 107, 8], 0), ...loop]
    const limits = { tolerizeLimit: 4, localityWindow: 32, anomalyLimit: 1000 }
    const { resets } = await compare(
      'burst',
      limits,
      [loop],
      [burst(90), burst(33), [...burst(40), ...burst(50)]],
    )
    assert.ok(resets >= 3)
  })

  it('a locality frame of one call, a limit of no anomaly', async () => {
    const loop = Array.from({ length: 300 }, (_, i) => [39, 110][i % 2]!)
    const odd = [...loop, 24, ...loop, 63, 63, ...loop]
    await compare('short', { localityWindow: 1, tolerizeLimit: 1, anomalyLimit: 0 }, [loop], [odd, odd])
  })

  it('FHIDS: recorded FTP servers, and attacks on them', {
    skip: noFtpTraces,
  }, async () => {
    const traces = ftpTraces(folder)
    const result = await compare('ftp', {}, traces('normal', 60), [
      ...traces('normal', 13),
      ...traces('attack', 40),
    ])
    assert.ok(result.calls > 10_000)
    console.log(
      `# FHIDS FTP: ${result.calls} calls alike, ${result.stops} normal stops, ${result.resets} resets`,
    )
  })
})
