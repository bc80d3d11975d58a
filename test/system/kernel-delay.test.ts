/** Delays are leases: whatever dies, nothing stays stopped. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { after, describe, it } from 'node:test'
import { SensorClient, type SensorEvent, SensorSupervisor } from '#sensor'
import { patience } from '../patience.ts'
import { noKernel, scratch, until } from '../sensor/kernel/available.ts'
import { noCompiler, Player } from './kernel-player.ts'

const skip = (await noKernel()) ?? noCompiler() ?? false
const folder = skip ? '' : scratch()
const player = skip ? (undefined as never) : new Player(folder)
after(() => folder && rmSync(folder, { recursive: true, force: true }))

const settings = {
  window: 6,
  anomalyLimit: 1000,
  tolerizeLimit: 100,
  localityWindow: 128,
  delayLimitMs: 60_000,
  defaultDelayUnitMs: 0,
}
const USUAL = Array(100).fill('39 110 102').join(' ')
const ODD = 24
const MAIN = join(import.meta.dirname, '../../src/sensor/kernel/main.ts')

const stateOf = (pid: number) => {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'latin1').replace(/.*\) /s, '')[0]
  } catch {
    return undefined
  }
}

/** Ids of the programs a process holds. */
function programsOf(pid: number): string[] {
  return readdirSync(`/proc/${pid}/fdinfo`).flatMap((fd) => {
    const id = /^prog_id:\t(\d+)$/m.exec(readFileSync(`/proc/${pid}/fdinfo/${fd}`, 'latin1'))
    return id?.[1] ? [id[1]] : []
  })
}
const isLoaded = (id: string) => spawnSync('bpftool', ['prog', 'show', 'id', id]).status === 0
const noBpftool = spawnSync('bpftool', ['version']).error ? 'bpftool is not installed' : undefined

class World {
  readonly events: SensorEvent[] = []
  readonly supervisor = new SensorSupervisor()
  readonly state: string
  process!: ChildProcess
  client!: SensorClient

  constructor(name: string) {
    this.state = join(folder, name)
    mkdirSync(this.state)
  }

  async start(...more: string[]): Promise<void> {
    this.process = spawn(
      process.execPath,
      [MAIN, '--socket', join(this.state, 'sensor.sock'), '--supervisor-fd', '3', ...more],
      { cwd: this.state, stdio: ['ignore', 'ignore', 'inherit', 'pipe'], detached: true },
    )
    this.supervisor.listen(this.process.stdio[3] as Readable)
    this.client = new SensorClient(join(this.state, 'sensor.sock'))
    this.client.onEvent((event) => this.events.push(event))
    await this.client.start(settings, [])
  }

  profileOf(path: string): Promise<number> {
    return until(`a profile of ${path}`, () => {
      const found = this.events.findLast(
        (event) => event.type === 'profile' && event.executable.path === path,
      )
      return found?.type === 'profile' && found.profile
    })
  }

  /** A program that is normal, and slowed down when it is not. */
  async settle(name: string, unitMs: number): Promise<number> {
    await player.play(name, USUAL)
    const profile = await this.profileOf(player.path(name))
    assert.equal(await this.client.act(profile, 'normalize'), true)
    await this.client.respond(profile, unitMs)
    return profile
  }

  /** Starts it on something unusual; answers once it is stopped. */
  async stopped(name: string): Promise<ChildProcess> {
    const victim = player.start(name, `${USUAL} ${ODD} ${USUAL}`)
    await until(`${name} stopped`, () => stateOf(victim.pid as number) === 'T')
    await until('the event', () =>
      this.events.some((event) => event.type === 'delayed' && event.pid === victim.pid),
    )
    return victim
  }

  async end(): Promise<void> {
    await this.client.stop()
    if (this.process.exitCode !== null || this.process.signalCode) return
    const exit = once(this.process, 'exit')
    this.process.kill('SIGTERM')
    const [code] = await exit
    assert.equal(code, 0)
  }
}

const ended = async (victim: ChildProcess) => victim.exitCode !== null || (await once(victim, 'exit'))

describe('delays as leases', { skip }, () => {
  it('kill -9 of the sensor: its supervisor continues everyone; a new sensor works; no program stays', {
    skip: noBpftool ?? false,
  }, async () => {
    const world = new World('killed')
    await world.start()
    await world.settle('killed-victim', 10_000)
    const programs = programsOf(world.process.pid as number)
    assert.ok(programs.length >= 5)
    const victims = await Promise.all([1, 2, 3].map(() => world.stopped('killed-victim')))
    await until('the supervisor knows', () => world.supervisor.held.length === 3)
    const exit = once(world.process, 'exit')
    world.process.kill('SIGKILL')
    await exit
    for (const victim of victims)
      assert.equal(stateOf(victim.pid as number), 'T', 'nobody has continued it yet')
    assert.equal(world.supervisor.continueAll().length, 3)
    await Promise.all(victims.map(ended))
    await until('its programs are gone', () => !programs.some(isLoaded))
    assert.ok(world.events.some((event) => event.type === 'gone'))
    await world.client.stop()
    await world.start()
    await world.settle('killed-victim-2', 0)
    await world.end()
  })

  it('kill -9 under load, with stops under way: nothing stays stopped', async () => {
    const world = new World('loaded')
    await world.start()
    await world.settle('loaded-victim', 20)
    let going = true
    const load = Array.from({ length: 4 }, async () => {
      while (going) {
        const victim = player.start('loaded-victim', `${USUAL} ${ODD} ${USUAL}`)
        await ended(victim)
      }
    })
    await until('some delays', () => world.events.filter((event) => event.type === 'delayed').length > 20)
    const exit = once(world.process, 'exit')
    world.process.kill('SIGKILL')
    await exit
    going = false
    await world.supervisor.recover()
    await Promise.all(load)
    await world.client.stop()
  })

  it('no supervisor either: the next sensor continues what the last one held', async () => {
    const world = new World('orphaned')
    await world.start()
    await world.settle('orphan-victim', 10_000)
    const victim = await world.stopped('orphan-victim')
    const exit = once(world.process, 'exit')
    world.process.kill('SIGKILL')
    await exit
    await world.client.stop()
    await world.start()
    await ended(victim)
    await world.end()
  })

  it('the daemon leaves: delays end at once, learning goes on, and it finds its profiles again', async () => {
    const world = new World('left')
    await world.start()
    const profile = await world.settle('left-victim', 10_000)
    // The sensor takes a daemon's profiles for loaded 5 s after it has told of their files, which it reads first.
    await new Promise((resolve) => setTimeout(resolve, 6500 * patience))
    const victim = await world.stopped('left-victim')
    const left = Date.now()
    await world.client.stop()
    await ended(victim)
    // It would have been held for 20 s.
    assert.ok(Date.now() - left < 2000 * patience)
    await player.play('left-victim', `${USUAL} ${ODD}`)
    world.events.length = 0
    world.client = new SensorClient(join(world.state, 'sensor.sock'))
    world.client.onEvent((event) => world.events.push(event))
    await world.client.start(settings, [])
    assert.equal(await world.profileOf(player.path('left-victim')), profile)
    const found = world.events.find((event) => event.type === 'profile' && event.profile === profile)
    assert.ok(found?.type === 'profile' && found.known)
    const tables = await world.client.tables(profile)
    assert.ok(
      tables.normal && tables.rows.some((row) => row.current === ODD && row.train.some((bits) => bits)),
    )
    // The response of before is in force again.
    const again = await world.stopped('left-victim')
    await world.end()
    await ended(again)
  })

  it('SIGTERM, and the end of the supervisor, continue everyone', async () => {
    for (const how of ['SIGTERM', 'supervisor'] as const) {
      const world = new World(how)
      await world.start()
      await world.settle(`${how}-victim`, 10_000)
      const victim = await world.stopped(`${how}-victim`)
      const exit = once(world.process, 'exit')
      if (how === 'SIGTERM') world.process.kill('SIGTERM')
      else (world.process.stdio[3] as Readable).destroy()
      const [code] = await exit
      assert.equal(code, 0)
      await ended(victim)
      await world.client.stop()
    }
  })

  it('each call of an abnormal process waits 2^LFC units: within 20 % of what is asked in all', async (t) => {
    const world = new World('asked')
    await world.start()
    // What an emulated processor takes to stop and go on is little beside it.
    const unitMs = 10 * patience
    const profile = await world.settle('asked-victim', unitMs)
    const began = Date.now()
    const victim = player.start('asked-victim', `${USUAL} ${ODD} 39 110 102 39 110`)
    await ended(victim)
    const wallMs = Date.now() - began
    await until('the last is told', () => {
      const count = (type: string) =>
        world.events.filter((event) => event.type === type && 'pid' in event && event.pid === victim.pid)
          .length
      return count('delayed') > 0 && count('delayed') === count('resumed')
    })
    const delays = world.events.filter((event) => event.type === 'delayed' && event.profile === profile)
    let asked = 0
    for (const delay of delays) {
      assert.ok(delay.type === 'delayed')
      assert.equal(delay.delayMs, unitMs * 2 ** delay.lfc)
      asked += delay.delayMs
    }
    const held = world.events.reduce(
      (sum, event) => sum + (event.type === 'resumed' && event.pid === victim.pid ? event.heldMs : 0),
      0,
    )
    // The foreign call and the five after it: LFC 1 to 6, 2 + 4 + .. + 64 units.
    assert.ok(delays.length >= 6, `${delays.length} delays`)
    t.diagnostic(`asked ${asked} ms over ${delays.length} calls, held ${held} ms, ${wallMs} ms in all`)
    assert.ok(Math.abs(held - asked) <= asked * 0.2, `asked ${asked} ms, held ${held} ms`)
    await world.end()
  })

  it('a response that is taken back continues who is held for it, at once', async () => {
    const world = new World('excused')
    await world.start()
    const profile = await world.settle('excused-victim', 10_000)
    const victim = await world.stopped('excused-victim')
    await world.client.respond(profile, 0)
    await ended(victim)
    await world.end()
  })

  it('a fork that is delayed happens once; the restarted call is skipped', async () => {
    const world = new World('restarted')
    await world.start()
    const profile = await world.settle('forker', 20)
    const before = (await world.client.tables(profile)).calls
    await player.play('forker', `${USUAL} f 39 e 39`)
    const delays = world.events.filter((event) => event.type === 'delayed' && event.profile === profile)
    assert.ok(delays.length >= 2 && delays.length < 30, `${delays.length} delays`)
    const { calls } = await world.client.tables(profile)
    // 300, fork, wait4, 39, exit_group; the child: 39, exit_group. A stop may restart wait4 too.
    assert.equal(calls - before, 306)
    const tick = await until('a tick', () => world.events.findLast((event) => event.type === 'tick'))
    assert.ok(
      tick.type === 'tick' &&
        tick.totals.seen === tick.totals.processed + tick.totals.skipped + tick.totals.lost,
    )
    await world.end()
  })

  it('own limits: the list of root, the longest delay, how many at once', async () => {
    const world = new World('limits')
    const list = join(world.state, 'never')
    writeFileSync(list, '# not these\nspared-victim\n', { mode: 0o644 })
    await world.start('--never-delay', list, '--max-delay', '1', '--max-delayed', '2')
    const spared = await world.settle('spared-victim', 10_000)
    await player.play('spared-victim', `${USUAL} ${ODD}`)
    assert.equal(
      world.events.filter((event) => event.type === 'delayed' && event.profile === spared).length,
      0,
    )
    const profile = await world.settle('limited-victim', 1000)
    const victims = Array.from({ length: 5 }, () => player.start('limited-victim', `${USUAL} ${ODD}`))
    let most = 0
    const watch = setInterval(() => {
      most = Math.max(most, victims.filter(({ pid }) => stateOf(pid as number) === 'T').length)
    }, 5)
    await Promise.all(victims.map(ended))
    clearInterval(watch)
    assert.ok(most <= 2 && most > 0, `${most} were stopped at once`)
    const delays = world.events.filter((event) => event.type === 'delayed' && event.profile === profile)
    for (const delay of delays) assert.ok(delay.type === 'delayed' && delay.delayMs === 1000)
    await world.end()
    writeFileSync(list, '', { mode: 0o666 })
    spawnSync('chmod', ['666', list])
    const refused = spawnSync(process.execPath, [
      MAIN,
      '--socket',
      join(world.state, 's'),
      '--never-delay',
      list,
    ])
    assert.equal(refused.status, 2)
    assert.match(refused.stderr.toString(), /writable by root alone/)
  })
})
