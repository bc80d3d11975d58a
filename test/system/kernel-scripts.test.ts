/** Scripts under the kernel sensor: each a profile of its own, told by #! or by the first argument. */
import assert from 'node:assert/strict'
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import type { Executable, SensorEvent } from '#sensor'
import { KernelSensor } from '#sensor/kernel'
import { callNumber, hostAbi } from '#syscalls'
import { noKernel, settings, until } from '../sensor/kernel/available.ts'

const skip = (await noKernel()) ?? false
const umask = callNumber(hostAbi(), 'umask') as number
const python = spawnSync('python3', ['--version']).error ? undefined : 'python3'

const interpreters = ['/bin/sh', '/bin/bash', '/usr/bin/python3', '/usr/bin/perl', process.execPath]

describe('scripts', { skip }, () => {
  // Not in /tmp: what is there is no script of its own.
  const folder = skip ? '' : mkdtempSync('/var/lib/lymph-scripts-')
  const events: SensorEvent[] = []
  const shell = skip ? '' : realpathSync('/bin/sh')
  const script = (name: string, text: string) => {
    const path = join(folder, name)
    writeFileSync(path, text)
    chmodSync(path, 0o755)
    return path
  }
  let sensor: KernelSensor
  const started = { ...settings, interpreters: [...interpreters, '/nowhere/else'] }
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
      rows.some(({ current }) => current === umask),
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

  /** Names of the profiles that appear while it is done, of this interpreter's file alone. */
  const appear = async (interpreter: string, act: () => unknown): Promise<string[]> => {
    const real = realpathSync(interpreter)
    const marker = script(`marker-${Math.random()}`, ': > /dev/null\n')
    const before = new Set(executables().map(({ path }) => path))
    await act()
    // Events come in their order.
    execFileSync('/bin/sh', [marker])
    await profileOf(`${shell}:${marker}`)
    return (
      executables()
        .map(({ path }) => path)
        .filter((path) => !before.has(path) && path.startsWith(`${real}:`) && !path.endsWith(marker))
        .map((path) => path.slice(real.length + 1))
        // Others run scripts on this host meanwhile.
        .filter(
          (name) => name.startsWith(folder) || !name.startsWith('/') || /^\/(dev|proc|tmp)\//.test(name),
        )
    )
  }
  const bash = realpathSync('/bin/bash')

  it('what is no file of its own is no script: a pipe, an open file, standard input, a temporary place', async () => {
    const text = ': > /dev/null\n'
    const temporary = join(mkdtempSync(join(tmpdir(), 'lymph-')), 'x.sh')
    writeFileSync(temporary, `#!/bin/bash\n${text}`)
    chmodSync(temporary, 0o755)
    const real = script('open.sh', text)
    const file = openSync(real, 'r')
    const named = await appear(bash, () => {
      execFileSync(bash, ['-c', `${bash} <(echo ":")`])
      execFileSync(bash, ['/dev/fd/3'], { stdio: ['ignore', 'ignore', 'inherit', file] })
      execFileSync(bash, ['/proc/self/fd/3'], { stdio: ['ignore', 'ignore', 'inherit', file] })
      execFileSync(bash, [`/proc/${process.pid}/fd/${file}`])
      execFileSync(bash, ['-c', `${bash} /dev/stdin < ${real}`])
      execFileSync(bash, ['-'], { input: text })
      execFileSync(bash, ['-s', 'word'], { input: text })
      execFileSync(bash, [], { input: text })
      execFileSync(bash, ['-c', ':', 'word'])
      execFileSync(bash, ['-xc', ':', 'word'], { stdio: 'ignore' })
      execFileSync(bash, [temporary])
      execFileSync(temporary)
      execFileSync(bash, ['x.sh'], { cwd: join(temporary, '..') })
    })
    closeSync(file)
    rmSync(join(temporary, '..'), { recursive: true })
    assert.deepEqual(named, [])
    assert.ok(
      executables().some(({ path }) => path === bash),
      'they are of the interpreter itself',
    )
  })

  it('options come before a script, with values and without', async () => {
    const bare = script('bare.sh', ': > /dev/null\n')
    const more = script('more.sh', ': > /dev/null\n')
    const dashed = script('dashed.sh', ': > /dev/null\n')
    const long = script('long.sh', ': > /dev/null\n')
    const named = await appear(bash, () => {
      execFileSync(bash, ['-x', bare], { stdio: 'ignore' })
      execFileSync(bash, ['-eu', '-o', 'pipefail', '+x', more, '-c', 'word'])
      execFileSync(bash, ['--norc', '--', dashed])
      execFileSync(bash, ['--rcfile', '/dev/null', '--noprofile', long])
    })
    assert.deepEqual(named, [bare, more, dashed, long])
  })

  it('a name is the one that was given: a link is by its own name', async () => {
    const file = script('linked.sh', ': > /dev/null\n')
    const link = join(folder, 'link.sh')
    symlinkSync(file, link)
    assert.deepEqual(await appear(bash, () => execFileSync(bash, [link])), [link])
  })

  const has = (program: string) => spawnSync(program, ['--version']).error === undefined
  const real = (program: string) => realpathSync(`/usr/bin/${program}`)

  it('of python with options; a module, a command and env', { skip: !has('/usr/bin/python3') }, async () => {
    const one = script('one.py', 'pass\n')
    const two = script('two.py', 'pass\n')
    const three = script('three.py', 'pass\n')
    const python = real('python3')
    const named = await appear(python, () => {
      execFileSync('/usr/bin/python3', ['-u', one, '-m', 'x'])
      execFileSync('/usr/bin/python3', ['-BW', 'ignore', '-X', 'dev', two])
      execFileSync('/usr/bin/env', ['/usr/bin/python3', three])
      execFileSync('/usr/bin/python3', ['-m', 'this'], { stdio: 'ignore' })
      execFileSync('/usr/bin/python3', ['-Bm', 'this'], { stdio: 'ignore' })
      execFileSync('/usr/bin/python3', ['-c', 'pass', one])
    })
    assert.deepEqual(named, [one, two, three])
  })

  it('of perl with options; a command', { skip: !has('/usr/bin/perl') }, async () => {
    const one = script('one.pl', '1;\n')
    const two = script('two.pl', '1;\n')
    const named = await appear(real('perl'), () => {
      execFileSync('/usr/bin/perl', ['-w', one])
      execFileSync('/usr/bin/perl', ['-Mstrict', '-I', '/nowhere', '-T', two])
      execFileSync('/usr/bin/perl', ['-we', '1', one])
    })
    assert.deepEqual(named, [one, two])
  })

  it('of node with options; a command', { skip: process.execPath === '' }, async () => {
    const one = script('one.cjs', '\n')
    const two = script('two.cjs', '\n')
    const node = process.execPath
    const named = await appear(node, () => {
      execFileSync(node, ['--no-warnings', one])
      execFileSync(node, ['--require', one, '--max-old-space-size=100', two])
      execFileSync(node, ['--eval', '1', one])
      execFileSync(node, ['-e', '1', one])
    })
    assert.deepEqual(named, [one, two])
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

  it('so many scripts that they would push out all else are of their interpreter, and counted', async () => {
    await sensor.stop()
    events.length = 0
    const profiles = 256
    const most = profiles / 8
    sensor = new KernelSensor({ sizes: { profiles, rows: 8192 }, tickMs: 50 })
    sensor.onEvent((event) => events.push(event))
    await sensor.start(started, [])
    const count = 2 * most
    for (let i = 0; i < count; i++) execFileSync(bash, [script(`many-${i}.sh`, ': > /dev/null\n')])
    await profileOf(bash)
    const named = executables().filter(({ path }) => path.startsWith(`${bash}:`))
    assert.equal(named.length, most)
    const ours = named
      .map(({ path }) => path.slice(path.lastIndexOf('/') + 1))
      .filter((name) => /^many-/.test(name))
    assert.deepEqual(
      ours,
      Array.from(ours, (_, i) => `many-${i}.sh`),
      'those that came first',
    )
    assert.ok((sensor.totals().scriptsRefused ?? 0) >= count - ours.length)
    execFileSync(bash, [join(folder, 'many-0.sh')])
    const other = script('other.sh', ': > /dev/null\n')
    execFileSync('/bin/sh', [other])
    await profileOf(`${shell}:${other}`)
  })
})
