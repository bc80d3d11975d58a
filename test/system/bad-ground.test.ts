/** Hosts on bad ground: a full disk, a kernel without BTF, folders that may not be used. As root, which can make such. */
import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { chownSync, copyFileSync, existsSync, mkdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { noKernel } from '../sensor/kernel/available.ts'
import { ask, Cleanup, loopback, lymph, until } from './hosts.ts'

const root = process.getuid?.() === 0
const canMount = root && spawnSync('unshare', ['-m', 'mount', '-t', 'tmpfs', 'none', '/mnt']).status === 0
const noMounts = canMount ? false : 'mounting is for root'
const noSensor = (await noKernel()) ?? false
const nobody = 65_534

const cleanup = new Cleanup()
after(() => cleanup.end())
const folder = cleanup.folder('ground')
const oneLine = /^error: lymph [^\n]+\n$/

describe('a full disk', { skip: noMounts }, () => {
  const state = join(folder, 'disk/state')
  const filler = join(folder, 'disk/filler')
  const helper = join(folder, 'helper')
  const full =
    /the disk of \S+ is full \(.* are free, .* are needed\).*make room on it, or move the state with --state DIR\n$/

  type Row = { binary: string; sha256: string; pairs: number; state: string }
  const rowOf = async () =>
    (await ask<Row[]>(state, ['profile', 'list'])).find(({ binary }) => binary === helper)

  function fill(): void {
    const { bavail, bsize } = statfsSync(join(folder, 'disk'))
    try {
      writeFileSync(filler, Buffer.alloc(bavail * bsize))
    } catch (error) {
      assert.equal((error as NodeJS.ErrnoException).code, 'ENOSPC')
    }
    assert.equal(statfsSync(join(folder, 'disk')).bavail, 0)
  }

  it('refuses a start in one line, and takes nothing with it', () => {
    mkdirSync(join(folder, 'disk'))
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64m,mode=755', 'none', join(folder, 'disk')])
    cleanup.add(() => execFileSync('umount', ['--lazy', join(folder, 'disk')]))
    fill()
    return lymph(['--state', state, 'up', '--no-sensor']).then(({ code, err, out }) => {
      assert.equal(code, 2)
      assert.match(err, oneLine)
      assert.match(err, /the disk is full.*: make room there, or name another with --state DIR\n$/)
      assert.equal(out, '')
      rmSync(filler)
    })
  })

  it('while running: what cannot be saved is said; what was saved and what is learned stays', async () => {
    copyFileSync('/bin/sh', helper)
    const up = await cleanup.up(state, ['--no-sensor', '--listen', await loopback()])
    const watch = ['--state', state, 'watch', '--', helper, '-c']
    assert.equal((await lymph([...watch, ':'])).code, 0)
    const saved = await rowOf()
    assert.ok(saved)
    const settings = await ask(state, ['set'])
    fill()
    const set = await lymph(['--state', state, 'set', 'anomaly_limit', '77'])
    assert.notEqual(set.code, 0)
    assert.match(set.err, oneLine)
    assert.match(set.err, full)
    assert.deepEqual(await ask(state, ['set']), settings, 'what was refused does not hold')
    // The command that is watched is not to suffer: its own exit code, and a line.
    const watched = await lymph([...watch, 'umask 077; exit 7'])
    assert.equal(watched.code, 7)
    assert.match(watched.err, /^error: lymph watch: [^\n]*is full/)
    assert.deepEqual(await rowOf(), saved)
    assert.ok(up.running)

    rmSync(filler)
    assert.equal((await lymph(['--state', state, 'set', 'anomaly_limit', '77'])).code, 0)
    assert.equal((await lymph([...watch, 'umask 077'])).code, 0)
    const grown = await rowOf()
    assert.ok(grown && grown.pairs > saved.pairs)

    // A restart on a full disk loses nothing either; it may refuse, and then says so.
    fill()
    assert.equal(await up.end(), 0)
    rmSync(filler)
    const again = await cleanup.up(state, ['--no-sensor', '--listen', await loopback()])
    assert.deepEqual(await rowOf(), grown)
    assert.equal(await again.end(), 0)
  })

  it('does not stop the sensor: what is learned meanwhile is saved once there is room', {
    skip: noSensor,
  }, async () => {
    const up = await cleanup.up(state, ['--listen', await loopback()])
    fill()
    const busy = join(folder, 'busy')
    copyFileSync('/bin/sh', busy)
    for (let i = 0; i < 5; i++) execFileSync(busy, ['-c', 'cd /; : >/dev/null'])
    const find = async () =>
      (await ask<Row[]>(state, ['profile', 'list'])).find(({ binary }) => binary === busy)
    const learned = await until('it is learned', async () => {
      const row = await find()
      return row && row.sha256 !== '' && row.pairs > 0 ? row : undefined
    })
    const refused = await lymph(['--state', state, 'profile', 'normalize', busy])
    assert.notEqual(refused.code, 0)
    assert.match(refused.err, oneLine)
    assert.ok(up.running)
    assert.ok(!existsSync(join(state, 'profiles', busy)))
    rmSync(filler)
    await until('its profile is saved', () => existsSync(join(state, 'profiles', busy)) || undefined, 60)
    assert.equal((await find())?.pairs, learned.pairs)
    assert.equal(await up.end(), 0)
  })
})

describe('a kernel without BTF', { skip: noMounts || noSensor }, () => {
  // Seen from a mount namespace of its own, where the kernel's type information is not.
  const inside = ['unshare', '-m', 'sh', '-c', 'mount -t tmpfs none /sys/kernel/btf && exec "$@"', 'sh']
  const why =
    'no /sys/kernel/btf/vmlinux: without its type information (BTF) the kernel cannot fit the eBPF program: use a kernel built with CONFIG_DEBUG_INFO_BTF (every current distribution has it), and mount /sys'

  it('up says so in a line and goes on without a sensor; lymph sensor ends with 4', async () => {
    const state = join(folder, 'no-btf')
    const up = await cleanup.up(state, ['--listen', await loopback()], { inside })
    assert.deepEqual(up.lines, [`no sensor: ${why}`, 'ready'])
    assert.equal((await ask<{ sensor: string }>(state, ['status'])).sensor, 'none')
    assert.equal(await up.end(), 0)
    const { code, err } = await lymph(['--state', state, 'sensor'], { inside })
    assert.equal(code, 4)
    assert.equal(err, `error: lymph sensor: ${why}\n`)
    const doctor = await lymph(['--state', state, 'doctor'], { inside })
    assert.equal(doctor.code, 4)
    assert.ok(doctor.out.includes(why))
  })
})

describe('a folder that may not be used', { skip: root ? false : 'owners are for root to change' }, () => {
  it('by an ordinary user: whose it is, and what to do', async () => {
    const state = join(folder, 'of-root')
    mkdirSync(state, { mode: 0o700 })
    const ways: [string, string][] = [
      [state, `${state}: permission denied (${state})`],
      [join(state, 'below'), `${join(state, 'below')}: permission denied (${join(state, 'below')})`],
    ]
    for (const [given, why] of ways) {
      const { code, err } = await lymph(['--state', given, 'up'], { uid: nobody })
      assert.equal(code, 2)
      assert.equal(
        err,
        `error: lymph up: state folder ${why}: name one of your own with --state DIR, or run as its owner\n`,
      )
    }
  })

  it('by an ordinary user: a host of root is not to be asked', async () => {
    const state = join(folder, 'asked')
    const up = await cleanup.up(state, ['--no-sensor', '--listen', await loopback()])
    const { code, err } = await lymph(['--state', state, 'status'], { uid: nobody })
    // Where there is no user lymph the daemon runs as nobody itself.
    if (spawnSync('getent', ['passwd', 'lymph']).status === 0) {
      assert.equal(code, 3)
      assert.match(
        err,
        /^error: lymph status: permission denied at .*\/run\/api\.sock: run this as root or as /,
      )
    }
    assert.equal(await up.end(), 0)
  })

  it('by root: one that belongs to somebody else', async () => {
    const state = join(folder, 'of-nobody')
    mkdirSync(state)
    chownSync(state, nobody, nobody)
    for (const args of [
      ['up', '--no-sensor'],
      ['daemon', '--no-sensor'],
    ]) {
      const { code, err } = await lymph(['--state', state, ...args])
      assert.equal(code, 2)
      assert.match(err, oneLine)
      assert.match(err, /it belongs to user 65534, who could put links where root writes: chown root/)
    }
  })
})
