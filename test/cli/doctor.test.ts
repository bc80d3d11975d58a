/** `lymph doctor`: without daemon, without root, with things broken on purpose. */
import assert from 'node:assert/strict'
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { checkClock, checkNode } from '../../src/cli/doctor/host.ts'
import { status } from './answers.ts'
import { emptyState, fakeDaemon, lymph } from './lymph.ts'

interface Finding {
  check: string
  state: string
  why: string
  todo?: string
}

const asRoot = process.getuid?.() === 0
const find = (findings: Finding[], check: string) => findings.filter((finding) => finding.check === check)

/** A configuration whose port is surely free, or surely not. */
function config(folder: string, port: number): string {
  const file = join(folder, 'lymph.yaml')
  writeFileSync(file, `listen: [/ip4/127.0.0.1/tcp/${port}]\n`)
  chmodSync(file, 0o644)
  return file
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  await new Promise((resolve) => server.close(resolve))
  return port
}

test('without a daemon every line stands, and the exit code is 4', async () => {
  using host = emptyState()
  const { code, out, err } = await lymph([
    'doctor',
    '--state',
    host.state,
    '--config',
    config(host.state, await freePort()),
  ])
  assert.equal(err, '')
  assert.equal(code, 4)
  const lines = out.trimEnd().split('\n')
  for (const line of lines) assert.match(line, /^(ok|failed|skipped) +\S.*$/)
  assert.match(out, /^ok +node +Node\.js 2/m)
  assert.match(out, /^ok +state folder +.* can be written$/m)
  assert.match(out, /^failed +daemon +no daemon answers at .*: start it with `lymph up`$/m)
  assert.match(out, /^skipped +sensor /m)
  if (asRoot) assert.match(out, /^ok +exec gate +.*\((BPF LSM|fanotify)\)/m)
})

test('as nobody: what is missing, why, and what works all the same', {
  skip: !asRoot && 'needs root to become someone else',
}, async () => {
  using host = emptyState()
  chmodSync(host.state, 0o755)
  const args = ['doctor', '--json', '--state', host.state, '--config', config(host.state, await freePort())]
  const { code, out, err } = await lymph(args, { uid: 65534, env: { HOME: host.state } })
  assert.equal(err, '')
  assert.equal(code, 4)
  const findings = JSON.parse(out) as Finding[]
  for (const { state, why, todo } of findings) {
    assert.ok(['ok', 'failed', 'skipped'].includes(state))
    assert.ok(why.length > 0)
    assert.equal(state === 'failed', todo !== undefined && todo.length > 0)
  }
  assert.equal(find(findings, 'exec gate')[0]?.state, 'skipped', 'only root can try')
  const kernel = find(findings, 'kernel').filter(({ state }) => state === 'failed')
  assert.ok(
    kernel.some(({ why }) => /CAP_BPF/.test(why)),
    JSON.stringify(kernel),
  )
  const [folder] = find(findings, 'state folder')
  assert.equal(folder?.state, 'failed')
  assert.match(folder?.why ?? '', /cannot be written: permission denied/)
  assert.match(folder?.todo ?? '', /run as root, or name a folder of your own with --state DIR/)
})

test('a port in use, a wrong config, a held store', async () => {
  using host = emptyState()
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  mkdirSync(join(host.state, 'store'))
  writeFileSync(join(host.state, 'store/pid'), `${process.pid}\n`)
  const args = ['doctor', '--json', '--state', host.state, '--config']
  const busy = JSON.parse((await lymph([...args, config(host.state, port)])).out) as Finding[]
  server.close()
  assert.equal(find(busy, 'port')[0]?.state, 'failed')
  assert.match(find(busy, 'port')[0]?.why ?? '', new RegExp(`^${port}/tcp is in use by another program$`))
  assert.match(find(busy, 'store')[0]?.why ?? '', new RegExp(`process ${process.pid} has it open`))

  const bad = join(host.state, 'bad.yaml')
  writeFileSync(bad, 'settings:\n  windw: 6\n')
  const wrong = JSON.parse((await lymph([...args, bad])).out) as Finding[]
  assert.equal(find(wrong, 'config')[0]?.state, 'failed')
  assert.match(find(wrong, 'config')[0]?.why ?? '', /bad\.yaml:2/)
})

test('with a daemon: its sensor and its peers', async () => {
  const member = {
    peer: 'x',
    certificateExpires: 0,
    version: '1',
    skewMs: 300_000,
    lastHeard: Date.now() - 7_200_000,
  }
  await using daemon = await fakeDaemon({
    'GET /status': { ...status, sensor: 'none' },
    'GET /mesh/members': [
      { ...member, name: 'web-1', state: 'alive', skewMs: 0 },
      { ...member, name: 'web-2', state: 'silent' },
    ],
  })
  const args = [
    'doctor',
    '--json',
    '--state',
    daemon.state,
    '--config',
    config(daemon.state, await freePort()),
  ]
  const { code, out } = await lymph(args)
  assert.equal(code, 4)
  const findings = JSON.parse(out) as Finding[]
  assert.equal(find(findings, 'daemon')[0]?.state, 'ok')
  assert.equal(find(findings, 'sensor')[0]?.state, 'failed')
  assert.match(find(findings, 'peers')[0]?.why ?? '', /^silent: web-2 \(heard 2h ago\)$/)
  assert.match(find(findings, 'clock')[0]?.why ?? '', /differs by 300 s from a member's/)
})

test('the clock and Node.js, judged', () => {
  assert.equal(checkClock(Date.now()).state, 'ok')
  assert.equal(checkClock(Date.UTC(1970, 0, 1)).state, 'failed')
  assert.equal(checkClock(Date.now(), [0, -119_000]).state, 'ok')
  assert.equal(checkClock(Date.now(), [0, -121_000]).state, 'failed')
  assert.equal(checkNode('22.4.1').state, 'failed')
  assert.equal(checkNode('26.0.0').state, 'ok')
})
