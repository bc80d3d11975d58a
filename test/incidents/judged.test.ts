import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type AnomalousBinary, IncidentBook, incidentMessage, type JudgedUnit } from '#incidents'

const less: AnomalousBinary = { binary: '/usr/bin/less', sha256: 'a'.repeat(64), abi: 'x86-64', window: 6 }
const minute = 60_000

function unit(more: Partial<JudgedUnit> = {}): JudgedUnit {
  return {
    pid: 100,
    level: 'incident',
    bits: 9.5,
    parts: [{ part: 'r', bits: 9.1 }],
    windows: [{ part: 'r', call: 12, calls: ['open', 'read'] }],
    edge: undefined,
    m: 300,
    q: 0.02,
    bar: 8,
    ordinal: 700,
    ...more,
  }
}
const foreign = { pid: 100, current: 59, previous: [0], missing: 1, lfc: 40, maxLfc: 40 }

test('a process that was judged odd is an incident of no anomalous call', () => {
  const book = new IncidentBook()
  const first = book.judge(unit(), less, 1000)
  assert.equal(first?.change, 'opened')
  assert.deepEqual(
    [first.incident.severity, first.incident.bits, first.incident.anomalous, first.incident.ordinals],
    ['incident', 9.5, 0, [700]],
  )
  const again = book.judge(unit({ pid: 101, ordinal: 701 }), less, 2000)
  assert.equal(again?.incident.id, first.incident.id, 'one incident until it is quiet')
  assert.equal(again.raised, false)
  assert.deepEqual([again.incident.units, again.incident.windows.length], [2, 1])
  const edge = { parent: '/usr/bin/less', started: '/bin/nc' }
  const worse = book.judge(unit({ level: 'severe', bits: 14, edge }), less, 3000)
  assert.deepEqual([worse?.raised, worse?.incident.severity, worse?.incident.edge], [true, 'severe', edge])
  assert.match(
    incidentMessage(worse!.incident, 'rose'),
    /severe.*14\.0 bits: R 9\.1 \(m 300, q 0\.02\); it never started \/bin\/nc before; R at call 12: open read/,
  )
  assert.equal(book.judge(unit({ level: 'none' }), less, 4000), undefined, 'what is not odd is no part of it')
  assert.deepEqual(
    book.sweep(3000 + 10 * minute).map(({ state }) => state),
    ['quiet'],
  )
})

test('what pH found goes by LFC until its process is judged, and by bits from then on', () => {
  const book = new IncidentBook()
  assert.equal(book.observe(foreign, less, 0).incident.severity, 'severe')
  const judged = book.judge(unit({ level: 'none', bits: 3, parts: [], windows: [] }), less, 1000)
  assert.deepEqual([judged?.incident.severity, judged?.incident.bits], ['notice', 3])
  assert.equal(book.observe({ ...foreign, pid: 200 }, less, 2000).incident.severity, 'severe')
  assert.equal(book.judge(unit({ pid: 200 }), less, 3000)?.incident.severity, 'incident')
})

test('an incident that was saved before there was a judgement goes on', () => {
  const book = new IncidentBook()
  const { incident } = book.observe(foreign, less, 0)
  const { bits: _, level: __, parts: ___, windows: ____, ordinals: _____, ...old } = incident
  const again = new IncidentBook()
  again.restore([old as typeof incident])
  assert.equal(again.list()[0]?.bits, null)
  assert.equal(again.judge(unit(), less, 1000)?.incident.id, incident.id)
})

const window = (part: 'n' | 'r' | 's', ...calls: string[]) => ({ part, call: 12, calls })

test('two attacks on one program are one incident of two kinds; more of one kind adds to its count', () => {
  const book = new IncidentBook()
  const deleting = [window('r', 'openat', 'unlinkat'), window('s', 'unlinkat', 'unlinkat')]
  const spawning = [window('n', 'dup2', 'execve')]
  book.judge(unit({ bits: 9, windows: deleting }), less, 1000)
  book.judge(unit({ pid: 101, bits: 13, level: 'severe', windows: spawning }), less, 2000)
  const { incident } = book.judge(unit({ pid: 102, bits: 10, windows: [deleting[1]!] }), less, 3000)!
  assert.equal(book.totals().open, 1)
  assert.deepEqual(
    incident.kinds.map(({ units, bits, level, firstSeen, lastSeen, windows }) => [
      ...[units, bits, level, firstSeen, lastSeen],
      windows,
    ]),
    [
      [2, 10, 'incident', 1000, 3000, deleting],
      [1, 13, 'severe', 2000, 2000, spawning],
    ],
  )
  const edge = { parent: '/usr/bin/less', started: '/bin/nc' }
  for (const at of [4000, 5000]) book.judge(unit({ edge, windows: [window('r', `${at}`)] }), less, at)
  const { kinds } = book.get(incident.id)!
  assert.deepEqual([kinds[2]?.units, kinds[2]?.edge], [2, edge], 'a program that was started is evidence too')
  const known = new IncidentBook()
  known.restore(book.list())
  known.judge(unit({ windows: spawning }), less, 6000)
  assert.equal(known.get(incident.id)?.kinds[1]?.units, 2, 'what was saved goes on')
})

test('an attack that never shows the same twice makes no incident, and no kind, without end', () => {
  const book = new IncidentBook()
  let anomalous = 0
  for (let i = 0; i < 20_000; i++) {
    const calls = 5
    anomalous += calls
    book.observe({ ...foreign, pid: i, current: i % 400, calls }, less, i)
    book.judge(unit({ pid: i, windows: [window('n', `${i}`)], ordinal: i }), less, i)
  }
  const [incident, ...others] = book.list()
  assert.equal(others.length, 0)
  assert.equal(incident?.anomalous, anomalous)
  assert.equal(anomalous, 100_000)
  assert.equal(incident.kinds.length, 4)
  assert.equal(
    incident.kinds.reduce((sum, { units }) => sum + units, 0),
    20_000,
  )
  assert.ok(incident.kinds.every(({ windows }) => windows.length <= 6))
})
