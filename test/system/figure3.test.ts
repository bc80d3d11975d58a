/** The experiment of figure 3, shortened: a real nginx, the live sensor, what is written, and that nothing is left. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, globSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { lineOf } from '../../scripts/experiments/web-load/errors.ts'
import { nginxBinary } from '../../scripts/experiments/web-load/server.ts'
import { noKernel, scratch, until } from '../sensor/kernel/available.ts'

function noServer(): string | undefined {
  try {
    nginxBinary()
  } catch (error) {
    return lineOf(error)
  }
}

const skip = (await noKernel()) ?? noServer() ?? false
const main = new URL('../../scripts/experiments/web-load/main.ts', import.meta.url).pathname

describe('figure 3', { skip }, () => {
  const folder = skip ? '' : scratch()
  after(() => folder && rmSync(folder, { recursive: true, force: true }))
  if (folder) chmodSync(folder, 0o711)
  const temporary = () => readdirSync(folder).filter((name) => name.startsWith('lymph-figure3-'))
  /** Whoever is dead but has not been waited for by pid 1 is not. */
  const alive = (pid: number) => {
    try {
      return !/^State:\t[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'latin1'))
    } catch {
      return false
    }
  }
  /** Processes whose command names the temporary folder. */
  const running = () =>
    globSync('/proc/[0-9]*/cmdline').filter((file) => {
      try {
        return readFileSync(file, 'latin1').includes(join(folder, 'lymph-figure3-'))
      } catch {
        return false
      }
    })

  function start(...args: string[]): { child: ChildProcess; said: () => string; ended: Promise<number> } {
    const child = spawn(process.execPath, [main, '--quick', ...args], {
      env: { ...process.env, TMPDIR: folder },
    })
    let text = ''
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk) => {
        text += chunk
      })
    return { child, said: () => text, ended: once(child, 'close').then(([code]) => code) }
  }
  const pidsOf = (said: string) =>
    (/processes ([\d, ]+);/.exec(said)?.[1] ?? '').split(', ').filter(Boolean).map(Number)

  it('load and calls go together, over the mean curve and in each run', async () => {
    const out = join(folder, 'out')
    const { said, ended } = start('--runs', '2', '--intervals', '12', '--out', out)
    assert.equal(await ended, 0, said())
    const summary = JSON.parse(readFileSync(join(out, 'figure3.json'), 'utf8'))
    assert.ok(summary.correlation >= 0.99, said())
    assert.equal(summary.perRun.length, 2)
    assert.equal(summary.observable.name, 'ph_usr_sbin_nginx')
    assert.ok(summary.observable.value >= 0)
    const { plannedPerRun, served, failed } = summary.requests
    assert.equal(served + failed, 2 * plannedPerRun)
    assert.ok(plannedPerRun > 500)
    const [head, ...rows] = readFileSync(join(out, 'figure3.csv'), 'utf8').trim().split('\n')
    assert.equal(head, 'interval,load_mean,load_sd,calls_mean,calls_sd,load_1,load_2,calls_1,calls_2')
    assert.equal(rows.length, 12)
    const total = (column: number) => rows.reduce((sum, row) => sum + Number(row.split(',')[column]), 0)
    // What is under way at a run's end belongs to no interval of it.
    assert.ok(total(5) <= plannedPerRun && total(5) > 0.9 * plannedPerRun)
    // At the least a request is read, answered and logged.
    for (const run of [0, 1]) assert.ok(total(7 + run) > 3 * total(5 + run))
    assert.match(readFileSync(join(out, 'figure3.svg'), 'utf8'), /<path class="mean calls" d="M/)
    assert.equal(pidsOf(said()).length, 3)
    assert.deepEqual([temporary(), running()], [[], []])
    assert.deepEqual(pidsOf(said()).filter(alive), [])
  })

  it('Ctrl-C in the midst of it: one line, exit 130, and nothing is left', async () => {
    const out = join(folder, 'cut')
    const { child, said, ended } = start('--out', out)
    while (pidsOf(said()).length === 0 && child.exitCode === null)
      await once(child.stdout as NodeJS.EventEmitter, 'data')
    assert.equal(temporary().length, 1)
    assert.ok(running().length >= 3)
    child.kill('SIGINT')
    assert.equal(await ended, 130)
    assert.match(said(), /\nerror: figure3: interrupted: nothing is left running\n$/)
    assert.deepEqual([temporary(), running(), readdirSync(out)], [[], [], []])
    assert.deepEqual(pidsOf(said()).filter(alive), [])
  })

  it('a server that dies ends it, and is named', async () => {
    const { child, said, ended } = start('--out', join(folder, 'dead'))
    while (pidsOf(said()).length === 0 && child.exitCode === null)
      await once(child.stdout as NodeJS.EventEmitter, 'data')
    process.kill(pidsOf(said())[0] as number, 'SIGKILL')
    assert.equal(await ended, 4)
    assert.match(said(), /\nerror: figure3: nginx ended \(SIGKILL\)\n$/)
    assert.deepEqual(temporary(), [])
    // Those that are killed close their pipes a moment before they are dead.
    await until('their end', () => running().length === 0 && !pidsOf(said()).some(alive))
  })
})
