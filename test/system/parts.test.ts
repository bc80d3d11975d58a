/** The parts of a host by themselves, and what `up` does when one of them cannot go on. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { noKernel } from '../sensor/kernel/available.ts'
import {
  alive,
  ask,
  Cleanup,
  childrenOf,
  freePort,
  loopback,
  lymph,
  pause,
  programsOf,
  until,
} from './hosts.ts'

const noSensor = (await noKernel()) ?? false
const oneLine = (text: string) => assert.equal(text.trimEnd().split('\n').length, 1, text)

describe('lymph sensor by itself', { skip: noSensor }, () => {
  const cleanup = new Cleanup()
  after(() => cleanup.end())
  const folder = noSensor ? '' : cleanup.folder('parts')
  const state = join(folder, 'state')

  it('watches, serves a daemon that was started by itself, and outlives it', async () => {
    const sensor = cleanup.live(['--state', state, 'sensor'])
    await sensor.line((line) => line === 'sensor: ready')
    const daemon = cleanup.live(['--state', state, 'daemon', '--listen', await loopback()])
    await daemon.line((line) => line === 'ready')
    const status = await until('calls', async () => {
      const now = await ask<{ sensor: string; seen: number }>(state, ['status'])
      return now.seen > 0 ? now : undefined
    })
    assert.equal(status.sensor, 'kernel')
    assert.equal(await daemon.end(), 0)
    await sensor.line((line) => line.includes('the daemon is gone'))
    assert.ok(sensor.running)
    const again = cleanup.live(['--state', state, 'daemon', '--listen', await loopback()])
    await again.line((line) => line === 'ready')
    assert.equal(await again.end(), 0)

    for (const args of [['sensor'], ['up']]) {
      const second = await lymph(['--state', state, ...args])
      assert.equal(second.code, 2)
      oneLine(second.err)
      assert.match(
        second.err,
        new RegExp(
          `^error: lymph ${args[0]}: state folder ${state} is in use by process ${sensor.pid}: stop`,
        ),
      )
    }
    assert.ok(sensor.running)

    const [child] = childrenOf(sensor.pid)
    assert.ok(child && programsOf(child.pid).length >= 5)
    assert.equal(await sensor.end('SIGINT'), 0)
    assert.ok(!alive(child.pid))
  })

  it('ends with what started it, whatever ended that, and the next one takes over', async () => {
    const sensor = cleanup.live(['--state', state, 'sensor'])
    await sensor.line((line) => line === 'sensor: ready')
    const [child] = childrenOf(sensor.pid)
    assert.ok(child)
    sensor.process.kill('SIGKILL')
    await until('the sensor has ended', () => !alive(child.pid) || undefined)
    const next = cleanup.live(['--state', state, 'sensor'])
    await next.line((line) => line === 'sensor: ready')
    assert.equal(await next.end(), 0)
  })
})

describe('a sensor that cannot watch', { skip: noSensor }, () => {
  const cleanup = new Cleanup()
  after(() => cleanup.end())
  const folder = noSensor ? '' : cleanup.folder('refused')

  /** Loaded into every Node.js process below: does something in the sensor alone, once it says `ready` or at once. */
  function preload(name: string, what: string, when: 'ready' | 'start'): Record<string, string> {
    const file = join(folder, `${name}.cjs`)
    const code =
      when === 'start'
        ? what
        : `const log = console.log; console.log = (line) => { log(line); if (line === 'sensor: ready') { ${what} } }`
    writeFileSync(file, `if (process.argv[1]?.endsWith('sensor/kernel/main.ts')) { ${code} }`)
    return { NODE_OPTIONS: `--require=${file}` }
  }

  // Without its privileges bpf(2) is refused; what `lymph doctor` looks at was there a moment before.
  const powerless = noSensor ? {} : preload('powerless', 'process.seteuid(65534)', 'ready')
  const wrong = noSensor
    ? {}
    : preload('wrong', "console.error('sensor: --x is wrong'); process.exit(2)", 'start')

  it('says so in a line and ends with 4, with no daemon there', async () => {
    const state = join(folder, 'alone')
    const sensor = cleanup.live(['--state', state, 'sensor'], { env: powerless })
    assert.equal(await sensor.ended, 4)
    assert.match(sensor.lines.join('\n'), /^sensor: cannot watch: .*(not permitted|EPERM)/im)
  })

  for (const [how, env, code, why] of [
    ['refuses its daemon', powerless, 4, /^sensor: cannot watch: .*(not permitted|EPERM)/i],
    ['ends before it can be asked', wrong, 2, /^sensor: --x is wrong/],
  ] as const)
    it(`that ${how}: up goes on without it, and says why`, async () => {
      const up = await cleanup.up(join(folder, how), ['--listen', await loopback()], { env })
      assert.ok(
        up.lines.some((line) => why.test(line)),
        up.lines.join('\n'),
      )
      const told = `sensor cannot work here (exit code ${code}): going on without it; lymph doctor says more`
      assert.ok(up.lines.includes(told), up.lines.join('\n'))
      assert.equal((await ask<{ sensor: string }>(join(folder, how), ['status'])).sensor, 'none')
      assert.equal(childrenOf(up.pid).length, 1)
      assert.equal(await up.end(), 0)
    })
})

describe('a sensor that does not come', () => {
  const cleanup = new Cleanup()
  after(() => cleanup.end())
  const folder = cleanup.folder('waited')

  it('is waited for until the daemon is told to end, which it then does', async () => {
    const state = join(folder, 'state')
    const daemon = cleanup.live(['--state', state, 'daemon', '--listen', await loopback()])
    await until('the store is open', () => existsSync(join(state, 'store/pid')) || undefined)
    await pause(1000)
    assert.deepEqual(daemon.lines, [], 'it is not ready without the sensor it was told to have')
    assert.equal(await daemon.end(), 0)
    assert.deepEqual(daemon.lines, [])
  })
})

describe('what up cannot go on with', () => {
  const cleanup = new Cleanup()
  after(() => cleanup.end())
  const folder = cleanup.folder('fatal')

  it('a port in use: one line on standard error, exit code 2, nothing left running or claimed', async () => {
    const state = join(folder, 'port')
    const founded = await lymph(['--state', state, 'mesh', 'init'])
    assert.equal(founded.code, 0, founded.err)
    const taken = createServer()
    taken.listen(await freePort(), '127.0.0.1')
    await once(taken, 'listening')
    const { port } = taken.address() as { port: number }
    const address = `/ip4/127.0.0.1/tcp/${port}`
    const up = await lymph(['--state', state, 'up', '--no-sensor', '--listen', address])
    assert.equal(up.code, 2)
    assert.equal(
      up.err,
      `error: lymph up: cannot listen on ${address}: the port is taken by another program; stop that one, or give another with lymph up --listen\n`,
    )
    assert.equal(up.out, '')
    taken.close()
    // Nothing is lost: once the port is free the same host comes up, in the same mesh.
    const next = await cleanup.up(state, ['--no-sensor', '--listen', address])
    assert.equal((await ask<{ mesh: { members: number } }>(state, ['status'])).mesh.members, 1)
    assert.equal(await next.end(), 0)
  })

  it('a store that another daemon has: it is named, and goes on', async () => {
    const state = join(folder, 'store')
    const daemon = cleanup.live(['--state', state, 'daemon', '--no-sensor', '--listen', await loopback()])
    await daemon.line((line) => line === 'ready')
    for (const [args, prefix] of [
      [['up', '--no-sensor'], 'error: lymph up: '],
      [['daemon', '--no-sensor'], 'error: lymph daemon: '],
    ] as const) {
      const second = await lymph(['--state', state, ...args, '--listen', await loopback()])
      assert.equal(second.code, 2, second.err)
      oneLine(second.err)
      assert.ok(second.err.startsWith(prefix), second.err)
      assert.match(
        second.err,
        new RegExp(`another daemon uses this state \\(pid ${daemon.pid}\\); stop that one`),
      )
    }
    await ask(state, ['status'])
    assert.equal(await daemon.end(), 0)
  })

  it('an address that is none, before anything is made', async () => {
    const state = join(folder, 'address')
    for (const address of ['nonsense', '/nonsense', '/ip4/1.2.3.4', '7946']) {
      const { code, err } = await lymph(['--state', state, 'up', '--no-sensor', '--listen', address])
      assert.equal(code, 2)
      assert.equal(
        err,
        `error: lymph up: --listen ${address}: it is not an address to listen on: write it as /ip4/0.0.0.0/tcp/7946\n`,
      )
    }
    // A free name still: this makes it, and would fail if it were there.
    mkdirSync(state)
  })
})
