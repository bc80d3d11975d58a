/** The scenarios and adversaries of the simulator, small. `npm run bench -- mesh-simulation` runs them at full size and prints figures. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { adversaries } from './simulator/adversaries.ts'
import { churning } from './simulator/churn.ts'
import type { Outcome } from './simulator/measure.ts'
import { seeded } from './simulator/random.ts'
import { scenarios } from './simulator/scenarios.ts'

const size = { hosts: 6, seed: 7 }

/** What holds however anyone behaves. */
function sound(outcome: Outcome): Outcome {
  const why = JSON.stringify(outcome)
  assert.equal(outcome.coverage, 1, `every honest host holds what honest hosts said: ${why}`)
  assert.equal(outcome.falseQuorums, 0, why)
  assert.equal(outcome.forged, 0, why)
  return outcome
}

test('a seed is a run: the same numbers again, other ones from another', () => {
  const draw = (seed: number) => Array.from({ length: 20 }, seeded(seed))
  assert.deepEqual(draw(1), draw(1))
  assert.notDeepEqual(draw(1), draw(2))
  assert.ok(draw(3).every((value) => value >= 0 && value < 1))
  assert.deepEqual(seeded(4).shuffled([1, 2, 3, 4, 5]).sort(), [1, 2, 3, 4, 5])
})

test('messages reach all', async () => {
  sound(await scenarios.spread({ ...size, messages: 10, seconds: 0.5 }))
})

test('ten simulated minutes of partition: every host has every record, none came twice', async () => {
  const { notes } = sound(await scenarios.partition({ ...size, messages: 120, speed: 200 }))
  assert.ok((notes.apart as number) < 0.75, 'they were parted')
  assert.equal(notes.whole, true)
  assert.equal(notes.twice, 0)
})

test('a tenth of gossip lost, the rest late, clocks off by a minute: complete all the same', async () => {
  assert.equal(sound(await scenarios.rough({ ...size, messages: 40 })).notes.whole, true)
})

test('hosts that die and come back in the middle of it: all end equal', async () => {
  assert.equal(sound(await scenarios.crashes({ ...size, messages: 20 })).notes.whole, true)
})

test('an hour and a half of churn: neither heap nor handles nor any map grows', async () => {
  const { outcome, trends } = await churning({ hosts: 4, seed: 7, speed: 360, hours: 1.5, samplesAnHour: 12 })
  const grown = Object.entries(trends).filter(([, { grows }]) => grows)
  assert.deepEqual(grown, [])
  assert.equal(outcome.notes.same, true)
})

test('liar-all-good: what a third denies stands', async () => {
  const { refused } = sound(await adversaries['liar-all-good'](size))
  assert.ok((refused.signature ?? 0) > 0)
})

test('liar-target-bad: a third that accuses is heard, and is no quorum', async () => {
  const { notes } = sound(await adversaries['liar-target-bad'](size))
  assert.ok((notes.heldOnFirst as number) > 1)
})

test('flooder: thrown out, its flood not kept', async () => {
  const { notes, refused } = sound(await adversaries.flooder({ ...size, seconds: 6 }))
  assert.ok((refused.banned ?? 0) > 0)
  assert.ok((notes.heldOfIt as number) <= 40, `${notes.heldOfIt}`)
})

test('replayer: what was cleared does not rise again', async () => {
  assert.equal(sound(await adversaries.replayer(size)).notes.risenAgain, 0)
})

test('equivocator: proofs are kept, and all hold the same of the two', async () => {
  const { notes } = sound(await adversaries.equivocator(size))
  assert.equal(notes.agree, true)
  assert.ok((notes.proofs as number) > 0)
})

test('clock-liar: neither future nor stale is believed', async () => {
  const { notes, refused } = sound(await adversaries['clock-liar'](size))
  assert.equal(notes.believed, 0)
  assert.ok((refused.future ?? 0) > 0 && (refused.stale ?? 0) > 0)
})

test('revoked-but-connected: cut off everywhere, hears and says nothing more', async () => {
  const { notes } = sound(await adversaries['revoked-but-connected'](size))
  assert.deepEqual([notes.cut, notes.heard, notes.believed], [true, 0, 0])
  assert.equal(notes.acknowledged, '4/4')
})

test('stolen-psk-stranger: connects, and gets nowhere', async () => {
  const { notes } = sound(await adversaries['stolen-psk-stranger'](size))
  assert.deepEqual([notes.connectedAfter5s, notes.heard, notes.believed], [0, 0, 0])
})

test('garbage-forwarder: the others do not notice', async () => {
  const { refused } = sound(await adversaries['garbage-forwarder'](size))
  assert.ok((refused.encoding ?? 0) > 0)
})
