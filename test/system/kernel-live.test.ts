/** The kernel sensor on real processes: those from before, their children and threads, both ABIs, and floods of them. */
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, afterEach, beforeEach, describe, it } from 'node:test'
import type { SensorEvent, SensorTotals } from '#sensor'
import { KernelSensor, type Sizes } from '#sensor/kernel'
import { callNumber, hostAbi } from '#syscalls'
import { noKernel, scratch, settings, until } from '../sensor/kernel/available.ts'
import { noCompat, noCompiler, Player } from './kernel-player.ts'

const skip = (await noKernel()) ?? noCompiler() ?? false
const call = (name: string) => callNumber(hostAbi(), name) as number
const [READ, WRITE, GETPID] = [call('read'), call('write'), call('getpid')]
const [GETUID, GETPPID, GETGID] = [call('getuid'), call('getppid'), call('getgid')]
const EMPTY = 511
const GETPID_32 = 20

describe('the kernel sensor on live processes', { skip }, () => {
  const folder = skip ? '' : scratch()
  after(() => folder && rmSync(folder, { recursive: true, force: true }))
  const player = skip ? (undefined as never) : new Player(folder)
  let events: SensorEvent[] = []
  let sensor: KernelSensor

  async function start(sizes: Partial<Sizes> = { profiles: 128, rows: 2048 }) {
    events = []
    sensor = new KernelSensor({ sizes, tickMs: 50 })
    sensor.onEvent((event) => events.push(event))
    await sensor.start(settings, [])
  }
  beforeEach(async (context) => {
    if (!context.name.startsWith('self-started')) await start()
  })
  afterEach(async () => {
    await sensor.stop()
    assert.equal(
      sensor.unaccounted,
      0,
      'every call the kernel counted at entry is in one of its other counts',
    )
  })

  const profileOf = (path: string, abi: string = hostAbi()) =>
    until(`a profile of ${path}`, () => {
      const found = events.findLast(
        (event) => event.type === 'profile' && event.executable.path === path && event.executable.abi === abi,
      )
      return found?.type === 'profile' && found.profile
    })
  /** Counters told after now in which no task runs the profile. */
  const quiet = (profile: number) => {
    const since = events.length
    return until('its end', () => {
      const tick = events.slice(since).findLast((event) => event.type === 'tick')
      const counters = tick?.type === 'tick' && tick.counters.find((one) => one.profile === profile)
      return counters && counters.tasks === 0 && counters
    })
  }
  const rowsOf = async (profile: number) =>
    new Map((await sensor.tables(profile)).rows.map((row) => [row.current, row.train]))
  const adds = (totals: SensorTotals) =>
    assert.equal(totals.seen, totals.processed + totals.skipped + totals.lost)

  it('self-started: a process from before: its window is unknown, not empty', async () => {
    const path = join(folder, 'old-cat')
    spawnSync('cp', ['/bin/cat', path])
    const cat = spawn(path, { stdio: ['pipe', 'pipe', 'inherit'] })
    after(() => cat.kill())
    cat.stdin.write('first\n')
    await once(cat.stdout, 'data')
    await start()
    for (let n = 0; n < 5; n++) {
      cat.stdin.write('again\n')
      await once(cat.stdout, 'data')
    }
    const profile = await profileOf(path)
    const rows = await rowsOf(profile)
    assert.ok(((rows.get(WRITE)?.[READ] ?? 0) & 1) === 1, 'write follows read')
    for (const [current, train] of rows) assert.equal(train[EMPTY], 0, `${current} was never first`)
    const told = events.filter((event) => event.type === 'novelty' && event.profile === profile)
    assert.ok(told.length > 0)
    const exit = once(cat, 'exit')
    cat.stdin.end()
    await exit
  })

  it('32-bit calls of a 64-bit program are a profile of their own', { skip: noCompat }, async () => {
    await player.play('both', `${GETPID} ${GETPPID} c${GETPID_32} c${GETPID_32} ${GETUID}`)
    const path = player.path('both')
    const native = await rowsOf(await profileOf(path))
    const compat = await rowsOf(await profileOf(path, 'i386'))
    assert.deepEqual([...compat.keys()], [GETPID_32])
    assert.equal(compat.get(GETPID_32)?.[EMPTY], 0b11111)
    assert.equal((compat.get(GETPID_32)?.[GETPID_32] ?? 0) & 1, 1)
    assert.equal(native.get(GETUID)?.[GETPPID], 0, 'numbers of two ABIs never make a pair')
    assert.equal(native.has(GETPID_32), false)
  })

  it('exact counts: 300 processes, their children too', async () => {
    const script = `${Array(50).fill(`${GETPID} ${GETPPID}`).join(' ')} f ${GETUID} ${GETUID} e ${GETUID}`
    // In the child: two calls and exit_group. In the parent: 100, fork, wait4, one more, exit_group.
    const each = 100 + 1 + 1 + 1 + 1 + 3
    for (let batch = 0; batch < 30; batch++)
      await Promise.all(Array.from({ length: 10 }, () => player.play('counted', script)))
    const profile = await profileOf(player.path('counted'))
    const { calls, trainCount } = await quiet(profile)
    assert.deepEqual([calls, trainCount], [300 * each, 300 * each])
    adds(sensor.totals())
    assert.equal(sensor.totals().lost, 0)
  })

  it('threads: each its own window, all in one count', async () => {
    const source = join(folder, 'threads.c')
    writeFileSync(
      source,
      `#include <pthread.h>
       #include <unistd.h>
       #include <sys/syscall.h>
       static void *run(void *call) { for (int i = 0; i < 50000; i++) syscall((long)call); return 0; }
       int main(void) { pthread_t t[4]; long calls[4] = {${GETPID}, ${GETPPID}, ${GETUID}, ${GETGID}};
         for (int i = 0; i < 4; i++) pthread_create(&t[i], 0, run, (void *)calls[i]);
         for (int i = 0; i < 4; i++) pthread_join(t[i], 0); return 0; }`,
    )
    const path = join(folder, 'threads')
    assert.equal(spawnSync('gcc', ['-O1', '-pthread', '-o', path, source]).status, 0)
    assert.equal(spawnSync(path).status, 0)
    const profile = await profileOf(path)
    const { calls } = await quiet(profile)
    assert.ok(calls >= 200_000 && calls < 200_500, `${calls} calls`)
    const rows = await rowsOf(profile)
    for (const call of [GETPID, GETPPID, GETUID, GETGID])
      for (const other of [GETPID, GETPPID, GETUID, GETGID])
        assert.equal(((rows.get(call)?.[other] ?? 0) & 1) === 1, call === other, `${other} before ${call}`)
  })

  it('ten thousand short processes leave no profile, row or task behind', async () => {
    const bomb = Array(2500).fill(`f${GETPID}e`).join('')
    await Promise.all(Array.from({ length: 4 }, () => player.play('bomb', bomb)))
    const profile = await profileOf(player.path('bomb'))
    const { calls } = await quiet(profile)
    assert.equal(calls, 4 * (2500 * 4 + 1))
    const totals = sensor.totals()
    adds(totals)
    assert.equal(totals.lost, 0)
    assert.ok(totals.rows < 1000 && totals.profiles < 60, `${totals.rows} rows, ${totals.profiles} profiles`)
    const gone = (tid: number) => !existsSync(`/proc/${tid}`)
    await until('no state of a task that is gone', () => sensor.tasksHeld().filter(gone).length === 0)
  })

  it('self-started: out of slots: the longest idle profiles are given up, with what they had learned', async () => {
    await start({ profiles: 32, rows: 512 })
    const names = Array.from({ length: 80 }, (_, i) => `many-${i}`)
    for (const name of names) {
      await player.play(name, [GETPID, GETPPID, GETUID])
      if (Number(name.slice(5)) % 10 === 9) await new Promise((resolve) => setTimeout(resolve, 120))
    }
    const evicted = events.filter((event) => event.type === 'evicted')
    assert.ok(evicted.length >= 40, `${evicted.length} given up`)
    const learned = evicted.filter((event) => event.tables.calls === 4 && event.tables.rows.length === 4)
    assert.ok(learned.length >= 30, `${learned.length} of them had been learned whole`)
    const totals = sensor.totals()
    adds(totals)
    assert.equal(totals.evictions, evicted.length)
    assert.ok(totals.profiles <= totals.profilesLimit)
    // One that was given up comes back as a new profile.
    await player.play(names[0]!, [GETPID])
    assert.ok(
      events.filter((event) => event.type === 'profile' && event.executable.path === player.path(names[0]!))
        .length >= 2,
    )
  })

  it('a file written over in place is told of, and what it had learned is dropped', async () => {
    const path = player.path('patched')
    await player.play('patched', [GETPID])
    const profile = await profileOf(path)
    const identity = await until('its hash', () =>
      events.find((event) => event.type === 'identity' && event.profile === profile),
    )
    writeFileSync(path, 'x', { flag: 'a' })
    await player.play('patched', [GETPID])
    sensor.checkFiles()
    const changed = await until('the change', () =>
      events.find((event) => event.type === 'file-changed' && event.profile === profile),
    )
    assert.ok(identity.type === 'identity' && changed.type === 'file-changed')
    assert.notEqual(changed.file.sha256, identity.file.sha256)
    assert.equal((await sensor.tables(profile)).rows.length, 0)
  })

  it('a file without a name: deleted, and identified while it runs', async () => {
    const path = player.path('unlinked')
    const running = player.start('unlinked', `${GETPID} p`)
    const profile = await profileOf(path)
    rmSync(path)
    const known = await until('its hash', () =>
      events.find((event) => event.type === 'identity' && event.profile === profile),
    )
    assert.ok(known)
    running.kill('SIGKILL')
    await once(running, 'exit')
  })
})
