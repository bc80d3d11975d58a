import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type Climb, nextStep } from '../../src/agent/ladder/ladder.ts'
import { walk } from '../../src/agent/ladder/walk.ts'

const times = { upto: 'kill', observeMs: 300, delayMs: 600, freezeMs: 600, forgetMs: 3600 } as const

describe('the response ladder', () => {
  it('climbs while a binary is still abnormal after each step, and no sooner', () => {
    let climb: Climb | undefined
    const acts: [number, string | undefined][] = []
    for (let now = 10_000; now <= 12_100; now += 100) {
      const step = nextStep(climb, now, times, now)
      climb = step.climb
      if (step.act) acts.push([now, step.act])
    }
    assert.deepEqual(acts.slice(0, 3), [
      [10_300, 'delay'],
      [11_000, 'freeze'],
      [11_700, 'kill'],
    ])
  })

  it('does not climb for what came before a step ended', () => {
    const delayed: Climb = { rung: 'delay', since: 1000, seenAt: 1500 }
    assert.equal(nextStep(delayed, 1500, times, 2000).act, undefined)
    assert.equal(nextStep(delayed, 1700, times, 2000).act, 'freeze')
  })

  it('goes no higher than it may, and starts anew after a quiet time', () => {
    const low = { ...times, upto: 'delay' } as const
    const again = nextStep({ rung: 'delay', since: 1000, seenAt: 1500 }, 1700, low, 2000)
    assert.equal(again.act, 'delay')
    const anew = nextStep({ rung: 'freeze', since: 1000, seenAt: 1000 }, 9000, times, 9000)
    assert.equal(anew.act, undefined)
    assert.equal(anew.climb.rung, 'observe')
  })

  it('the whole of it, as it would be walked from where a binary stands', () => {
    const all = (...of: Parameters<typeof walk>) => walk(...of).map(({ rung, at }) => `${rung} ${at}`)
    assert.deepEqual(all(undefined, 1000, times, 1000), [
      'observe 1000',
      'delay 1300',
      'freeze 1900',
      'kill 2500',
    ])
    const before: Climb = { rung: 'delay', since: 1000, seenAt: 1500 }
    assert.deepEqual(all(before, 1500, times, 1200), ['delay 1000', 'freeze 1600', 'kill 2200'])
    // Its delay ended, and it is quiet: the next step would be taken as soon as it is not.
    assert.deepEqual(all(before, 1500, times, 2000), ['freeze 2000', 'kill 2600'])
    assert.deepEqual(all(undefined, 1, { ...times, observeMs: 0, upto: 'delay' }, 1), ['delay 1'])
  })

  it('is what the ladder does, run after run, to a binary that stays abnormal', () => {
    const every = 100
    const foretold = walk(undefined, 10_000, times, 10_000)
    let climb: Climb | undefined
    const taken: [string, number][] = []
    for (let now = 10_000; taken.length < foretold.length; now += every) {
      const before = climb?.rung
      climb = nextStep(climb, now, times, now).climb
      if (climb.rung !== before) taken.push([climb.rung, now])
    }
    for (const [index, { rung, at }] of foretold.entries()) {
      assert.equal(taken[index]?.[0], rung)
      // By the first run from its time on; each run later than that puts the rest off.
      assert.ok(
        (taken[index]?.[1] as number) >= at && (taken[index]?.[1] as number) <= at + every * (index + 1),
      )
    }
  })

  it('without a time to observe, it begins with the first step', () => {
    assert.equal(nextStep(undefined, 1, { ...times, observeMs: 0 }, 1).act, 'delay')
  })
})
