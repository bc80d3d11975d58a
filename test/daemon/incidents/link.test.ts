import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ClassBoard } from '#classes'
import { type Incident, type JournalEntry, type Tolerance, Tolerances, toleranceFor } from '#incidents'
import type { Repository } from '#store'
import { IncidentLink } from '../../../src/daemon/incidents/link.ts'
import type { UnitVerdict } from '../../../src/daemon/profiles/judging.ts'

const minute = 60_000

class MemoryRepository implements Repository<string, Incident> {
  readonly kept = new Map<string, Incident>()
  get = (id: string) => Promise.resolve(this.kept.get(id))
  put = (id: string, one: Incident) => Promise.resolve(void this.kept.set(id, one))
  del = (id: string) => Promise.resolve(void this.kept.delete(id))
  putAll = (all: [string, Incident][]) =>
    Promise.resolve(
      all.forEach(([id, one]) => {
        this.kept.set(id, one)
      }),
    )
  async *list(): AsyncGenerator<[string, Incident]> {
    yield* this.kept
  }
}

function linked(saved = new MemoryRepository()) {
  const state = { now: 1_790_000_000_000 }
  const said: string[] = []
  const journal: JournalEntry[] = []
  const published: number[] = []
  const tolerances = new Tolerances()
  const classes = new ClassBoard()
  const link = new IncidentLink({
    ...{
      agentRuns: false,
      quietMs: 10 * minute,
      saved,
      classes,
      now: () => state.now,
    },
    messages: { level: 3, say: (_level, line) => void said.push(line), close: () => {} },
    publish: (open) => Promise.resolve(void published.push(open.length)),
    onChange: () => {},
    journal: (entry) => void journal.push(structuredClone(entry)),
    tolerated: (incident) => tolerances.tolerated(incident, state.now),
  })
  const holds = (wanted = 'ph_sequence_anomaly') => classes.at(state.now).some(({ name }) => name === wanted)
  const observe = (binary: string, missing = 1, lfc = 1) =>
    link.observe(
      { pid: 7, current: 59, previous: [0, 1, 2, 3, 4], missing, lfc, maxLfc: lfc },
      { binary, sha256: 'a'.repeat(64), abi: 'x86-64', window: 6 },
    )
  const tolerate = (incident: Incident, until: number): Tolerance => {
    const request = { until, reason: 'known', by: 'ada', scope: 'evidence', anyVersion: false } as const
    const made = toleranceFor(incident, request, `t${until}`, state.now)
    tolerances.add(made)
    return made
  }
  /** A process that is odd by its bits, and in which pH found nothing. */
  const judge = (binary: string, edge?: { parent: string; started: string }) =>
    link.judge(
      {
        ...{ level: 'incident', ordinal: 7, binary, alone: false, event: { pid: 8 } },
        ...{ windows: { n: [], r: [], s: [] } },
        verdict: {
          bits: 9,
          spoke: ['r'],
          parts: { n: 0, r: 9, s: 0 },
          m: 100,
          q: 0.1,
          newEdges: edge ? [edge] : [],
        },
      } as unknown as UnitVerdict,
      { binary, sha256: 'a'.repeat(64), abi: 'x86-64', window: 6 },
    )
  return { classes, judge, state, said, journal, published, tolerances, link, holds, observe, tolerate }
}

const changes = (journal: readonly JournalEntry[]) =>
  journal.flatMap((entry) => (entry.kind === 'incident' ? [entry.change] : []))

test('a day with 100,000 anomalous calls of three programs: three incidents, no mute, every call counted', async () => {
  const { state, journal, link, observe } = linked()
  for (let n = 0; n < 100_000; n++) {
    state.now += 864
    observe(`/usr/bin/${n % 3}`, 1 << (n % 5), n % 128)
    if (n % 1000 === 0) link.keepHouse()
  }
  await link.stop()
  const { observed, open, closed } = link.book.totals()
  assert.equal(open + closed, 3)
  assert.equal(observed, 100_000)
  assert.equal(
    link.list().reduce((sum, { anomalous }) => sum + anomalous, 0),
    100_000,
  )
  assert.equal(journal.filter(({ kind }) => kind === 'muted').length, 0)
  assert.equal(changes(journal).filter((change) => change === 'opened').length, 3)
})

test('a detector that opens hundreds a day is muted with one notice; the journal has every one', async () => {
  const { state, said, journal, link, observe } = linked()
  for (let n = 0; n < 300; n++) {
    state.now += 11 * minute
    // All within a day.
    if (n % 4 !== 0) state.now -= 10.9 * minute
    observe(`/usr/bin/program-${n}`)
    link.keepHouse()
  }
  await link.stop()
  const opened = journal.flatMap((entry) =>
    entry.kind === 'incident' && entry.change === 'opened' ? [entry.incident.id] : [],
  )
  assert.equal(new Set(opened).size, 300)
  assert.equal(journal.filter(({ kind }) => kind === 'muted').length, 1)
  assert.equal(
    said.filter((line) => /more than 50 incidents of ph_sequence_anomaly within 24 h/.test(line)).length,
    1,
  )
  assert.equal(said.filter((line) => / opened /.test(line)).length, 50)
  assert.equal(link.list().length, 300)
})

test('what is tolerated makes no class and no warning, and what goes beyond it does', () => {
  const { state, journal, published, link, holds, observe, tolerate } = linked()
  const first = observe('/usr/bin/a')
  assert.ok(holds())
  tolerate(first, state.now + minute)
  link.keepHouse()
  assert.ok(!holds())
  assert.deepEqual(link.open(), [])
  assert.equal(published.at(-1), 0)
  assert.equal(link.list()[0]?.tolerated, `t${state.now + minute}`)
  // The same again: counted, and nothing more.
  observe('/usr/bin/a')
  assert.ok(!holds())
  assert.equal(link.book.get(first.id)?.anomalous, 2)
  // A pair nobody looked at.
  observe('/usr/bin/a', 0b11)
  assert.ok(holds())
  assert.deepEqual(
    link.open().map(({ id }) => id),
    [first.id],
  )
  assert.deepEqual(changes(journal), ['opened', 'tolerated'])
})

test('an incident whose tolerance ends while it is open stands again; one that opens excused never did', () => {
  const { state, link, holds, observe, tolerate, published } = linked()
  const first = observe('/usr/bin/a')
  tolerate(first, state.now + 5 * minute)
  link.resolve(first.id)
  assert.ok(!holds())
  state.now += minute
  observe('/usr/bin/a')
  assert.ok(!holds(), 'it opened excused')
  state.now += 5 * minute
  link.keepHouse()
  assert.ok(holds())
  assert.equal(published.at(-1), 1)
})

test('each way to be found has a class of its own, which stands while such an incident is open', () => {
  const { link, holds, judge, observe, published } = linked()
  const classes = () =>
    ['ph_sequence_anomaly', 'ph_judgement_anomaly', 'ph_new_child'].map((name) => holds(name))
  judge('/usr/bin/a')
  assert.deepEqual(classes(), [false, true, false])
  link.keepHouse()
  assert.equal(published.at(-1), 1, 'the mesh is told of it')
  // pH finds something in it as well.
  const { id } = observe('/usr/bin/a')
  link.keepHouse()
  assert.deepEqual(classes(), [true, true, false])
  link.resolve(id)
  assert.deepEqual(classes(), [false, false, false])
  judge('/usr/bin/b', { parent: '/usr/bin/b', started: '/bin/sh' })
  assert.deepEqual(classes(), [false, true, true])
  observe('/usr/bin/c')
  assert.deepEqual(classes(), [true, true, true])
  for (const one of link.open()) link.resolve(one.id)
  assert.deepEqual(classes(), [false, false, false])
})

test('a program that another had never started makes a class of its own, for as long as its incident stands', () => {
  const { state, link, holds } = linked()
  const verdict = {
    ...{ bits: 3, parts: { n: 0, r: 0, s: 0 }, m: 40, q: 0.1, spoke: [], n: 0, r: 0, s: 0 },
    newEdges: [{ parent: '/usr/sbin/nginx', started: '/bin/sh' }],
  }
  const unit = {
    verdict,
    windows: { n: [], r: [], s: [] },
    ordinal: 41,
    level: 'incident',
    event: { pid: 7 },
  }
  link.judge(unit as unknown as Parameters<typeof link.judge>[0], {
    ...{ binary: '/usr/sbin/nginx', sha256: 'a'.repeat(64), abi: 'x86-64', window: 6 },
  })
  assert.deepEqual(link.open()[0]?.edge, { parent: '/usr/sbin/nginx', started: '/bin/sh' })
  assert.ok(holds('ph_new_child'))
  state.now += 11 * minute
  link.keepHouse()
  assert.ok(!holds('ph_new_child'))
})

test('what an agent run took down is raised by the next cause, not by the incident that goes on', () => {
  const { link, classes, holds, judge } = linked()
  judge('/usr/bin/a')
  classes.unset('ph_judgement_anomaly', 'incidents')
  link.keepHouse()
  link.keepHouse()
  assert.ok(!holds('ph_judgement_anomaly'))
  judge('/usr/bin/a')
  assert.ok(holds('ph_judgement_anomaly'))
})

test('classes stand again after a restart, for what is open still', async () => {
  const saved = new MemoryRepository()
  const before = linked(saved)
  before.judge('/usr/bin/a')
  await before.link.stop()
  const after = linked(saved)
  await after.link.restore()
  after.link.keepHouse()
  assert.deepEqual([after.holds('ph_judgement_anomaly'), after.holds()], [true, false])
})
