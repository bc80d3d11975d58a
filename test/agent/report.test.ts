import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Offender } from '../../src/agent/promises/offenders.ts'
import { report } from '../../src/agent/promises/report.ts'
import type { Hands } from '../../src/agent/promises/world.ts'

const offender = (pid: number, tolerated = false): Offender => ({
  ...{ pid, binary: '/usr/bin/x', seenAt: 0, lfc: 9, incident: `i${pid}`, tolerated },
})

function hands(daemon?: Hands['daemon']): Hands {
  return {
    ...({ daemon, classes: new Set(['ph_sequence_anomaly', 'linux']) } as unknown as Hands),
    offenders: { ph_sequence: [offender(7), offender(8, true)], ph_load: [] },
    signal: new AbortController().signal,
  }
}

async function told(body: Record<string, unknown>, world: Hands) {
  const checked = report.shape.parse({ text: '$(this.classes): $(this.offenders)', ...body })
  const { steps } = await report.plan(checked, world)
  assert.equal(steps.length, 1)
  return report.act(steps[0]!, checked, world)
}

const text = 'ph_sequence_anomaly: /usr/bin/x (7)'

test('mail: the program gets the text on standard input, without who is tolerated', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'lymph-report-'))
  try {
    const file = join(folder, 'mail')
    const outcome = await told({ to: 'mail', argv: ['/usr/bin/tee', file] }, hands())
    assert.deepEqual(outcome, { result: 'repaired', line: `reported to mail: ${text}` })
    assert.equal(readFileSync(file, 'utf8'), `${text}\n`)
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('mail that fails, or is not there, is not kept and says why', async () => {
  const failing = await told({ to: 'mail', argv: ['/bin/false'] }, hands())
  assert.equal(failing.result, 'not_kept')
  assert.match(failing.line, /^report to mail: exit code 1 ?: ph_sequence_anomaly/)
  const missing = await told({ to: 'mail', argv: ['/nowhere/mail'] }, hands())
  assert.equal(missing.result, 'not_kept')
  assert.match(missing.line, /\/nowhere\/mail|ENOENT|is not there/)
})

test('journal and webhook go through the daemon; without one they are not kept', async () => {
  const posted: [string, unknown][] = []
  const daemon = {
    get: () => Promise.reject(new Error('not asked')),
    post: <T>(path: string, body?: unknown) => {
      posted.push([path, body])
      return Promise.resolve({} as T)
    },
  }
  assert.equal((await told({ to: 'journal', priority: 'err' }, hands(daemon))).result, 'repaired')
  assert.equal((await told({ to: 'webhook', url: 'http://127.0.0.1/h' }, hands(daemon))).result, 'repaired')
  assert.deepEqual(posted, [
    ['/agent/report', { text, priority: 'err' }],
    ['/agent/report', { text, url: 'http://127.0.0.1/h' }],
  ])
  const alone = await told({ to: 'journal' }, hands())
  assert.deepEqual(alone, { result: 'not_kept', line: `report to journal: no daemon answers: ${text}` })
  const refused = await told(
    { to: 'webhook', url: 'http://127.0.0.1/h' },
    hands({ ...daemon, post: () => Promise.reject(new Error('the config does not allow it')) }),
  )
  assert.deepEqual(refused, {
    result: 'not_kept',
    line: `report to webhook: the config does not allow it: ${text}`,
  })
})
