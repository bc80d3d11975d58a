import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { DEFAULT_SETTINGS, Profile, recordOf } from '#homeostasis'
import { openStore } from '#store'
import { BinaryResponses, RESPONSES_LIMIT } from '../../../src/daemon/profiles/responses.ts'
import { ProfileSaves } from '../../../src/daemon/profiles/saves.ts'
import { nameOf } from '../../../src/daemon/profiles/tracked.ts'
import { initialSettings } from '../../../src/daemon/settings.ts'
import { scratch } from '../fake-sensor.ts'

async function saves(t: Parameters<typeof scratch>[0], limit?: number) {
  const store = await openStore(join(scratch(t), 'store'), { now: Date.now, log: () => {} })
  t.after(() => store.close())
  const responses = new BinaryResponses(store.records('responses'), initialSettings)
  return { store, responses, saves: new ProfileSaves(store, responses, limit) }
}

function record(binary: string, made: number, normal = false) {
  const profile = new Profile(
    { binary, abi: 'x86-64', window: 6, sha256: 'a'.repeat(64) },
    { ...DEFAULT_SETTINGS },
  )
  const task = profile.begin()
  for (const call of [1, 2, 3]) profile.process(task, call, 0)
  if (normal) profile.startNormal()
  return recordOf(profile, { since: 0, made })
}

test('at the limit the oldest that nothing runs makes room, what still learns before what had settled', async (t) => {
  const { saves: kept, store } = await saves(t, 3)
  await kept.putRecord(record('/old/normal', 1, true))
  await kept.putRecord(record('/old/learning', 2))
  await kept.putRecord(record('/running', 3))
  kept.inUse = () => new Set([nameOf(record('/running', 3).key)])
  const names = () => [...kept.rows.values()].map(({ binary }) => binary).sort()
  await kept.putRecord(record('/new/1', 4))
  assert.deepEqual(names(), ['/new/1', '/old/normal', '/running'])
  await kept.putRecord(record('/new/2', 5))
  assert.deepEqual(names(), ['/new/2', '/old/normal', '/running'])
  await kept.putRecord(record('/new/2', 6))
  assert.deepEqual(kept.gauge(), { profiles: 3, limit: 3, givenUp: 2 })
  assert.equal(store.profiles.size, 3)
})

test('responses have a limit that says what to do', async (t) => {
  const { responses, store } = await saves(t)
  const entries = Array.from({ length: RESPONSES_LIMIT }, (_, i): [string, 'delay'] => [`/bin/${i}`, 'delay'])
  await store.records<'delay'>('responses').putAll(entries)
  await responses.read()
  await assert.rejects(responses.say('/bin/one-more', 'ignore'), /4096 binaries have a response.*--unset$/)
  await responses.say('/bin/7', undefined)
  await responses.say('/bin/one-more', 'ignore')
  assert.equal(responses.of('/bin/one-more'), 'ignore')
  assert.equal(responses.of('/bin/7'), initialSettings().defaultResponse)
})
