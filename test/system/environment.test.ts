/** The environment through the whole of `lymph up`: a step in a live observable, a kill, figures and hand-over. */
import assert from 'node:assert/strict'
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { promisify } from 'node:util'
import type { ObservableRow } from '#environment'
import { learnTwoDays } from '../environment/watch/two-days.ts'

const run = promisify(execFile)
const lymph = new URL('../../src/cli/main.ts', import.meta.url).pathname

describe('the environment of a live host', () => {
  const folder = mkdtempSync(join(tmpdir(), 'lymph-env-'))
  const state = join(folder, 'state')
  const handed = join(folder, 'handed')
  const sockets: Socket[] = []
  let server: Server
  let port: number
  let up: ChildProcess

  const ask = async <T>(...args: string[]): Promise<T> => {
    const { stdout } = await run(process.execPath, [lymph, '--state', state, '--json', ...args])
    return JSON.parse(stdout) as T
  }
  const classes = async (): Promise<string[]> =>
    (await ask<{ name: string; source: string }[]>('classes')).map(({ name }) => name)

  async function start(): Promise<void> {
    const config = join(folder, 'config.yaml')
    up = spawn(
      process.execPath,
      [lymph, '--state', state, '--config', config, 'up', '--no-sensor', '--listen', '/ip4/127.0.0.1/tcp/0'],
      { stdio: ['ignore', 'pipe', 'pipe'] },
    )
    let said = ''
    await new Promise<void>((resolve, reject) => {
      for (const stream of [up.stdout, up.stderr])
        stream?.on('data', (chunk: Buffer) => {
          said += chunk.toString()
          if (said.split('\n').includes('ready')) resolve()
        })
      up.on('exit', (code) => reject(new Error(`up ended with ${code}: ${said}`)))
    })
  }

  before(async () => {
    server = createServer((socket) => sockets.push(socket)).listen(0, '127.0.0.1')
    await new Promise((resolve) => server.once('listening', resolve))
    port = (server.address() as AddressInfo).port
    mkdirSync(handed, { mode: 0o777 })
    // The daemon's user writes here; whatever is above its state must be root's alone.
    chmodSync(folder, 0o755)
    chmodSync(handed, 0o777)
    writeFileSync(
      join(folder, 'config.yaml'),
      [
        'environment:',
        '  observables:',
        '    - name: ours',
        `      port: ${port}`,
        '  hand_over:',
        `    - { format: env_data, folder: ${handed}, monitord_names: true }`,
        `    - { format: module, folder: ${handed} }`,
        '',
      ].join('\n'),
    )
    // Two days of this host, as its daemon would have learned them.
    await learnTwoDays(state)
    await start()
  })

  after(async () => {
    for (const socket of sockets) socket.destroy()
    server.close()
    up.kill('SIGKILL')
    await pause(500)
    rmSync(folder, { recursive: true, force: true })
  })

  it('goes on from what was learned', async () => {
    const [row] = await ask<ObservableRow[]>('env', 'show', 'ours_in')
    assert.ok(row?.expected !== undefined && Math.abs(row.expected - 3) < 1.5, JSON.stringify(row))
    assert.match(row.sure, /^2 days, /)
  })

  it('200 sockets to a local port are a class within 20 s', async (t) => {
    const began = Date.now()
    for (let i = 0; i < 200; i++) sockets.push(connect(port, '127.0.0.1'))
    let named: string[] = []
    for (const end = began + 60_000; Date.now() < end; await pause(250)) {
      named = await classes()
      if (named.includes('ours_in_high_dev3')) break
    }
    const seconds = (Date.now() - began) / 1000
    t.diagnostic(`a class after ${seconds.toFixed(1)} s`)
    assert.ok(named.includes('ours_in_high_dev3'), named.join(' '))
    assert.ok(named.includes('ours_in_high_anomalous'))
    assert.ok(named.includes('ours_out_high_dev3'))
    // Two samples, 10 s apart, and what it takes a busy machine to be asked.
    assert.ok(seconds < 30, `${seconds} s`)
    const odd = await ask<ObservableRow[]>('env', 'show', '--odd')
    assert.ok(odd.some(({ name, value }) => name === 'ours_in' && value > 200))
  })

  it('hands classes and figures to CFEngine', async () => {
    const data = readFileSync(join(handed, 'env_data'), 'utf8').split('\n')
    assert.ok(data.includes('ours_in_high_anomalous'))
    assert.ok(data.includes('ours_in_high_anomaly'), "cf-monitord's spelling")
    assert.ok(data.some((line) => /^value_ours_in=\d{3}\.\d\d$/.test(line)))
    assert.ok(data.some((line) => line.startsWith('av_ours_in=')))
    assert.ok(data.some((line) => line.startsWith('@listening_ports={') && line.includes(`'${port}'`)))
    const module = readFileSync(join(handed, 'lymph.classes'), 'utf8').split('\n')
    assert.equal(module[0], '^context=lymph')
    assert.ok(module.includes('+ours_in_high_dev3'))
    const { stdout } = await run(process.execPath, [lymph, '--state', state, 'env', 'export'])
    assert.ok(stdout.split('\n').includes('+ours_in_high_dev3'))
  })

  it('draws the week', async () => {
    const file = join(folder, 'week.svg')
    await run(process.execPath, [lymph, '--state', state, 'env', 'week', 'ours_in', '--svg', file])
    assert.match(readFileSync(file, 'utf8'), /^<\?xml .*<svg .*ours_in.*<\/svg>\s*$/s)
    const { stdout } = await run(process.execPath, [
      lymph,
      '--state',
      state,
      'env',
      'week',
      'ours_in',
      '--csv',
    ])
    assert.equal(stdout.trimEnd().split('\n').length, 2017)
    await assert.rejects(run(process.execPath, [lymph, '--state', state, 'env', 'week', 'nothing']), {
      stderr: 'error: lymph env week: no observable is called "nothing": see lymph env show\n',
    })
  })

  it('survives kill -9 with all that was learned', async () => {
    const samples = async () => (await ask<ObservableRow[]>('env', 'show', 'ours_in'))[0]?.sure
    const sure = await samples()
    up.kill('SIGKILL')
    await pause(1500)
    await start()
    assert.equal(await samples(), sure)
  })

  it('takes the hand-over away when it ends: classes must not hold for ever', async () => {
    const ended = new Promise((resolve) => up.once('exit', resolve))
    up.kill('SIGINT')
    await ended
    assert.throws(() => readFileSync(join(handed, 'env_data')), { code: 'ENOENT' })
  })
})
