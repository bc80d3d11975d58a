/**
 * Two hosts with networks of their own, joined by one wire, all through the command line: an abnormal run on the first
 * is a line of `warnings --follow --json` on the second. Both are this kernel, so only the first has a sensor.
 */
import assert from 'node:assert/strict'
import { execFile, spawnSync } from 'node:child_process'
import { copyFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { promisify } from 'node:util'
import { noKernel } from '../sensor/kernel/available.ts'
import { alive, ask, Cleanup, childrenOf, type Live, lymph, until } from './hosts.ts'

const run = promisify(execFile)

function noNamespaces(): string | undefined {
  if (process.getuid?.() !== 0) return 'network namespaces are for root'
  const probe = `lymph-${process.pid}-probe`
  const made = spawnSync('ip', ['netns', 'add', probe], { encoding: 'utf8' })
  if (made.error) return 'ip (iproute2) is not installed'
  if (made.status !== 0) return `no network namespaces here: ${made.stderr.trim()}`
  spawnSync('ip', ['netns', 'delete', probe])
  return undefined
}

const skip = (await noKernel()) ?? noNamespaces() ?? false
/** How long the mesh may take on a machine that does other things too; the figure itself is printed. */
const patienceMs = 5000
const umask = 95

describe('two hosts in two network namespaces', { skip }, () => {
  const cleanup = new Cleanup()
  after(() => cleanup.end())
  const hosts = ['alpha', 'beta'].map((name, index) => {
    const namespace = `lymph-${process.pid}-${name}`
    return {
      name,
      namespace,
      inside: ['ip', 'netns', 'exec', namespace],
      address: `10.213.79.${index + 1}`,
      wire: `ly${process.pid}${name[0]}`,
      state: '',
    }
  })
  const [alpha, beta] = hosts as [(typeof hosts)[0], (typeof hosts)[0]]
  const ups: Live[] = []
  let helper = ''

  before(async () => {
    const folder = cleanup.folder('namespaces')
    helper = join(folder, 'helper')
    copyFileSync('/bin/sh', helper)
    for (const host of hosts) {
      host.state = join(folder, host.name)
      await run('ip', ['netns', 'add', host.namespace])
      // With a namespace goes its end of the wire, and with that the wire.
      cleanup.add(() => run('ip', ['netns', 'delete', host.namespace]))
    }
    await run('ip', ['link', 'add', alpha.wire, 'type', 'veth', 'peer', 'name', beta.wire])
    for (const { namespace, wire, address } of hosts) {
      await run('ip', ['link', 'set', wire, 'netns', namespace])
      await run('ip', ['-n', namespace, 'address', 'add', `${address}/24`, 'dev', wire])
      await run('ip', ['-n', namespace, 'link', 'set', wire, 'up'])
      await run('ip', ['-n', namespace, 'link', 'set', 'lo', 'up'])
    }
    for (const { name, inside, address, state } of hosts)
      ups.push(
        await cleanup.up(
          state,
          [
            ...['--host', name, '--listen', `/ip4/${address}/tcp/7946`],
            ...(name === 'beta' ? ['--no-sensor'] : []),
          ],
          { inside },
        ),
      )
  })

  it('join: init, invite and join, the token through standard input', async () => {
    await ask(alpha.state, ['mesh', 'init'], alpha)
    const { token } = await ask<{ token: string }>(alpha.state, ['mesh', 'invite'], alpha)
    const joined = await lymph(['--state', beta.state, 'mesh', 'join', '-'], { ...beta, input: `${token}\n` })
    assert.equal(joined.code, 0, joined.err)
    for (const { state, inside } of hosts)
      await until('both members alive', async () => {
        const members = await ask<{ name: string; state: string }[]>(state, ['mesh', 'members'], { inside })
        const told = members.map((member) => `${member.name} ${member.state}`).sort()
        return told.join() === 'alpha alive,beta alive' || undefined
      })
  })

  it('an abnormal run on one is a warning on the other, with binary, unseen pairs and LFC', async (t) => {
    for (let i = 0; i < 30; i++) await run(helper, ['-c', 'cd /; : >/dev/null'])
    await until('a profile of the helper', async () => {
      type Row = { binary: string; sha256: string; calls: number }
      const rows = await ask<Row[]>(alpha.state, ['profile', 'list'], alpha)
      return rows.find(({ binary, sha256, calls }) => binary === helper && sha256 !== '' && calls > 0)
    })
    const normal = await lymph(['--state', alpha.state, 'profile', 'normalize', helper], alpha)
    assert.equal(normal.code, 0, normal.err)
    await run(helper, ['-c', 'cd /; : >/dev/null'])

    const followed = cleanup.live(['--state', beta.state, '--json', 'warnings', '--follow'], beta)
    // What stands is told first, so that the follower cannot be too late, only the figure could be too good.
    await new Promise((resolve) => setTimeout(resolve, 2000))
    assert.deepEqual(followed.lines, [], 'a usual run is nothing to warn of')
    const began = Date.now()
    const came = followed.line((line) => line.includes(helper), 30).then((line) => ({ line, at: Date.now() }))
    await run(helper, ['-c', 'umask 077; trap : USR1; kill -USR1 $$; ulimit -S -n 64'])
    const ran = Date.now() - began
    const { line, at } = await came
    t.diagnostic(`abnormal run to warning on the other host: ${at - began} ms (the run itself: ${ran} ms)`)
    assert.ok(at - began < patienceMs, `${at - began} ms`)

    const warning = JSON.parse(line) as {
      host: string
      subject: string
      state: string
      maxLfc: number
      pairs: { current: number; previous: number; distance: number }[]
    }
    assert.equal(warning.host, 'alpha')
    assert.equal(warning.subject, helper)
    assert.equal(warning.state, 'standing')
    assert.ok(warning.maxLfc >= 5, `LFC ${warning.maxLfc}`)
    assert.ok(warning.pairs.some(({ current }) => current === umask))
    await followed.end('SIGINT')
    const told = await lymph(['--state', beta.state, 'warnings'], beta)
    assert.match(told.out, new RegExp(`alpha.*standing.*${helper}`))
  })

  it('end on SIGTERM with nothing left', async () => {
    const children = ups.flatMap(({ pid }) => childrenOf(pid))
    // Alpha's sensor and daemon, beta's daemon.
    assert.equal(children.length, 3)
    for (const up of ups) assert.equal(await up.end(), 0)
    assert.deepEqual(
      children.filter(({ pid }) => alive(pid)),
      [],
    )
  })
})
