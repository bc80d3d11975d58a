import assert from 'node:assert/strict'
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import {
  collectEvidence,
  type EvidenceRequest,
  type EvidenceTool,
  evidenceTools,
  installed,
  listEvidence,
  readManifest,
  verifyEvidence,
} from '../../../src/agent/evidence/index.ts'

const mebi = 1024 * 1024

function place(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'lymph-evidence-'))
  t.after(() => {
    spawnSync('umount', ['-l', join(folder, 'evidence')])
    rmSync(folder, { recursive: true, force: true })
  })
  return folder
}

/** A process that makes system calls until it is ended. */
function offender(t: TestContext): ChildProcess & { pid: number } {
  const child = spawn('sh', ['-c', 'while :; do sleep 0.05; done'], { stdio: 'ignore' })
  t.after(() => child.kill('SIGKILL'))
  return child as ChildProcess & { pid: number }
}

/** A tool that is a script of ours. */
function fake(folder: string, script: string, more: Partial<EvidenceTool> = {}): EvidenceTool {
  const program = join(folder, 'fake')
  writeFileSync(program, `#!/bin/sh\n${script}\n`)
  chmodSync(program, 0o755)
  return {
    ...{ name: 'fake', programs: [program], version: [], argv: ({ pid }) => [String(pid)] },
    ...{ output: 'stdout', file: 'out', endless: true, process: true, ...more },
  }
}

const request = (folder: string, pid: number, more: Partial<EvidenceRequest> = {}): EvidenceRequest => ({
  ...{ folder: join(folder, 'evidence'), pid, tools: ['fake'], now: Date.now, random: () => 'beef' },
  limits: { timeMs: 500, bytes: mebi, reserveBytes: 0, ...more.limits },
  ...Object.fromEntries(Object.entries(more).filter(([key]) => key !== 'limits')),
})

const strace = evidenceTools.find(({ name }) => name === 'strace') as EvidenceTool
const attaches = installed(strace) && spawnSync('strace', ['-e', 'trace=none', 'true']).status === 0

test('strace of a real process: its calls, a manifest that holds, and a process that goes on', {
  skip: attaches ? false : 'strace cannot trace here',
}, async (t) => {
  const folder = place(t)
  const { pid } = offender(t)
  const asked = request(folder, pid, { tools: ['strace'], incident: 'ab12cd34', limits: { timeMs: 1500 } })
  const manifest = await collectEvidence(asked)
  const [tool] = manifest.tools
  assert.equal(tool?.cut, '')
  assert.match(tool?.end ?? '', /^1\.5 s were over/)
  assert.match(tool?.toolVersion ?? '', /^strace -- version/)
  assert.deepEqual(tool?.argv.slice(-2), ['-p', String(pid)])
  assert.match(manifest.offender.binary, /sh$/)
  assert.deepEqual(manifest.offender.command.slice(1), ['-c', 'while :; do sleep 0.05; done'])
  const text = readFileSync(join(asked.folder, manifest.id, 'strace/strace.txt'), 'utf8')
  assert.match(text, /(clone|vfork|wait4)\(/)
  assert.deepEqual(verifyEvidence(asked.folder, manifest), [])
  assert.deepEqual(readManifest(asked.folder, manifest.id).manifest, manifest)
  assert.doesNotMatch(readFileSync(`/proc/${pid}/status`, 'utf8'), /State:\s+[tT]|TracerPid:\s+[1-9]/)
})

test('what is larger than allowed is cut, and says so; not a byte more is on the disk', async (t) => {
  const folder = place(t)
  const known = [fake(folder, 'exec yes', {})]
  const { pid } = offender(t)
  const asked = request(folder, pid, { known, limits: { bytes: 100_000, timeMs: 20_000 } })
  const { id, tools } = await collectEvidence(asked)
  assert.match(tools[0]!.cut, /more than 100000 bytes came/)
  assert.deepEqual(
    tools[0]!.files.map(({ name, bytes }) => [name, bytes]),
    [['fake/out', 100_000]],
  )
  assert.ok(existsSync(join(asked.folder, id, 'fake/out')))
})

test('a tool that writes files is held by the kernel and by looking', async (t) => {
  const folder = place(t)
  const script =
    'i=0; while :; do i=$((i+1)); head -c 50000 /dev/zero > "$2/part$i" || exit 1; sleep 0.05; done'
  const known = [
    fake(folder, script, { output: 'files', file: '', argv: ({ pid, folder: own }) => [String(pid), own] }),
  ]
  const { pid } = offender(t)
  const { tools } = await collectEvidence(
    request(folder, pid, { known, limits: { bytes: 200_000, timeMs: 20_000 } }),
  )
  assert.match(tools[0]!.cut, /more than 200000 bytes came/)
  const large = [
    fake(folder, 'head -c 5000000 /dev/zero > "$2/large"; exit 3', {
      output: 'files',
      file: '',
      argv: ({ pid: p, folder: own }) => [String(p), own],
    }),
  ]
  const held = await collectEvidence(
    request(folder, pid, { known: large, random: () => 'cafe', limits: { bytes: 200_000, timeMs: 20_000 } }),
  )
  assert.ok(held.tools[0]!.files.every(({ bytes }) => bytes <= 200_000))
  assert.notEqual(held.tools[0]!.cut, '')
})

test('a tool that will not end is killed, one that fails says why, one that is missing is named', async (t) => {
  const folder = place(t)
  const { pid } = offender(t)
  const stubborn = fake(folder, "trap '' INT TERM; echo begun; while :; do sleep 1; done")
  const first = await collectEvidence(request(folder, pid, { known: [stubborn] }))
  assert.match(first.tools[0]!.end, /^0\.5 s were over \(killed by SIGKILL\)/)
  const failing = fake(folder, 'echo cannot attach >&2; exit 7')
  const absent: EvidenceTool = { ...failing, name: 'absent', programs: ['/nonexistent'] }
  const second = await collectEvidence(
    request(folder, pid, { known: [failing, absent], tools: ['fake', 'absent'], random: () => 'cafe' }),
  )
  assert.match(second.tools[0]!.cut, /exit 7\): cannot attach/)
  assert.deepEqual(second.missing, ['absent'])
  await assert.rejects(
    collectEvidence(request(folder, pid, { known: [absent], tools: ['absent'] })),
    /none of absent is installed/,
  )
  await assert.rejects(
    collectEvidence(request(folder, pid, { tools: ['nmap'] })),
    /there are strace, gcore, tcpdump/,
  )
})

test('where there is no room nothing is begun, and the error says degraded', async (t) => {
  const folder = place(t)
  const known = [fake(folder, 'echo x')]
  const { pid } = offender(t)
  const refused = async (limits: EvidenceRequest['limits'], says: RegExp) =>
    assert.rejects(
      collectEvidence(request(folder, pid, { known, limits: limits! })),
      (error: Error & { exit: number }) => {
        assert.match(error.message, says)
        assert.equal(error.exit, 4)
        return true
      },
    )
  await refused({ reserveBytes: Number.MAX_SAFE_INTEGER }, /no room for evidence/)
  await refused({ totalBytes: 1000 }, /is the most/)
  await refused({ count: 0 }, /0 collections are kept/)
  assert.deepEqual(readdirSync(join(folder, 'evidence')), [])
})

test('a disk that becomes full leaves nothing half', {
  skip: process.getuid?.() === 0 ? false : 'only root mounts a small disk',
}, async (t) => {
  const folder = place(t)
  const disk = join(folder, 'evidence')
  mkdirSync(disk)
  if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'small', disk]).status !== 0)
    return t.skip('no tmpfs may be mounted')
  const { pid } = offender(t)
  // Somebody else fills it meanwhile, faster than the reserve is looked at.
  const script = 'head -c 200000 /dev/zero > ../../other; exec yes'
  const known = [fake(folder, script)]
  const asked = request(folder, pid, { known, limits: { bytes: 200_000, reserveBytes: 0, timeMs: 20_000 } })
  await assert.rejects(collectEvidence(asked), /the disk is full/)
  assert.deepEqual(readdirSync(disk), ['other'])
})

test('a process that is gone, came later, or must not be touched is left alone', async (t) => {
  const folder = place(t)
  const known = [fake(folder, 'echo x')]
  const child = offender(t)
  const { pid } = child
  await assert.rejects(
    collectEvidence(request(folder, pid, { known, seenAt: Date.now() - 60_000 })),
    /not there any more/,
  )
  await assert.rejects(
    collectEvidence(request(folder, pid, { known, never: () => 'it is on the list' })),
    /left alone: it is on the list/,
  )
  await assert.rejects(collectEvidence(request(folder, process.pid, { known })), /left alone/)
  child.kill('SIGKILL')
  await new Promise((resolve) => child.once('exit', resolve))
  await assert.rejects(collectEvidence(request(folder, pid, { known })), /not there any more/)
  assert.ok(!existsSync(join(folder, 'evidence')))
})

test('evidence is listed, and shown to be as it was collected or not', async (t) => {
  const folder = place(t)
  const known = [fake(folder, 'echo evidence; sleep 5')]
  const { pid } = offender(t)
  const asked = request(folder, pid, { known })
  const manifest = await collectEvidence(asked)
  mkdirSync(join(asked.folder, '.20200101-000000-dead'))
  const { manifests, broken } = listEvidence(asked.folder)
  assert.deepEqual(manifests, [manifest])
  assert.deepEqual(broken, ['.20200101-000000-dead'])
  writeFileSync(join(asked.folder, manifest.id, 'fake/out'), 'forged')
  assert.deepEqual(verifyEvidence(asked.folder, manifest), ['fake/out is not as it was collected'])
  rmSync(join(asked.folder, manifest.id, 'fake/out'))
  assert.deepEqual(verifyEvidence(asked.folder, manifest), ['fake/out is gone'])
  writeFileSync(join(asked.folder, manifest.id, 'manifest.json'), '{}')
  assert.throws(() => readManifest(asked.folder, manifest.id), /it is no manifest/)
  assert.throws(() => readManifest(asked.folder, '../../etc'), /no evidence is called/)
})
