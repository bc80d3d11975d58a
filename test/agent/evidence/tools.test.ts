/** strace, gcore and tcpdump themselves on a real process: what they collect, and each limit. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import {
  collectEvidence,
  type EvidenceRequest,
  evidenceTools,
  listEvidence,
  type Manifest,
  verifyEvidence,
} from '#agent'

const root = process.getuid?.() === 0
/** A reason where one of them is not there. */
const without = (...names: string[]): string | false => {
  if (!root) return 'it takes root'
  if (!existsSync(perl)) return `${perl}: not installed`
  const missing = names.filter(
    (name) => !evidenceTools.find((tool) => tool.name === name)?.programs.some(existsSync),
  )
  return missing.length > 0 ? `${missing.join(', ')}: not installed` : false
}

const perl = '/usr/bin/perl'
const pause = 'select undef, undef, undef, 0.005;'

/** A process with 2 MB of memory that makes calls all the time. */
function place(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'lymph-tools-'))
  const child: ChildProcess = spawn(
    perl,
    ['-e', `my $b = 'lymph' x 400_000; while (1) { kill 0, $$; ${pause} }`],
    {
      stdio: 'ignore',
    },
  )
  t.after(() => {
    child.kill('SIGKILL')
    spawnSync('umount', ['-l', join(folder, 'small')])
    rmSync(folder, { recursive: true, force: true })
  })
  const collect = (tools: string[], limits: EvidenceRequest['limits'], into = folder): Promise<Manifest> =>
    collectEvidence({
      ...{ folder: into, pid: child.pid as number, tools, limits: { reserveBytes: 0, ...limits } },
      ...{ now: Date.now, random: () => Math.random().toString(16).slice(2, 6).padEnd(4, '0') },
    })
  const state = () =>
    / ([A-Za-z]) /.exec(readFileSync(`/proc/${child.pid}/stat`, 'latin1').split(')')[1] ?? '')?.[1]
  return { folder, pid: child.pid as number, collect, state }
}

const toolOf = ({ tools }: Manifest, name: string) => {
  const found = tools.find(({ tool }) => tool === name)
  assert.ok(found, `${name} is not in the manifest`)
  return found
}

/** Packets on the loopback, until it is ended. */
function traffic(t: TestContext, bytes = 1000): void {
  const socket = createSocket('udp4')
  const timer = setInterval(() => socket.send(Buffer.alloc(bytes, 'lymph'), 9, '127.0.0.1', () => {}), 5)
  t.after(() => {
    clearInterval(timer)
    socket.close()
  })
}

const all = ['strace', 'gcore', 'tcpdump']

test('all three of one process at once: whole, hashed, root alone; it goes on', {
  skip: without(...all),
}, async (t) => {
  const { folder, pid, collect, state } = place(t)
  traffic(t)
  const manifest = await collect(all, { timeMs: 8000, bytes: 2 ** 28 })
  for (const name of all)
    assert.equal(toolOf(manifest, name).cut, '', `${name}: ${toolOf(manifest, name).cut}`)
  const path = (name: string) => join(folder, manifest.id, toolOf(manifest, name).files[0]?.name ?? '')
  assert.match(readFileSync(path('strace'), 'utf8'), /kill\(\d+.*, 0\)/)
  const core = readFileSync(path('gcore'))
  assert.equal(core.subarray(0, 4).toString('latin1'), '\x7fELF')
  assert.ok(core.includes('lymphlymphlymph'), 'its memory')
  const capture = readFileSync(path('tcpdump'))
  assert.ok(capture.includes('lymphlymph'), 'the packets')
  for (const name of all) assert.equal(statSync(path(name)).mode & 0o777, 0o600)
  assert.deepEqual(verifyEvidence(folder, manifest), [])
  assert.notEqual(state(), 'T')
  assert.ok(existsSync(`/proc/${pid}`))
})

test('size: each is cut, and the manifest says so; a core that the kernel kept from growing too', {
  skip: without(...all),
}, async (t) => {
  const { collect, state } = place(t)
  traffic(t)
  const bytes = 65_536
  const manifest = await collect(all, { timeMs: 20_000, bytes })
  for (const name of all) {
    const { cut, files } = toolOf(manifest, name)
    assert.equal(cut, `more than ${bytes} bytes came`, name)
    for (const file of files) assert.ok(file.bytes <= bytes, `${name}: ${file.bytes}`)
  }
  assert.notEqual(state(), 'T')
})

test('time: what goes on for ever is ended as it should; what ends by itself and does not is cut', {
  skip: without(...all),
}, async (t) => {
  const { collect, state } = place(t)
  const manifest = await collect(all, { timeMs: 50, bytes: 2 ** 28 })
  assert.equal(toolOf(manifest, 'strace').cut, '')
  assert.match(toolOf(manifest, 'tcpdump').end, /^0\.05 s were over/)
  // gdb alone takes longer to start.
  assert.equal(toolOf(manifest, 'gcore').cut, '0.05 s were over')
  assert.notEqual(state(), 'T')
})

test('disk: what fills it meanwhile cuts the tools short; without room nothing begins', {
  skip: without('strace', 'tcpdump'),
}, async (t) => {
  const { folder, collect } = place(t)
  const small = join(folder, 'small')
  mkdirSync(small)
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'none', small])
  if (mounted.status !== 0) return t.skip('no tmpfs may be mounted here')
  const evidence = join(small, 'evidence')
  const collecting = collect(
    ['strace', 'tcpdump'],
    { timeMs: 20_000, bytes: 1 << 20, reserveBytes: 1 << 20 },
    evidence,
  )
  setTimeout(() => writeFileSync(join(small, 'others'), Buffer.alloc(3.5 * 2 ** 20)), 1500)
  const manifest = await collecting
  for (const name of ['strace', 'tcpdump'])
    assert.equal(toolOf(manifest, name).cut, 'the disk was about to be full')
  assert.ok(manifest.ended - manifest.began < 15_000)
  await assert.rejects(
    collect(['strace'], { timeMs: 1000, bytes: 1 << 20, reserveBytes: 1 << 20 }, evidence),
    /no room for evidence/,
  )
  const { manifests, broken } = listEvidence(evidence)
  assert.deepEqual([manifests.length, broken], [1, []])
})

for (const name of ['suricata', 'snort'])
  test(`${name} itself starts, ends by its time, and says what it is`, { skip: without(name) }, async (t) => {
    const { collect } = place(t)
    traffic(t)
    const { end, cut, toolVersion } = toolOf(await collect([name], { timeMs: 20_000, bytes: 2 ** 26 }), name)
    assert.equal(cut, '')
    assert.match(end, /^20 s were over/)
    assert.notEqual(toolVersion, '')
  })
