import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FleetProfile, leastOfEvent, outlierReport, outlierReportText, outliers, settlingOf } from '#fleet'
import { pairCode } from '#homeostasis'

const day = 86_400_000
const start = Date.UTC(2026, 4, 4)
const common = Array.from({ length: 60 }, (_, i) => pairCode(i % 12, i % 7, 1 + (i % 5)))
const odd = (n: number, of = 0): number[] =>
  Array.from({ length: n }, (_, i) => pairCode(100 + of, 100 + i, 1 + (i % 5)))

/** A host that ran `processes` times as all do, then each of `after`. */
function host(name: string, processes: number, after: number[][] = [], first: number[] = []) {
  const profile = new FleetProfile(6)
  for (let i = 0; i < processes; i++) profile.learn(i === 0 ? [...common, ...first] : common, start - day)
  for (const codes of after) profile.learn([...common, ...codes], start)
  return { host: name, profile }
}
const fleet = (count: number) => Array.from({ length: count }, (_, i) => host(`h${i}`, 30))

test('settling is two processes or a tenth; an event is half a window', () => {
  assert.deepEqual([1, 20, 21, 417].map(settlingOf), [2, 2, 3, 42])
  assert.deepEqual([6, 9].map(leastOfEvent), [3, 4])
})

test('what comes late and again is flagged; both parts in words', () => {
  const compared = [
    ...fleet(39),
    host(
      'victim',
      30,
      Array.from({ length: 13 }, () => odd(21)),
    ),
  ]
  const report = outlierReport(compared, { window: 6 })
  const [first] = report.alone
  assert.equal(first?.host, 'victim')
  assert.equal(first?.carriers, 13)
  assert.equal(first?.pairs, 21)
  assert.ok(first.score >= 3)
  assert.ok(report.alone.slice(1).every(({ score }) => score === 0))
  assert.match(
    outlierReportText(report),
    /^flagged {2}victim: .*13 processes since 4 May 2026 show 21 pairs none of the other 39 hosts has; honest hosts of this size show none; 21 of them at once/,
  )
})

test('configuration of the first day, and a shifted distance, are no outliers', () => {
  const compared = [...fleet(20), host('own', 30, [], odd(40)), host('shifted', 30, [odd(2)])]
  assert.ok(outliers(compared, { window: 6 }).every(({ score }) => score === 0))
})

test('a thousand uses do not make the first one early', () => {
  const compared = [
    ...fleet(20),
    host(
      'victim',
      10,
      Array.from({ length: 1000 }, () => odd(5)),
    ),
  ]
  assert.equal(outliers(compared, { window: 6 })[0]?.host, 'victim')
  assert.ok(outliers(compared, { window: 6 })[0]!.score >= 3)
})

test('a compromised neighbour does not set the norm', () => {
  const victim = host(
    'victim',
    30,
    Array.from({ length: 10 }, () => odd(5)),
  )
  const many = host(
    'other',
    30,
    Array.from({ length: 900 }, () => odd(5, 1)),
  )
  const found = outliers([...fleet(40), victim, many], { window: 6 })
  assert.ok(found.find(({ host }) => host === 'victim')!.score >= 3)
})

test('two victims are named together, in the second list alone', () => {
  const ten = Array.from({ length: 10 }, () => odd(6))
  const report = outlierReport([...fleet(20), host('a', 30, ten), host('b', 40, ten)], { window: 6 })
  assert.ok(report.alone.every(({ score }) => score === 0))
  assert.deepEqual(
    report.several.map(({ host, with: others }) => [host, others]),
    [
      ['a', ['b']],
      ['b', ['a']],
    ],
  )
  assert.match(outlierReportText(report), /shared {2}a with b: .*only they of 22 hosts have/)
})

test('what one of the two had from its first day is in no list', () => {
  const ten = Array.from({ length: 10 }, () => odd(6))
  const report = outlierReport([...fleet(20), host('a', 30, ten), host('b', 40, [], odd(6))], { window: 6 })
  assert.deepEqual(report.several, [])
})

test('pairs that the operator accepted are left out', () => {
  const compared = [
    ...fleet(20),
    host(
      'victim',
      30,
      Array.from({ length: 10 }, () => odd(5)),
    ),
  ]
  const accepted = new Set(odd(5))
  const tolerated = (name: string, code: number) => name === 'victim' && accepted.has(code)
  assert.ok(outliers(compared, { window: 6, tolerated }).every(({ score }) => score === 0))
})

test('too few hosts: said, and nothing is listed', () => {
  const report = outlierReport([...fleet(10), host('victim', 30, [odd(9), odd(9)])], { window: 6 })
  assert.ok(report.tooFew)
  assert.match(
    outlierReportText(report),
    /^11 hosts compared: too few to say what is usual \(12 are needed\)/,
  )
})

test('hosts that have learned nothing, and no host at all', () => {
  assert.deepEqual(outliers([], { window: 6 }), [])
  const empty = Array.from({ length: 13 }, (_, i) => ({ host: `${i}`, profile: new FleetProfile(6) }))
  assert.ok(outliers(empty, { window: 6 }).every(({ score }) => score === 0))
})
