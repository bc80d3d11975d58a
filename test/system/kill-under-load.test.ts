/**
 * kill -9 of each part while programs are being delayed and others keep the host busy: nothing stays stopped, no eBPF
 * program outlives its host, and a restart finds every profile that was saved, at most 30 s of learning behind.
 */
import assert from 'node:assert/strict'
import { type ChildProcess, execFile, spawn, spawnSync } from 'node:child_process'
import { copyFileSync, globSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { promisify } from 'node:util'
import { decodeProfile, tableFrom } from '#homeostasis'
import { noKernel } from '../sensor/kernel/available.ts'
import {
  alive,
  ask,
  Cleanup,
  childrenOf,
  type Live,
  loopback,
  lymph,
  pause,
  processes,
  programsOf,
  until,
} from './hosts.ts'

const run = promisify(execFile)
const skip = (await noKernel()) ?? false

const usual = 'cd /; : >/dev/null'
/** A step a line, and never usual again: every call of it waits, up to delay_limit. It ends with its input. */
const odd = 'umask 022; while read -r line; do kill -0 $$; umask 022; ulimit -S -n 64; done'
/** At full speed it would pass any anomaly limit while nobody delays it. */
const stepMs = 20
const delayLimit = 60
/** Far below delay_limit: who runs again within it was continued, and did not wait its time out. */
const leaseSeconds = 6
/** The daemon saves every 30 s; a busy machine may make it late. */
const saveSeconds = 45

interface Row {
  binary: string
  sha256: string
  state: string
  pairs: number
  response: string
}

describe('kill -9 under load', { skip }, () => {
  const cleanup = new Cleanup()
  after(() => cleanup.end())
  const folder = skip ? '' : cleanup.folder('load')
  const state = join(folder, 'state')
  const program = (name: string) => join(folder, name)
  const victims: ChildProcess[] = []
  let up: Live
  let spawning = true

  const start = async () => cleanup.up(state, ['--host', 'alpha', '--listen', await loopback()])
  const rows = () => ask<Row[]>(state, ['profile', 'list'])
  const rowOf = async (name: string) => (await rows()).find(({ binary }) => binary === program(name))
  const partOf = (part: 'sensor' | 'daemon') => {
    const wanted = part === 'sensor' ? 'sensor/kernel/main.ts' : ' daemon '
    const child = childrenOf(up.pid).find(({ args }) => args.includes(wanted))
    assert.ok(child, `no child of up is the ${part}`)
    return child.pid
  }
  const stopped = () =>
    processes()
      .filter((seen) => seen.state === 'T' && seen.executable.startsWith(folder))
      .map(({ pid }) => pid)

  async function must(...args: string[]): Promise<void> {
    const { code, err } = await lymph(['--state', state, ...args])
    assert.equal(code, 0, `${args.join(' ')}: ${err}`)
  }

  /** All victims stopped, at once. */
  const allStopped = () =>
    until(
      'every victim stopped',
      () => {
        const now = stopped()
        return victims.every(({ pid }) => now.includes(pid as number)) || undefined
      },
      60,
    )

  /** Each of those stopped now is seen to run, or to be gone, soon. @returns ms until the last one was */
  async function allContinue(pids: number[]): Promise<number> {
    const began = Date.now()
    const waiting = new Set(pids)
    await until(
      `processes ${pids.join(', ')} continued`,
      () => {
        const now = stopped()
        for (const pid of waiting) if (!now.includes(pid)) waiting.delete(pid)
        return waiting.size === 0 || undefined
      },
      leaseSeconds,
    )
    return Date.now() - began
  }

  function startVictims(): void {
    for (let i = 0; i < 3; i++) {
      const victim = spawn(program('victim'), ['-c', odd], {
        stdio: ['pipe', 'ignore', 'ignore'],
        detached: true,
      })
      victim.stdin?.on('error', () => {})
      const steps = setInterval(() => victim.stdin?.write('\n'), stepMs)
      cleanup.add(() => {
        clearInterval(steps)
        victim.kill('SIGKILL')
      })
      victims.push(victim)
    }
  }

  before(async () => {
    for (const name of ['victim', 'busy', 'learner']) copyFileSync('/bin/sh', program(name))
    up = await start()
    await must('set', 'delay_factor', '1')
    await must('set', 'delay_limit', String(delayLimit))
    // The victims go on for as long as the test does, and stay abnormal.
    await must('set', 'anomaly_limit', '1000000')
    await must('set', 'tolerize_limit', '128')
    for (let i = 0; i < 20; i++) await run(program('victim'), ['-c', usual])
    await until('the victim is known', async () => {
      const row = await rowOf('victim')
      return row && row.sha256 !== '' && row.pairs > 0 ? row : undefined
    })
    await must('profile', 'normalize', program('victim'))
    await must('profile', 'delay', program('victim'))

    for (let i = 0; i < 3; i++) {
      const busy = spawn(program('busy'), ['-c', 'while :; do : </etc/hostname; done'], { stdio: 'ignore' })
      cleanup.add(() => busy.kill('SIGKILL'))
    }
    const spawner = (async () => {
      while (spawning) await run(program('busy'), ['-c', '(cd /; : </etc/hostname)'])
    })()
    cleanup.add(() => {
      spawning = false
      return spawner
    })
    startVictims()
  })

  for (const part of ['sensor', 'daemon'] as const)
    it(`of the ${part}: whoever is delayed runs on; the next ${part} takes up where it was`, async (t) => {
      const saved = savedIn(state)
      assert.ok(saved.some(({ binary }) => binary === program('victim')))
      await allStopped()
      const held = stopped()
      const pid = partOf(part)
      process.kill(pid, 'SIGKILL')
      t.diagnostic(`${held.length} delayed processes ran again ${await allContinue(held)} ms after the death`)
      await until(`another ${part}`, () => (partOf(part) !== pid ? true : undefined))
      // Whole again: what was normal and delayed before is so without being told.
      await allStopped()
      await found(saved)
    })

  it('of up: its children end by themselves, nothing stays stopped, no eBPF program is left', async (t) => {
    await allStopped()
    const held = stopped()
    const children = childrenOf(up.pid).map(({ pid }) => pid)
    const programs = programsOf(partOf('sensor'))
    assert.ok(programs.length >= 5)
    const saved = savedIn(state)
    up.process.kill('SIGKILL')
    t.diagnostic(`${held.length} delayed processes ran again ${await allContinue(held)} ms after the death`)
    await until('its children ended', () => children.every((pid) => !alive(pid)) || undefined)
    await unloaded(programs)
    // Nobody is there to stop anybody: whoever is stopped from here on stays so.
    assert.deepEqual(stopped(), [])
    await pause(500)
    assert.deepEqual(stopped(), [])
    up = await start()
    await found(saved)
    await allStopped()
  })

  it('of all three at once: what was learned 30 s before is there again, and the next sensor continues all', async () => {
    const began = Date.now()
    for (let i = 0; i < 5; i++) await run(program('learner'), ['-c', usual])
    const learned = await until('the learner is known', async () => {
      const row = await rowOf('learner')
      return row && row.pairs > 0 ? row : undefined
    })
    assert.notEqual(learned.state, 'normal')
    const atDisk = await until(
      'its profile is saved',
      () => savedIn(state).find(({ binary }) => binary === program('learner')),
      saveSeconds,
    )
    assert.ok(Date.now() - began < saveSeconds * 1000)
    assert.equal(atDisk.pairs, learned.pairs)
    await allStopped()
    const saved = savedIn(state)
    const [sensor, daemon] = [partOf('sensor'), partOf('daemon')]
    // `up` first, or it would begin to mend.
    for (const pid of [up.pid, sensor, daemon]) process.kill(pid, 'SIGKILL')
    await until('all three dead', () => [up.pid, sensor, daemon].every((pid) => !alive(pid)) || undefined)
    const held = stopped()
    assert.ok(held.length > 0, 'nobody is left who could have continued them')
    await up.ended
    const next = cleanup.live(['--state', state, 'up', '--host', 'alpha', '--listen', await loopback()])
    up = next
    await until(
      'the next one continues them',
      () => held.some((pid) => !stopped().includes(pid)) || undefined,
    )
    await next.line((line) => line === 'ready')
    await found(saved)
    assert.equal((await rowOf('learner'))?.pairs, learned.pairs)
  })

  it('Ctrl-C ends it all: nobody is stopped, nothing is left', async () => {
    await allStopped()
    const children = childrenOf(up.pid).map(({ pid }) => pid)
    const programs = programsOf(partOf('sensor'))
    assert.equal(await up.end('SIGINT'), 0)
    assert.deepEqual(stopped(), [])
    assert.deepEqual(children.filter(alive), [])
    await unloaded(programs)
  })

  /** The kernel frees a program some moments after the last who held it has gone (an RCU grace period and its workers). */
  async function unloaded(programs: number[]): Promise<void> {
    let left: string[] = []
    await until('no eBPF program is left', () => {
      left = holders(programs)
      return left.length === 0 || undefined
    }).catch((error) => assert.fail(`${(error as Error).message}: ${left.join(', ')}`))
  }

  /** Every profile on disk before is known after: as normal as it was, and with the pairs it had, or more. */
  async function found(saved: Saved[]): Promise<void> {
    assert.ok(saved.length > 0)
    const now = await rows()
    for (const { binary, sha256, pairs, normal, delay } of saved) {
      const row = now.find((one) => one.binary === binary && one.sha256 === sha256)
      assert.ok(row, `${binary} was saved, and is not found again`)
      assert.ok(row.pairs >= pairs, `${binary}: ${pairs} pairs were saved, ${row.pairs} are there`)
      if (normal) assert.equal(row.state, 'normal', binary)
      if (delay) assert.equal(row.response, 'delay', binary)
    }
  }
})

interface Saved {
  binary: string
  sha256: string
  pairs: number
  normal: boolean
  delay: boolean
}

/** The profile files of a state folder. */
function savedIn(state: string): Saved[] {
  const folder = join(state, 'profiles')
  return globSync('**', { cwd: folder }).flatMap((name) => {
    const file = join(folder, name)
    try {
      if (!statSync(file).isFile() || file.endsWith('.new')) return []
      const { key, tables, response } = decodeProfile(readFileSync(file))
      const { pairs } = tableFrom(tables.rows, 'train')
      const { binary, sha256 } = key
      return [{ binary, sha256, pairs, normal: tables.normal, delay: response === 'delay' }]
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
      throw error
    }
  })
}

/** Who keeps eBPF programs loaded: processes that hold them and, where bpftool can tell, the kernel itself. */
function holders(programs: number[]): string[] {
  const held = processes().flatMap(({ pid, args }) => {
    try {
      return programsOf(pid).some((id) => programs.includes(id)) ? [`${pid} ${args}`] : []
    } catch {
      return []
    }
  })
  const loaded = programs.filter(
    (id) => spawnSync('bpftool', ['prog', 'show', 'id', String(id)]).status === 0,
  )
  return [...held, ...loaded.map((id) => `program ${id} is loaded`)]
}
