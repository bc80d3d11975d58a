/** Scripts under the kernel sensor: each a profile of its own, told by #! or by the first argument. */
import assert from 'node:assert/strict'
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdirSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import type { Executable, SensorEvent } from '#sensor'
import { KernelSensor } from '#sensor/kernel'
import { noKernel, scratch, settings, until } from '../sensor/kernel/available.ts'

const skip = (await noKernel()) ?? false
const python = spawnSync('python3', ['--version']).error ? undefined : 'python3'

describe('scripts', { skip }, () => {
  const folder = skip ? '' : scratch()
  const events: SensorEvent[] = []
  const shell = skip ? '' : realpathSync('/bin/sh')
  const script = (name: string, text: string) => {
    const path = join(folder, name)
    writeFileSync(path, text)
    chmodSync(path, 0o755)
    return path
  }
  let sensor: KernelSensor
  const started = { ...settings, interpreters: ['/bin/sh', '/usr/bin/python3', '/nowhere/else'] }
  before(async () => {
    sensor = new KernelSensor({ sizes: { profiles: 512, rows: 8192 }, tickMs: 50 })
    sensor.onEvent((event) => events.push(event))
    await sensor.start(started, [])
  })
  after(async () => {
    await sensor?.stop()
    if (folder) rmSync(folder, { recursive: true, force: true })
  })

  const profileOf = (path: string) =>
    until(`a profile of ${path}`, () => {
      const found = events.find((event) => event.type === 'profile' && event.executable.path === path)
      return found?.type === 'profile' && found
    })
  const executables = (): Executable[] =>
    events.flatMap((event) => (event.type === 'profile' ? [event.executable] : []))

  it('two of one shell, by #!, with an option and without, are two profiles of the one file', async () => {
    const one = script('one', '#!/bin/sh\n: > /dev/null\n')
    const two = script('two', '#!/bin/sh -e\numask 022\numask 077\n')
    for (const path of [one, two, two]) execFileSync(path)
    const [first, second] = [await profileOf(`${shell}:${one}`), await profileOf(`${shell}:${two}`)]
    assert.notEqual(first.profile, second.profile)
    for (const { executable } of [first, second]) {
      assert.equal(executable.interpreter, shell)
      assert.equal(executable.inode, first.executable.inode)
    }
    const umask = 95
    const rows = async (profile: number) => (await sensor.tables(profile)).rows.map(({ current }) => current)
    assert.ok((await rows(second.profile)).includes(umask))
    assert.ok(!(await rows(first.profile)).includes(umask), 'what the other does is not learned')
    const identity = await until('its identity', () =>
      events.find((event) => event.type === 'identity' && event.profile === first.profile),
    )
    assert.equal(identity.type === 'identity' && identity.file.sha256.length, 64)
  })

  it('by the first argument, whole or relative; a command or an option is none', async () => {
    const three = script('three', ': > /dev/null\n')
    execFileSync('/bin/sh', [three, 'and', 'more'])
    await profileOf(`${shell}:${three}`)
    mkdirSync(join(folder, 'in'))
    script('in/four', 'sleep 0.3\n')
    // While it lives, the sensor asks where it is.
    await once(spawn('/bin/sh', ['four'], { cwd: join(folder, 'in'), stdio: 'ignore' }), 'exit')
    await profileOf(`${shell}:${join(folder, 'in/four')}`)
    execFileSync('/bin/sh', ['-c', ': > /dev/null'])
    const plain = await profileOf(shell)
    assert.equal(plain.executable.interpreter, undefined)
  })

  it('children are of the script; what they start is not', async () => {
    const five = script('five', '#!/bin/sh\n(umask 022)\n/bin/true\n')
    execFileSync(five)
    const { profile } = await profileOf(`${shell}:${five}`)
    const { rows } = await sensor.tables(profile)
    assert.ok(
      rows.some(({ current }) => current === 95),
      'umask of the subshell',
    )
    assert.ok(!executables().some(({ path }) => path.endsWith(`true:${five}`)))
  })

  it('one that was there before the sensor is known by its arguments', async () => {
    const six = script('six', 'read line; umask 022; read line\n')
    await sensor.stop()
    const old = spawn('/bin/sh', [six], { stdio: ['pipe', 'ignore', 'inherit'] })
    await new Promise((resolve) => setTimeout(resolve, 200))
    events.length = 0
    sensor = new KernelSensor({ sizes: { profiles: 512, rows: 8192 }, tickMs: 50 })
    sensor.onEvent((event) => events.push(event))
    await sensor.start(started, [])
    const exit = once(old, 'exit')
    old.stdin.write('\n')
    await profileOf(`${shell}:${six}`)
    old.stdin.end('\n')
    await exit
  })

  it('of python', { skip: python === undefined }, async () => {
    const seven = script('seven.py', 'import os\nos.umask(0o22)\n')
    const eight = script('eight.py', '#!/usr/bin/env python3\nprint()\n')
    execFileSync('python3', [seven])
    execFileSync(eight)
    const real = realpathSync(execFileSync('sh', ['-c', 'command -v python3']).toString().trim())
    if (real !== realpathSync('/usr/bin/python3')) return
    const [one, two] = [await profileOf(`${real}:${seven}`), await profileOf(`${real}:${eight}`)]
    assert.notEqual(one.profile, two.profile)
  })

  it('a saved profile of a script is in place before its first call', async () => {
    const one = join(folder, 'one')
    execFileSync(one)
    const { profile, executable } = await profileOf(`${shell}:${one}`)
    const identity = await until('its identity', () =>
      events.find((event) => event.type === 'identity' && event.profile === profile),
    )
    const tables = await sensor.tables(profile)
    assert.ok(identity.type === 'identity')
    await sensor.stop()
    events.length = 0
    sensor = new KernelSensor({ sizes: { profiles: 512, rows: 8192 }, tickMs: 50 })
    sensor.onEvent((event) => events.push(event))
    await sensor.start(started, [{ executable, file: identity.file, tables, delayUnitMs: 0 }])
    const { profile: again } = await profileOf(`${shell}:${one}`)
    execFileSync(one)
    await until('its calls', () => {
      const tick = events.findLast((event) => event.type === 'tick')
      const counters = tick?.type === 'tick' && tick.counters.find((counter) => counter.profile === again)
      return counters && counters.calls > tables.calls
    })
    assert.equal(executables().filter(({ path }) => path === `${shell}:${one}`).length, 1)
  })
})
