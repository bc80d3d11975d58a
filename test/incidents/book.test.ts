import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  type AnomalousBinary,
  type Anomaly,
  type Incident,
  IncidentBook,
  IncidentError,
  incidentMessage,
  restoreIncidents,
  saveIncidents,
} from '#incidents'

const less: AnomalousBinary = { binary: '/usr/bin/less', sha256: 'a'.repeat(64), abi: 'x86-64', window: 6 }
const minute = 60_000

function anomaly(more: Partial<Anomaly> = {}): Anomaly {
  return { pid: 100, current: 59, previous: [0, 1, 2, 3, 511], missing: 0b10101, lfc: 1, maxLfc: 1, ...more }
}

test('anomalies of one binary are one incident until it is quiet', () => {
  const book = new IncidentBook()
  const first = book.observe(anomaly(), less, 1000)
  assert.equal(first.change, 'opened')
  assert.equal(first.raised, true)
  assert.deepEqual(first.incident.pairs, [
    { current: 59, previous: 0, distance: 1 },
    { current: 59, previous: 2, distance: 3 },
    { current: 59, previous: 511, distance: 5 },
  ])
  const second = book.observe(
    anomaly({ pid: 101, missing: 0b11, lfc: 2, maxLfc: 4 }),
    less,
    1000 + 9 * minute,
  )
  assert.equal(second.change, 'updated')
  assert.equal(second.raised, false)
  assert.equal(second.incident.id, first.incident.id)
  assert.deepEqual(second.incident, {
    ...first.incident,
    anomalous: 2,
    maxLfc: 4,
    pids: [100, 101],
    pairs: [...first.incident.pairs, { current: 59, previous: 1, distance: 2 }],
    lastSeen: 1000 + 9 * minute,
  })
  const third = book.observe(anomaly(), less, 1000 + 19 * minute)
  assert.equal(third.change, 'opened')
  assert.notEqual(third.incident.id, first.incident.id)
  assert.deepEqual(
    third.closed.map(({ id, state }) => [id, state]),
    [[first.incident.id, 'quiet']],
  )
  assert.deepEqual(book.sweep(1000 + 28 * minute), [])
  assert.deepEqual(
    book.sweep(1000 + 29 * minute).map(({ id }) => id),
    [third.incident.id],
  )
  assert.equal(book.list().length, 2)
})

test('another content, ABI or path is another incident; a hash that comes late is the same', () => {
  const book = new IncidentBook()
  const early = book.observe(anomaly(), { ...less, sha256: '' }, 1)
  const known = book.observe(anomaly(), less, 2)
  assert.equal(known.incident.id, early.incident.id)
  assert.equal(known.incident.sha256, less.sha256)
  const others = [{ sha256: 'b'.repeat(64) }, { abi: 'i386' as const }, { binary: '/tmp/less' }]
  for (const other of others) assert.equal(book.observe(anomaly(), { ...less, ...other }, 3).change, 'opened')
  assert.equal(book.totals().open, 4)
})

test('severity follows LFC and never falls', () => {
  const book = new IncidentBook()
  const at = (lfc: number) => book.observe(anomaly({ lfc, maxLfc: lfc }), less, 1)
  assert.deepEqual(
    [6, 7, 3, 30, 1].map((lfc) => at(lfc)).map(({ incident, raised }) => [incident.severity, raised]),
    [
      ['notice', true],
      ['incident', true],
      ['incident', false],
      ['severe', true],
      ['severe', false],
    ],
  )
})

test('pairs, pids and incidents are capped; counts are not', () => {
  const book = new IncidentBook({ openLimit: 3, closedLimit: 2 })
  for (let n = 0; n < 300; n++) book.observe(anomaly({ pid: n, current: n, missing: 1 }), less, n)
  const [one] = book.list() as [Incident]
  assert.deepEqual([one.pairs.length, one.pairsCut, one.pids.length, one.anomalous], [256, 44, 64, 300])
  const closed: string[] = []
  for (let n = 0; n < 7; n++)
    closed.push(
      ...book.observe(anomaly(), { ...less, binary: `/p${n}` }, 1000 + n).closed.map(({ binary }) => binary),
    )
  assert.deepEqual(closed, ['/usr/bin/less', '/p0', '/p1', '/p2', '/p3'])
  assert.deepEqual(book.totals(), {
    observed: 307,
    open: 3,
    closed: 2,
    closedEarly: 5,
    forgotten: { incidents: 3, anomalous: 302 },
  })
})

test('resolving ends it; what comes later is new', () => {
  const book = new IncidentBook()
  const { id } = book.observe(anomaly(), less, 1).incident
  assert.equal(book.resolve(id)?.state, 'resolved')
  assert.equal(book.resolve('no such'), undefined)
  assert.equal(book.observe(anomaly(), less, 1).change, 'opened')
  assert.equal(book.list().length, 2)
})

test('saved incidents come back, and a save that failed is tried again', async () => {
  const kept = new Map<string, Incident>()
  let full = true
  const repository = {
    putAll: async (entries: [string, Incident][]) => {
      if (full) throw new Error('no room')
      for (const [id, incident] of entries) kept.set(id, incident)
    },
    del: async (id: string) => void kept.delete(id),
    list: async function* () {
      yield* kept
    },
  }
  const book = new IncidentBook({ closedLimit: 1 })
  const { id } = book.observe(anomaly(), less, 1).incident
  await assert.rejects(saveIncidents(book, repository), /no room/)
  full = false
  assert.equal(await saveIncidents(book, repository), 1)
  assert.equal(await saveIncidents(book, repository), 0)
  book.observe(anomaly({ calls: 5 }), less, 2)
  await saveIncidents(book, repository)

  const again = new IncidentBook({ closedLimit: 1 })
  assert.equal(await restoreIncidents(again, repository), 1)
  assert.deepEqual(again.list(), book.list())
  const more = again.observe(anomaly({ missing: 0b10001 }), less, 3)
  assert.deepEqual([more.incident.id, more.incident.anomalous, more.incident.pairs.length], [id, 7, 3])
  again.resolve(id)
  again.resolve(again.observe(anomaly(), less, 4).incident.id)
  await saveIncidents(again, repository)
  assert.deepEqual(
    [...kept.values()].map(({ state, firstSeen }) => [state, firstSeen]),
    [['resolved', 4]],
  )
})

test('what cannot be is refused', () => {
  assert.throws(() => new IncidentBook({ quietMs: 0 }), IncidentError)
  assert.throws(() => new IncidentBook().observe(anomaly({ calls: 0 }), less, 1), IncidentError)
})

test('one line an incident, with the names of calls', () => {
  const book = new IncidentBook()
  const { incident } = book.observe(anomaly(), { ...less, binary: '/tmp/\nx' }, 1)
  assert.equal(
    incidentMessage(incident, 'opened'),
    `Incident ${incident.id} opened (notice): /tmp/\\u{a}x, 1 anomalous call, LFC 1, PID 100; unseen: execve 1 after read, execve 3 after open, execve 5 after (start)`,
  )
})
