import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { it, mock } from 'node:test'
import { Child } from '../../../scripts/experiments/web-load/child.ts'
import { ExperimentError, lineOf } from '../../../scripts/experiments/web-load/errors.ts'
import { experiment } from '../../../scripts/experiments/web-load/experiment.ts'
import { parseOptions } from '../../../scripts/experiments/web-load/options.ts'
import { freePort } from '../../../scripts/experiments/web-load/server.ts'
import { until } from '../../sensor/kernel/available.ts'

it('without root: one line, and nothing was started', async () => {
  const started: unknown[] = []
  const user = mock.method(process as { getuid: () => number }, 'getuid', () => 1000)
  try {
    await assert.rejects(
      experiment(parseOptions([]) as NonNullable<ReturnType<typeof parseOptions>>, {
        ending: new AbortController(),
        keep: (stop) => started.push(stop),
        temporary: (path) => started.push(path),
        say: (line) => started.push(line),
      }),
      (error: ExperimentError) => /^not root: .*sudo$/.test(error.message) && error.exit === 4,
    )
  } finally {
    user.mock.restore()
  }
  assert.deepEqual(started, [])
})

it('a port in use is named; without one asked for, a free one is found', async () => {
  const holder = createServer().listen(0, '127.0.0.1')
  await once(holder, 'listening')
  const { port } = holder.address() as { port: number }
  try {
    await assert.rejects(freePort(port), {
      name: 'ExperimentError',
      message: `127.0.0.1:${port} is in use: name another --port, or none for one that is free`,
    })
    const free = await freePort()
    assert.ok(free > 0 && free !== port)
    assert.equal(await freePort(free), free)
  } finally {
    holder.close()
  }
})

it('a process that ends by itself is told with its last words, one that was asked to end is not', async () => {
  const deaths: string[] = []
  const onDeath = (error: ExperimentError) => void deaths.push(error.message)
  await new Child('one', '/bin/sh', ['-c', 'echo ready; echo why >&2; exit 3'], onDeath).ended
  assert.deepEqual(deaths.splice(0), ['one ended (exit 3): why'])
  const two = new Child('two', '/bin/sh', ['-c', 'echo ready; exec sleep 100'], onDeath)
  await two.line('ready', AbortSignal.timeout(10_000))
  await two.stop(10_000)
  assert.deepEqual(deaths, [])
  const three = new Child('three', '/bin/sleep', ['100'], onDeath)
  const over = AbortSignal.abort(new ExperimentError('over'))
  await assert.rejects(three.line('ready', over), { message: 'over' })
  await three.stop(10_000)
})

/** Whoever is dead but has not been waited for by pid 1 is not. */
function alive(pid: number): boolean {
  try {
    return !/^State:\t[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'latin1'))
  } catch {
    return false
  }
}

it('whom a killed process leaves behind ends with it', async () => {
  const deaths: string[] = []
  const script = 'sleep 100 & echo $!; echo ready; wait'
  const child = new Child('four', '/bin/sh', ['-c', script], (error) => void deaths.push(error.message))
  await child.line('ready', AbortSignal.timeout(10_000))
  const left = Number(child.said[0])
  process.kill(child.pid, 'SIGKILL')
  await child.ended
  assert.deepEqual(deaths, ['four ended (SIGKILL): ready'])
  // Its pipes are closed a moment before it is dead.
  await until(`end of ${left}`, () => !alive(left))
})

it('an error of several lines is one', () => {
  assert.equal(lineOf(new Error('first\n  second\n')), 'first: second')
  assert.equal(lineOf('plain'), 'plain')
})
