import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { StoreError } from '#store'
import { all, key, listener, open, record, stateFolder } from './support.ts'

test('what is put is there after closing and opening again', async (t) => {
  const state = stateFolder(t)
  const less = record('/usr/bin/less', Uint8Array.of(1, 2, 3), {
    response: 'delay',
    life: { frozen: true, normalTime: 99, normal: false },
  })
  const first = await open(state)
  await first.profiles.put(key('/usr/bin/less', 'ab'.repeat(32)), less)
  await first.settings.put('window', 9)
  await first.records<{ id: string }>('incidents').put('1a', { id: '1a' })
  await first.keyValue('mesh').put('identity', Uint8Array.of(9))
  assert.equal(await first.journal.append([{ what: 'a' }, { what: 'b' }]), 2)
  await first.close()

  const heard = listener()
  const second = await open(state, heard)
  t.after(() => second.close())
  const saved = await second.profiles.get(key('/usr/bin/less', 'ab'.repeat(32)))
  assert.deepEqual({ ...saved, file: [...(saved?.file ?? [])] }, { ...less, file: [1, 2, 3] })
  assert.deepEqual(
    (await all(second.profiles.list())).map(([found]) => found),
    [key('/usr/bin/less', 'ab'.repeat(32))],
  )
  assert.equal(await second.settings.get('window'), 9)
  assert.equal(await second.settings.get('no such'), undefined)
  assert.deepEqual(await second.records('incidents').get('1a'), { id: '1a' })
  assert.deepEqual([...((await second.keyValue('mesh').get('identity')) ?? [])], [9])
  assert.equal(await second.keyValue('other').get('identity'), undefined)
  assert.deepEqual(await all(second.journal.read()), [
    [1, { what: 'a' }],
    [2, { what: 'b' }],
  ])
  assert.equal(await second.journal.append([{ what: 'c' }]), 3)
  assert.deepEqual(heard.lines, [])
  const health = await second.health()
  assert.equal(health.state, 'ok')
  assert.deepEqual([health.damaged, health.missing, health.aside], [{}, {}, []])
})

test('deleting takes the record and its file', async (t) => {
  const state = stateFolder(t)
  const store = await open(state)
  t.after(() => store.close())
  const file = join(state, 'profiles/usr/bin/less')
  await store.profiles.put(key('/usr/bin/less'), record('/usr/bin/less', Uint8Array.of(5)))
  assert.deepEqual([...readFileSync(file)], [5])
  await store.profiles.del(key('/usr/bin/less'))
  assert.equal(existsSync(join(state, 'profiles/usr')), false)
  assert.deepEqual(await all(store.profiles.list()), [])
})

test('keyValue: prefix, gt, reverse and limit, in the order of bytes', async (t) => {
  const store = await open(stateFolder(t))
  t.after(() => store.close())
  const one = store.keyValue('one')
  const names = ['a', 'b!x', 'b/1', 'b/2', 'b/3', 'b0', 'c', 'é', '\u{1f600}']
  await one.batch(
    names.map((name) => ({ type: 'put', key: name, value: new TextEncoder().encode(name) })),
    { sync: true },
  )
  await store.keyValue('one.more').put('b/9', new Uint8Array(1))
  const list = async (range: Parameters<typeof one.list>[0]) =>
    (await all(one.list(range))).map(([name]) => name)
  assert.deepEqual(await list({}), names)
  assert.deepEqual(await list({ prefix: 'b/' }), ['b/1', 'b/2', 'b/3'])
  assert.deepEqual(await list({ prefix: 'b/', gt: 'b/1' }), ['b/2', 'b/3'])
  assert.deepEqual(await list({ prefix: 'b/', gt: 'a' }), ['b/1', 'b/2', 'b/3'])
  assert.deepEqual(await list({ prefix: 'b/', reverse: true, limit: 2 }), ['b/3', 'b/2'])
  assert.deepEqual(await list({ gt: 'c' }), ['é', '\u{1f600}'])
  assert.deepEqual(await list({ limit: 0 }), [])
  await one.batch([
    { type: 'del', key: 'b/2' },
    { type: 'put', key: 'b/4', value: new Uint8Array(0) },
  ])
  assert.deepEqual(await list({ prefix: 'b/' }), ['b/1', 'b/3', 'b/4'])
})

test('the journal keeps its newest records and dense numbers', async (t) => {
  const state = stateFolder(t)
  const store = await open(state, listener(), { journalLimit: 40 })
  for (let n = 1; n <= 100; n++) await store.journal.append([{ n }])
  const { first, last, holes, forgotten } = store.journal.health()
  assert.equal(last, 100)
  assert.ok(last - first + 1 <= 42 && last - first + 1 >= 40, `${last - first + 1} are kept`)
  assert.equal(forgotten, first - 1)
  assert.deepEqual(holes, [])
  assert.deepEqual(await all(store.journal.read({ after: 97, limit: 2 })), [
    [98, { n: 98 }],
    [99, { n: 99 }],
  ])
  await store.close()
  const again = await open(state)
  t.after(() => again.close())
  assert.deepEqual(
    (await all(again.journal.read())).map(([number]) => number),
    Array.from({ length: last - first + 1 }, (_, index) => first + index),
  )
})

test('appends that run at once get numbers of their own', async (t) => {
  const store = await open(stateFolder(t))
  t.after(() => store.close())
  const numbers = await Promise.all(Array.from({ length: 50 }, (_, n) => store.journal.append([{ n }])))
  assert.deepEqual(
    numbers,
    Array.from({ length: 50 }, (_, n) => n + 1),
  )
})

test('what cannot be kept is refused with a reason', async (t) => {
  const store = await open(stateFolder(t))
  const code = (expected: string) => (error: unknown) =>
    error instanceof StoreError && error.code === expected
  assert.throws(() => store.records('profiles'), code('invalid'))
  assert.throws(() => store.keyValue('a/b'), code('invalid'))
  await assert.rejects(store.settings.put('big', 'x'.repeat(2 ** 20)), code('invalid'))
  await assert.rejects(store.journal.append(['x'.repeat(20_000)]), code('invalid'))
  assert.equal(store.journal.health().last, 0)
  await assert.rejects(store.profiles.put(key('/a\0b'), record('/a', new Uint8Array())), code('invalid'))
  const entries = Array.from({ length: 10_001 }, (_, n): [string, number] => [`k${n}`, n])
  await assert.rejects(store.records('many').putAll(entries), code('full'))
  await store.records('many').putAll(entries.slice(1))
  await store.records('many').put('k1', 2)
  await assert.rejects(store.records('many').put('new', 1), code('full'))
  await store.close()
  await assert.rejects(store.settings.get('x'), code('closed'))
})

test('a second open says who has it', async (t) => {
  const state = stateFolder(t)
  const store = await open(state)
  t.after(() => store.close())
  await assert.rejects(open(state), (error: StoreError) => {
    assert.equal(error.code, 'locked')
    assert.match(error.message, /this process has it open already/)
    assert.doesNotMatch(error.message, /\n/)
    return true
  })
  await store.settings.put('still', 'works')
})
