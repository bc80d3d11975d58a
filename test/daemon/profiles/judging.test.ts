/** What a unit is called on a host: the bar of a program is that of the units it has a day, before a restart too. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Judgement, judgementBody, measureUnit, Supports } from '#homeostasis'
import type { Sensor } from '#sensor'
import { Judging, type UnitEvent, type UnitVerdict } from '../../../src/daemon/profiles/judging.ts'
import { newTracked } from '../../../src/daemon/profiles/tracked.ts'
import { initialSettings } from '../../../src/daemon/settings.ts'

const WINDOW = 6
const DAY = 24 * 3600_000
const LEARNED = 2000
const usual = [1, 2, 3, 4, 5, 6, 7, 8]

/** What was saved of a program that ran so many times. */
function saved() {
  const judgement = new Judgement(new Supports(WINDOW))
  for (let i = 0; i < LEARNED; i++) {
    // Now and then it does a little that is new.
    const calls = Uint16Array.from(i % 100 === 0 ? [...usual.slice(0, 7), 20 + i / 100] : usual)
    judgement.take({ score: measureUnit(judgement.supports, calls), runs: [calls] })
  }
  judgement.settle()
  return { judgement: judgementBody(judgement) }
}

const unit = (head: number[], started?: string): UnitEvent => ({
  ...{ type: 'unit', profile: 1, pid: 7, tid: 7, at: 0 },
  unit: {
    ...{ head, windows: '', calls: head.length, cost: 0, touched: [] },
    ...{ first: true, fresh: true, whole: true, ...(started ? { started } : {}) },
  } as unknown as UnitEvent['unit'],
})

/** @param days since the profile began to learn */
async function judged(days: number) {
  const told: UnitVerdict[] = []
  const now = 1000 * DAY
  const executable = {
    ...{ path: '/usr/bin/less', abi: 'x86-64' as const, device: 1, inode: '1', generation: 0 },
    ...{ mountNamespace: 0, deleted: false },
  }
  const tracked = newTracked(1, executable, false, now - days * DAY)
  const judging = new Judging({
    sensor: { slots: async () => {} } as unknown as Sensor,
    settings: () => ({ ...initialSettings(), window: WINDOW, judge: 'on' }),
    messages: { say: () => {} } as never,
    now: () => now,
    onJudged: (verdict) => told.push(verdict),
  })
  await judging.begin(tracked, saved(), undefined)
  const of = async (event: UnitEvent) => {
    await judging.take(event, tracked, [tracked])
    return told.at(-1)!
  }
  return { of }
}

// More that is new than ever, by little: some bits more than a quiet program needs.
const odd = [1, 2, 3, 4, 5, 6, 100, 101]

test('the same unit is an incident of a quiet program, and less of one that runs a thousand times a day', async () => {
  const quiet = await (await judged(400)).of(unit(odd))
  assert.equal(quiet.bar, 8)
  const busy = await (await judged(2)).of(unit(odd))
  assert.equal(busy.bar, Math.log2((LEARNED + 1) / 2) + 4)
  assert.equal(quiet.verdict.bits, busy.verdict.bits)
  const bits = quiet.verdict.bits!
  assert.ok(bits >= 8 && bits < busy.bar, `${bits} bits lie between 8 and ${busy.bar}`)
  assert.ok(['incident', 'severe'].includes(quiet.level), quiet.level)
  assert.ok(['none', 'notice'].includes(busy.level), busy.level)
})

test('a program that was never started is told of, however busy its parent is', async () => {
  const { of } = await judged(1)
  const { bar, level, verdict } = await of(unit(odd, '/bin/nc'))
  assert.ok(bar > 12)
  assert.equal(verdict.newEdges.length, 1)
  assert.equal(level, 'severe')
})
