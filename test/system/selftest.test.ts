import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { globSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { describe, it, test } from 'node:test'
import { type Step, selftest } from '#daemon'
import { noKernel } from '../sensor/kernel/available.ts'
import { lymph } from './hosts.ts'

const skip = (await noKernel()) ?? false
const names = ['sensor', 'learned', 'normal', 'mesh', 'usual', 'incident', 'warning', 'gone']
const nobody = 65_534
/** As root the tests become somebody else for this; others are that already. */
const uid = process.getuid?.() === 0 ? { uid: nobody } : {}

function check(steps: Step[]): void {
  assert.deepEqual(
    steps.map(({ step }) => step),
    names,
  )
  const detail = (name: string) => steps.find(({ step }) => step === name)?.detail ?? ''
  const lfc = (name: string) => Number(/LFC (\d+)/.exec(detail(name))?.[1])
  // One foreign call makes as many anomalous calls as the window is long; the helper made several.
  assert.ok(lfc('incident') > 6)
  assert.ok(lfc('warning') > 0)
  assert.match(detail('incident'), /unseen .*umask/)
  const times = steps.map(({ ms }) => ms)
  assert.deepEqual(
    times,
    times.toSorted((a, b) => a - b),
  )
}

test('the self-test follows a planted anomaly to the incident and the warning', { skip }, async () => {
  const steps: Step[] = []
  await selftest((step) => steps.push(step))
  check(steps)
  assert.match(steps[0]?.detail ?? '', /^eBPF program loaded/)
})

const noStrace =
  spawnSync('strace', ['-qq', '-o', '/dev/null', 'true'], uid.uid ? { uid: uid.uid, gid: uid.uid } : {})
    .status === 0
    ? false
    : 'strace cannot trace here'

describe('the self-test of an ordinary user', () => {
  const left = () => globSync('lymph-selftest-*', { cwd: tmpdir() })

  it('goes the same way over strace, and says that it does', { skip: noStrace }, async () => {
    const before = left()
    const { code, out, err } = await lymph(['--json', 'selftest'], uid)
    assert.equal(code, 0, err)
    assert.equal(err, '')
    const steps = out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Step)
    check(steps)
    assert.match(steps[0]?.detail ?? '', /^strace, on the helper alone: no kernel sensor: that takes root$/)
    assert.deepEqual(left(), before)
  })

  it('prints a step a line, with its time', { skip: noStrace }, async () => {
    const { code, out } = await lymph(['selftest'], uid)
    assert.equal(code, 0)
    const lines = out.trimEnd().split('\n')
    assert.equal(lines.length, names.length)
    for (const [at, line] of lines.entries()) assert.match(line, new RegExp(`^ *\\d+ ms {2}${names[at]} `))
  })

  it('without root and without strace is one line', async () => {
    const before = left()
    const main = new URL('../../src/cli/main.ts', import.meta.url).pathname
    const child = spawn(process.execPath, [main, 'selftest'], {
      env: { ...process.env, PATH: '/nonexistent' },
      ...(uid.uid ? { uid: uid.uid, gid: uid.uid } : {}),
    })
    let said = ''
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk) => {
        said += chunk
      })
    const [code] = await once(child, 'close')
    assert.equal(code, 4)
    assert.match(
      said,
      /^error: lymph selftest: the self-test needs the kernel sensor or strace: that takes root; strace is not installed, .*apt-get install strace.*\n$/,
    )
    assert.deepEqual(left(), before)
  })
})
