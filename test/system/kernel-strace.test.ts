/** The kernel sensor beside strace, on the same runs of ordinary programs: the same number of calls, the same pairs. */
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, readdirSync, readFileSync, realpathSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import type { Pair } from '#homeostasis'
import type { SensorEvent } from '#sensor'
import { KernelSensor } from '#sensor/kernel'
import { noKernel, scratch, settings, until } from '../sensor/kernel/available.ts'
import { pairsOfStrace, straceTo, textOf } from './strace-pairs.ts'

const noStrace =
  spawnSync('strace', ['-qq', '-o', '/dev/null', 'true']).status === 0
    ? undefined
    : 'strace cannot trace here'
const skip = (await noKernel()) ?? noStrace ?? false

describe('the kernel sensor beside strace', { skip }, () => {
  const folder = skip ? '' : scratch()
  const events: SensorEvent[] = []
  let sensor: KernelSensor
  before(async () => {
    sensor = new KernelSensor({ sizes: { profiles: 256, rows: 8192 }, tickMs: 50 })
    sensor.onEvent((event) => events.push(event))
    await sensor.start(settings, [])
  })
  after(async () => {
    await sensor?.stop()
    assert.equal(sensor?.unaccounted, 0)
    rmSync(folder, { recursive: true, force: true })
  })

  /** A copy is a program of its own, which nobody else runs. strace writes a file a process. */
  async function both(program: string, name: string, ...args: string[]) {
    const path = join(folder, name)
    copyFileSync(realpathSync(program), path)
    const since = events.length
    const to = join(folder, `${name}.trace`)
    const run = spawn('strace', ['-ff', ...straceTo(to), path, ...args], { stdio: 'ignore', detached: true })
    assert.deepEqual(await once(run, 'exit'), [0, null])
    const found = await until(`a profile of ${name}`, () =>
      events.find((event) => event.type === 'profile' && event.executable.path === path),
    )
    assert.ok(found.type === 'profile')
    const { profile } = found
    const counters = await until('its end', () => {
      const tick = events.slice(since).findLast((event) => event.type === 'tick')
      const told = tick?.type === 'tick' && tick.counters.find((one) => one.profile === profile)
      return told && told.tasks === 0 && told
    })
    const files = readdirSync(folder).filter((file) => file.startsWith(`${name}.trace.`))
    const traces = files.map((file) => readFileSync(join(folder, file), 'utf8'))
    const lines = traces.flatMap((text) => text.split('\n').filter((line) => /^\w+\(/.test(line)))
    return { profile, counters, files, lines }
  }

  async function pairsOf(profile: number): Promise<Set<string>> {
    const { rows } = await sensor.tables(profile)
    const pairs: Pair[] = rows.flatMap(({ current, train }) =>
      [...train].flatMap((bits, previous) =>
        [1, 2, 3, 4, 5, 6, 7, 8]
          .filter((distance) => bits & (1 << (distance - 1)))
          .map((distance) => ({ current, previous, distance })),
      ),
    )
    return new Set(pairs.map(textOf))
  }

  for (const [name, program, ...args] of [
    ['ls', '/bin/ls', '-la', '/usr/bin'],
    ['cat', '/bin/cat', '/proc/self/maps', '/proc/version'],
    [
      'perl',
      '/usr/bin/perl',
      '-e',
      'print "$_\\n" for sort { $a <=> $b } map { ($_ * 7919) % 1000 } 1..2000',
    ],
  ] as [string, string, ...string[]][])
    it(`${name}: every call, every pair`, async () => {
      const { profile, counters, files, lines } = await both(program, name, ...args)
      assert.equal(files.length, 1)
      // The window begins after execve.
      assert.equal(counters.calls, lines.length - 1)
      const [want, got] = [pairsOfStrace(join(folder, files[0]!), settings.window), await pairsOf(profile)]
      assert.ok(want.size > 100)
      assert.deepEqual([...got].sort(), [...want].sort())
    })

  it('a shell that loops and forks: every call of all its processes', async () => {
    const { counters, files, lines } = await both(
      '/bin/dash',
      'loop',
      '-c',
      'n=0; while [ $n -lt 40 ]; do n=$((n+1)); (umask 022; : >/dev/null); done; umask 077',
    )
    assert.equal(files.length, 41)
    assert.equal(counters.calls, lines.length - 1)
    assert.ok(lines.length > 400)
  })
})
