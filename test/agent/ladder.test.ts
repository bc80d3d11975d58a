import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type Climb, nextStep } from '../../src/agent/ladder/ladder.ts'

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

  it('without a time to observe, it begins with the first step', () => {
    assert.equal(nextStep(undefined, 1, { ...times, observeMs: 0 }, 1).act, 'delay')
  })
})
