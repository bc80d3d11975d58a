import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PairTable } from '#homeostasis'
import {
  excuses,
  explainIncident,
  IncidentBook,
  IncidentError,
  Muting,
  Tolerances,
  toleranceFor,
} from '#incidents'
import { incident } from './journal/support.ts'

const day = 86_400_000
const request = { until: day, reason: 'known', by: 'ada', scope: 'evidence', anyVersion: false } as const

test('a tolerance needs an end, a reason, and something to excuse', () => {
  const refused = (more: object, of = incident()) =>
    assert.throws(() => toleranceFor(of, { ...request, ...more }, 't1', 1), IncidentError)
  refused({ until: 1 })
  refused({ until: 400 * day })
  refused({ until: Number.NaN })
  refused({ reason: '  ' })
  refused({}, incident({ pairs: [] }))
  refused({}, incident({ pairsCut: 1 }))
  assert.equal(
    toleranceFor(incident({ pairsCut: 1 }), { ...request, scope: 'binary' }, 't1', 1).evidence.length,
    0,
  )
  assert.equal(toleranceFor(incident(), request, 't1', 1).sha256, 'a'.repeat(64))
  assert.equal(toleranceFor(incident(), { ...request, anyVersion: true }, 't1', 1).sha256, '')
})

test('tolerances are capped, and end by themselves', () => {
  const book = new Tolerances({ count: 2 })
  const add = (id: string, until: number) => book.add(toleranceFor(incident(), { ...request, until }, id, 1))
  add('a', 10)
  add('b', 20)
  assert.throws(() => add('b', 20), IncidentError)
  assert.throws(() => add('c', 30), /which is the most/)
  assert.deepEqual(
    book.expire(15).map(({ id }) => id),
    ['a'],
  )
  assert.deepEqual(
    book.list().map(({ id }) => id),
    ['b'],
  )
  assert.equal(book.remove('nothing'), undefined)
})

test('above so many incidents a day a detector is muted with one notice, and heard again', () => {
  const muting = new Muting({ limit: 4, windowMs: day })
  const said = Array.from({ length: 10 }, (_, n) => muting.opened('ph', n).say)
  assert.deepEqual(said, [...Array(4).fill('each'), 'muted', ...Array(5).fill('silent')])
  assert.equal(muting.opened('other', 0).say, 'each')
  assert.deepEqual(muting.sweep(1000), [])
  assert.ok(muting.isMuted('ph'))
  assert.deepEqual(muting.sweep(day + 20), [{ detector: 'ph', untold: 6 }])
  assert.equal(muting.opened('ph', day + 21).say, 'each')
})

const profile = {
  state: 'normal',
  calls: 1000,
  pairs: 3,
  quietCalls: 900,
  response: 'ignore',
  toleratedUntil: 0,
}

test('an explanation names the nearest known pairs, and what was and was not done', () => {
  const table = new PairTable()
  table.add(59, 41, 1)
  table.add(59, 0, 2)
  table.add(59, 1, 2)
  const of = incident({
    pairs: [
      { current: 59, previous: 41, distance: 2 },
      { current: 42, previous: 41, distance: 1 },
    ],
  })
  const told = explainIncident(of, { table, profile, tolerance: undefined, history: [] })
  assert.deepEqual(told.pairs, [
    {
      ...{ current: 'execve', previous: 'socket', distance: 2, otherDistances: [1] },
      ...{ otherPrevious: ['read', 'write'], othersCut: 0, newCall: false },
    },
    {
      ...{ current: 'connect', previous: 'socket', distance: 1, otherDistances: [] },
      ...{ otherPrevious: [], othersCut: 0, newCall: true },
    },
  ])
  assert.match(told.deeds.join('\n'), /no policy did anything.*\n.*it was not delayed/)
  const hash = '0'.repeat(64)
  const partly = { ...profile, response: 'delay', toleratedUntil: Date.UTC(2026, 11, 1) }
  const { deeds } = explainIncident(of, { table, profile: partly, tolerance: undefined, history: [] })
  assert.match(
    deeds.at(-1) ?? '',
    /not delayed: something else of this program is tolerated until 2026-12-01T/,
  )
  const done = explainIncident(of, {
    ...{ table: undefined, profile: undefined, tolerance: toleranceFor(of, request, 't1', 1) },
    history: [
      {
        ...{ kind: 'action', run: 'r', promise: 'default.yaml:4', verb: 'delay', subject: 'nginx (17)' },
        ...{ outcome: 'would', why: 'dry_run is on', incident: of.id, seq: 1, at: 0, prev: hash, hash },
      },
    ],
  })
  assert.match(done.deeds[0]!, /delay nginx \(17\): would: dry_run is on \(default.yaml:4\)/)
  assert.match(done.deeds[1]!, /tolerated by ada until 1970-01-02T00:00:00.000Z: known/)
  assert.equal(done.deeds.length, 2)
})

test('what a policy delayed is not said to have gone undelayed once its lease is over', () => {
  const of = incident({})
  const hash = '0'.repeat(64)
  const { deeds } = explainIncident(of, {
    ...{ table: undefined, tolerance: undefined },
    profile,
    history: [
      {
        ...{ kind: 'action', run: 'r', promise: 'ladder.yaml:4', verb: 'delay', subject: of.binary },
        ...{ outcome: 'done', why: '', incident: of.id, seq: 1, at: 0, prev: hash, hash },
      },
    ],
  })
  assert.match(deeds.join('\n'), /it is not delayed now: the response/)
  assert.doesNotMatch(deeds.join('\n'), /it was not delayed/)
})

test('what was judged alone is excused by its windows, not by the part that spoke: another rare path is accused', () => {
  const book = new IncidentBook()
  const of = { binary: '/usr/bin/less', sha256: 'a'.repeat(64), abi: 'x86-64' as const, window: 6 }
  const judge = (...calls: string[]) =>
    book.judge(
      {
        ...{ pid: 1, level: 'incident', bits: 9, parts: [{ part: 'r', bits: 9 }], edge: undefined },
        ...{ windows: [{ part: 'r', call: 3, calls }], m: 300, q: 0, bar: 8, ordinal: 1 },
      },
      of,
      1000,
    )!.incident
  const rotated = judge('rename', 'openat')
  const tolerance = toleranceFor(
    rotated,
    { until: 10_000, reason: 'logs are rotated', by: 'ann', scope: 'evidence', anyVersion: false },
    't1',
    1000,
  )
  assert.ok(excuses(tolerance, judge('rename', 'openat'), 2000))
  const both = judge('unlinkat', 'unlinkat')
  assert.equal(both.id, rotated.id)
  assert.ok(!excuses(tolerance, both, 2000), 'the same part by other calls')
})
