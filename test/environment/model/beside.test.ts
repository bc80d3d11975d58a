/** What stands beside the model: the fast path, leaps, groups, what a person is told. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  AnomalyGroup,
  decodeMinute,
  EnvironmentError,
  encodeMinute,
  encodeModel,
  type Grouped,
  HostWatch,
  LeapDetector,
  RunningMinute,
  type Verdict,
} from '#environment'
import { poissonTail } from '../../../src/environment/model/host.ts'
import { feed, gaussian, inputs, MONDAY, poisson, SLOT, seeded, utcModel, WEEK } from './support.ts'

/** Slots of 30 figures each; the model learns their mean. @returns glances that were more than normal */
function quiet(slots: number, figure: () => number) {
  const model = utcModel()
  const minute = new RunningMinute()
  const raised: number[] = []
  for (let slot = 0; slot < slots; slot++) {
    let sum = 0
    for (let i = 0; i < 30; i++) {
      const value = figure()
      sum += value
      if (minute.glance(model, MONDAY + slot * SLOT + i * 10_000, value).level !== 'normal') raised.push(slot)
    }
    model.step(MONDAY + slot * SLOT + 299_000, sum / 30)
  }
  return { model, minute, raised, now: MONDAY + slots * SLOT }
}

for (const [name, figure, off] of [
  ['Gaussian', (random: () => number) => 1000 + 100 * gaussian(random), 2500],
  ['Poisson', (random: () => number) => poisson(random, 3), 203],
  ['constant', () => 7, 8],
] as const)
  test(`a step in ${name} figures is a class at the second figure, and quiet is quiet`, () => {
    const random = seeded(2)
    const { model, minute, raised, now } = quiet(2 * 288, () => figure(random))
    assert.deepEqual(raised, [])
    const samples = model.samples
    const first = minute.glance(model, now, off)
    const second = minute.glance(model, now + 10_000, off)
    assert.equal(first.level, 'normal')
    assert.deepEqual([second.direction, second.level, second.anomalous], ['high', 'dev3', true])
    assert.equal(model.samples, samples)
  })

test('one spike is no step, however high', () => {
  const random = seeded(4)
  const { model, minute, now } = quiet(288, () => poisson(random, 3))
  for (const [i, value] of [3, 1e6, 2, 4, 1e6, 3].entries())
    assert.equal(minute.glance(model, now + i * 10_000, value).level, 'normal')
})

test('a host that began ten minutes ago sees 200 sockets, and does not call them anomalous yet', () => {
  const random = seeded(6)
  const { model, minute, now } = quiet(3, () => poisson(random, 3))
  minute.glance(model, now, 203)
  const glance = minute.glance(model, now + 10_000, 203)
  assert.deepEqual(
    [glance.known, glance.direction, glance.level, glance.anomalous],
    [true, 'high', 'dev3', false],
  )
  const fresh = new RunningMinute()
  for (let i = 0; i < 100; i++) assert.equal(fresh.glance(utcModel(), now + i * 10_000, i).known, false)
})

test('a quiet month of five-minute figures has hardly a leap; a jump is one, a fall is one', () => {
  for (const name of ['Gaussian(1000,100)', 'Poisson(20)', 'AR(1), 0.9', 'lognormal(3,1)']) {
    const sample = inputs[name]!(seeded(8))
    const detector = new LeapDetector()
    let leaps = 0
    for (let i = 0; i < 30 * 288; i++) if (detector.step(sample(i))) leaps++
    assert.ok(leaps <= 17, `${name}: ${leaps} of 8640`)
  }
  const detector = new LeapDetector()
  const random = seeded(9)
  for (let i = 0; i < 500; i++) assert.equal(detector.step(100 + (i % 3)), undefined)
  assert.equal(detector.step(200), 'high')
  for (let i = 0; i < 40; i++) detector.step(200 + random())
  assert.equal(detector.step(100), 'low')
  assert.equal(detector.step(Number.NaN), undefined)
})

test('the sum of leap detection works: a busy level is no leap', () => {
  // The published test keeps a sum of 0, and calls each sample above the last window's largest a leap.
  const detector = new LeapDetector()
  const random = seeded(10)
  let leaps = 0
  for (let i = 0; i < 5000; i++) if (detector.step(10_000 + 30 * gaussian(random))) leaps++
  assert.ok(leaps <= 5, `${leaps}`)
})

function grouped(
  count: number,
  sample: (i: number) => number,
): { changes: Grouped[]; alarms: number; group: AnomalyGroup } {
  const group = new AnomalyGroup()
  const changes: Grouped[] = []
  let alarms = 0
  feed(utcModel(), count, sample, (verdict, i) => {
    if (i < 6 * WEEK) return
    if (verdict.anomalous) alarms++
    const change = group.observe(verdict)
    if (change) changes.push(change)
  })
  return { changes, alarms, group }
}

test('a lasting step is one incident, however many alarms', () => {
  const random = seeded(3)
  const { changes, alarms } = grouped(
    6 * WEEK + 576,
    (i) => (i < 6 * WEEK ? 100 : 130) + 5 * gaussian(random),
  )
  assert.ok(alarms >= 3, `${alarms}`)
  assert.equal(changes.length, alarms)
  assert.deepEqual(new Set(changes.map(({ change }) => change)), new Set(['opened', 'refreshed']))
  assert.equal(changes.filter(({ change }) => change === 'opened').length, 1)
  assert.equal(changes.at(-1)!.deviation.alarms, alarms)
  assert.equal(changes.at(-1)!.deviation.direction, 'high')
})

test('a ramp of two weeks is a few incidents with the levels it passed, not thirty alarms', () => {
  const random = seeded(4)
  const ramp = (i: number) => 100 + Math.max(0, Math.min(100, ((i - 6 * WEEK) / (2 * WEEK)) * 100))
  const { changes, alarms } = grouped(9 * WEEK, (i) => ramp(i) + 5 * gaussian(random))
  const opened = changes.filter(({ change }) => change === 'opened').length
  assert.ok(alarms >= 20, `${alarms} alarms`)
  assert.ok(opened <= 3, `${opened} incidents`)
  const last = changes.filter(({ deviation }) => deviation.acceptances > 1).at(-1)!
  assert.ok(last.deviation.accepted > 20)
})

test('two anomalies a week apart are two incidents', () => {
  const { changes } = grouped(8 * WEEK, (i) =>
    i === 6 * WEEK + 9 || i === 7 * WEEK + 500 ? 900 + i / WEEK : 100,
  )
  assert.deepEqual(
    changes.map(({ change }) => change),
    ['opened', 'opened'],
  )
})

const verdict = (at: number, score: number, more: Partial<Verdict> = {}): Verdict => ({
  at,
  value: 1,
  residual: 1,
  sigma: 3,
  surprises: { r: 0, R: 0, b: 0, B: 0 },
  score,
  direction: 'high',
  level: 'dev1',
  anomalous: score > 5.4,
  held: false,
  known: true,
  flat: false,
  sure: { samples: 9999, daySlot: 9, weekSlot: 2 },
  ...more,
})

test('chance makes about one report a day whatever its scores are like, and a strong alarm is told at once', () => {
  for (const [seed, scale] of [
    [1, 0.2],
    [2, 0.4],
    [3, 0.6],
  ] as const) {
    const random = seeded(seed)
    const watch = new HostWatch()
    let told = 0
    for (let slot = 0; slot < 60 * 288; slot++) {
      // 29 alarms a day, with a tail beyond 5.4 of the given scale.
      const score = random() < 29 / 288 ? 5.4 - scale * Math.log(1 - random()) : 1
      if (watch.observe(`o${slot % 100}`, verdict(MONDAY + slot * SLOT, score)) && slot > 10 * 288) told++
    }
    assert.ok(told / 50 <= 1.5, `${told / 50} a day at scale ${scale}`)
    const at = MONDAY + 60 * 288 * SLOT + 3_600_000
    assert.equal(watch.observe('sockets', verdict(at, 8.1))?.why, 'strong')
  }
})

test('a weaker alarm that stays off for half an hour is told; one that returns is not', () => {
  for (const stays of [true, false]) {
    const watch = new HostWatch()
    assert.equal(watch.observe('x', verdict(MONDAY, 6)), undefined)
    let report: unknown
    for (let i = 1; i <= 6; i++)
      report ??= watch.observe(
        'x',
        verdict(MONDAY + i * SLOT, 3, { level: stays || i < 4 ? 'dev2' : 'normal' }),
      )
    assert.equal((report as { why?: string } | undefined)?.why, stays ? 'lasting' : undefined)
  }
})

test('many observables at once are one report', () => {
  const watch = new HostWatch()
  const reports = Array.from({ length: 12 }, (_, i) =>
    watch.observe(`o${i}`, verdict(MONDAY + (i % 2) * SLOT, 5.6)),
  )
  const told = reports.filter((report) => report !== undefined)
  assert.equal(told.length, 1)
  assert.equal(told[0]!.why, 'joint')
  assert.ok(told[0]!.together.length >= 3)
  assert.ok(Math.abs(poissonTail(3, 0.2) - 0.001148) < 1e-5)
})

test('a holiday calls nobody', () => {
  const watch = new HostWatch()
  assert.equal(watch.observe('x', verdict(MONDAY, 9, { residual: -5, goesLike: 'Sunday' })), undefined)
})

test('what stands beside the model is saved and goes on as it was', () => {
  const random = seeded(12)
  const { model, minute, now } = quiet(30, () => poisson(random, 3))
  const readMinute = decodeMinute(encodeMinute(minute))
  const leap = new LeapDetector()
  for (let i = 0; i < 700; i++) leap.step(gaussian(random))
  const readLeap = new LeapDetector(JSON.parse(JSON.stringify(leap.state)))
  const group = new AnomalyGroup()
  const watch = new HostWatch()
  for (let i = 0; i < 20; i++) {
    group.observe(verdict(MONDAY + i * SLOT, 6 + i / 10))
    watch.observe('x', verdict(MONDAY + i * SLOT, 7.5))
  }
  const readGroup = new AnomalyGroup(JSON.parse(JSON.stringify(group.state)))
  const readWatch = new HostWatch({}, JSON.parse(JSON.stringify(watch.state)))
  assert.equal(readWatch.level, watch.level)
  assert.notEqual(readWatch.level, new HostWatch().level)
  for (let i = 0; i < 200; i++) {
    const value = i === 100 ? 50 : poisson(random, 3)
    assert.deepEqual(
      readMinute.glance(model, now + i * 10_000, value),
      minute.glance(model, now + i * 10_000, value),
    )
    assert.equal(readLeap.step(value), leap.step(value))
    const later = verdict(MONDAY + (20 + i) * SLOT, i % 50 === 7 ? 6 : 2)
    assert.deepEqual(readGroup.observe(later), group.observe(later))
  }
  assert.deepEqual(encodeMinute(readMinute), encodeMinute(minute))
  const bytes = encodeMinute(minute)
  bytes[40]! ^= 1
  assert.throws(() => decodeMinute(bytes), EnvironmentError)
  assert.throws(() => decodeMinute(encodeModel(model)), EnvironmentError)
  assert.equal(new LeapDetector({ ring: [1], largest: [], seen: 5 }).state.seen, 0)
})
