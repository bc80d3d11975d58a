import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Offender } from '../../src/agent/promises/offenders.ts'
import { builtInFilters, type ProcessFacts } from '../../src/agent/promises/processes/filter.ts'
import { processes } from '../../src/agent/promises/processes/index.ts'
import { report } from '../../src/agent/promises/report.ts'
import type { Hands } from '../../src/agent/promises/world.ts'

const offender = (pid: number, tolerated = false): Offender => ({
  ...{ pid, binary: '/usr/bin/x', seenAt: 0, lfc: 9, incident: `i${pid}`, tolerated },
})

function hands(daemon?: Hands['daemon']): Hands {
  return {
    ...({ daemon, classes: new Set(['ph_sequence_anomaly', 'linux']) } as unknown as Hands),
    offenders: { ph_sequence: [offender(7), offender(8, true), offender(9)], ph_load: [] },
    ended: [
      { ...offender(10), endedAt: 1000 },
      { ...offender(11, true), endedAt: 2000 },
    ],
    excused: new Map(),
    processes: () => [{ pid: 7, binary: '/usr/bin/x', startedAt: 0 } as ProcessFacts],
    leases: { program: () => () => () => {} } as unknown as Hands['leases'],
    signal: new AbortController().signal,
  }
}

async function told(body: Record<string, unknown>, world: Hands) {
  const checked = report.shape.parse({ text: '$(this.classes): $(this.offenders)', ...body })
  const { steps } = await report.plan(checked, world)
  assert.equal(steps.length, 1)
  return report.act(steps[0]!, checked, world)
}

const text = 'ph_sequence_anomaly: /usr/bin/x (7), /usr/bin/x (10, ended), /usr/bin/x (9, ended)'

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

test('who has ended is named with the binary, the number, when and why; nothing is done for it', async () => {
  const { line } = await told({ to: 'mail', argv: ['/usr/bin/true'], text: '$(this.ended)' }, hands())
  const seen = 'LFC 9, seen last 1970-01-01T00:00:00.000Z'
  assert.equal(
    line,
    `reported to mail: /usr/bin/x (10) ended 1970-01-01T00:00:01.000Z: ${seen}, incident i10, /usr/bin/x (9) has ended or runs another program: ${seen}, incident i9`,
  )
  const body = processes.shape.parse({ filter: 'ph_sequence', act: 'kill' })
  const never: Hands['never'] = { why: () => undefined }
  const filters = new Map(builtInFilters.map((filter) => [filter.name, filter]))
  const world = { ...hands(), now: () => 5000, never, filters }
  const plan = await processes.plan(body, world)
  assert.deepEqual(
    plan.steps.map(({ target }) => target),
    ['7 /usr/bin/x'],
  )
  assert.equal(plan.ended?.length, 2)
  const none = await processes.plan(body, { ...world, processes: () => [] })
  assert.deepEqual([none.steps.length, none.ended?.length, none.why], [0, 3, 'whoever was meant has ended'])
  // What names its processes otherwise has nothing to do with the detectors.
  const other = await processes.plan(processes.shape.parse({ name: '^x$', act: 'kill' }), world)
  assert.deepEqual(other.ended, [])
})

test('a program that something is tolerated of is not delayed: the plan says so, and the rehearsal of a ladder', async () => {
  const never: Hands['never'] = { why: () => undefined, told: 'init' }
  const until = Date.UTC(2026, 11, 1)
  const world = {
    ...hands(),
    ...{
      now: () => 5000,
      never,
      folder: '/nowhere',
      filters: new Map(),
      delays: { unitMs: 10, limitMs: 10_000 },
    },
  }
  const delay = processes.shape.parse({ binary: '/usr/bin/x', act: 'delay', for: '1m' })
  // One of its processes is tolerated, which keeps it from all; here none is.
  world.offenders = { ph_sequence: [offender(7)], ph_load: [] }
  assert.equal((await processes.plan(delay, world)).steps.length, 1)
  const excused = { ...world, excused: new Map([['/usr/bin/x', until]]) }
  const plan = await processes.plan(delay, excused)
  assert.deepEqual(plan.steps, [])
  assert.match(
    plan.spared[0] ?? '',
    /^\/usr\/bin\/x: not delayed: something of it is tolerated until 2026-12-01T/,
  )
  const climb = processes.shape.parse({
    binary: '/usr/bin/x',
    act: 'ladder',
    ladder: { observe: '5m', upto: 'kill' },
  })
  const outlook = async (of: typeof world) => (await processes.plan(climb, of)).steps[0]?.outlook ?? []
  assert.deepEqual(await outlook(world), [
    'now: observe for 5 min: nothing is done',
    'from 1970-01-01T00:05:05.000Z: delay for 10 min: each call of its abnormal processes waits 2^LFC x 10 ms, at most 10 s a call (LFC 10 and up): 5.12 s at LFC 9',
    'from 1970-01-01T00:15:05.000Z: freeze process 7 for 10 min, then let go',
    'from 1970-01-01T00:25:05.000Z: kill process 7: that cannot be taken back',
    'each by the first run from its time on, and only after new anomalies; quiet for 60 min: it starts anew',
    'never touched, whatever a policy says: init',
  ])
  assert.match(
    (await outlook(excused))[1] ?? '',
    /: delay for 10 min: .* not delayed: something of it is tolerated/,
  )
})

test('a step of the ladder that lasts still says so, and how long', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'lymph-ladder-'))
  try {
    const never: Hands['never'] = { why: () => undefined, told: 'init' }
    const world = { ...hands(), ...{ never, folder, filters: new Map() } }
    world.offenders = { ph_sequence: [offender(7)], ph_load: [] }
    const body = processes.shape.parse({ binary: '/usr/bin/x', act: 'ladder', ladder: { observe: '1m' } })
    const lineAt = async (now: number): Promise<string> => {
      const at = { ...world, now: () => now }
      const { steps } = await processes.plan(body, at)
      return (await processes.act(steps[0]!, body, at)).line
    }
    assert.equal(await lineAt(0), '/usr/bin/x: nothing more for now: observed from now on, for 60 s')
    assert.equal(await lineAt(58_500), '/usr/bin/x: nothing more for now: observe lasts 2 s more')
  } finally {
    rmSync(folder, { recursive: true })
  }
})
