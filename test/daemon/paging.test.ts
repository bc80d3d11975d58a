/** What waits to be shown again: by whom, how long, and over a restart. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { pairCode } from '#homeostasis'
import type { Repository } from '#store'
import { type HeldPage, Paging, type Shown } from '../../src/daemon/fleet/paging.ts'

const day = 24 * 3_600_000
const code = pairCode(33, 5, 1)
const by = (pid: number): Shown => ({ pid, current: 33, previous: [5, 6, 7], missing: 0b001 })

class MemoryRepository implements Repository<string, HeldPage> {
  readonly kept = new Map<string, HeldPage>()
  get = (id: string) => Promise.resolve(this.kept.get(id))
  put = (id: string, one: HeldPage) => Promise.resolve(void this.kept.set(id, one))
  del = (id: string) => Promise.resolve(void this.kept.delete(id))
  putAll = async (all: [string, HeldPage][]) => {
    for (const [id, one] of all) this.kept.set(id, one)
  }
  async *list(): AsyncGenerator<[string, HeldPage]> {
    yield* this.kept
  }
}

async function pagingOf(kept: MemoryRepository): Promise<Paging> {
  const paging = new Paging(kept, (line) => assert.fail(line))
  await paging.restore()
  return paging
}

test('shown by a second process before the verdict: nothing waits', async () => {
  const paging = await pagingOf(new MemoryRepository())
  assert.deepEqual(paging.shown('a', 'nginx', by(1), 0), [])
  assert.deepEqual(paging.shown('a', 'nginx', by(2), 1), [])
  assert.deepEqual(paging.unfamiliar('a', 'nginx', [code], 2), { tell: true, gaveWay: [] })
  // Of other pairs nothing was shown again.
  assert.deepEqual(paging.unfamiliar('a', 'nginx', [code + 8], 2), { tell: false, gaveWay: [] })
})

test('by the same process it is not shown again in its incident, and is in a later one', async () => {
  const kept = new MemoryRepository()
  const paging = await pagingOf(kept)
  paging.shown('a', 'nginx', by(1), 0)
  assert.equal(paging.unfamiliar('a', 'nginx', [code], 1).tell, false)
  assert.deepEqual(paging.shown('a', 'nginx', by(1), 2), [])
  assert.deepEqual(paging.shown('b', 'other', by(2), 2), [], 'another program')
  assert.deepEqual(paging.shown('c', 'nginx', by(1), 3), ['a'])
  assert.equal(paging.unfamiliar('c', 'nginx', [code], 4).tell, true)
  await paging.stop()
  assert.equal(kept.kept.size, 0)
})

test('it outlives a restart, and ends after seven days, or when somebody deals with it', async () => {
  const kept = new MemoryRepository()
  const before = await pagingOf(kept)
  for (const [n, id] of ['a', 'b', 'c'].entries()) before.unfamiliar(id, 'nginx', [code + 8 * n], n * day)
  await before.stop()
  const after = await pagingOf(kept)
  assert.equal(after.gauge().waiting, 3)
  after.keepHouse(
    () => false,
    (id) => id === 'c',
    7 * day + 1,
  )
  assert.equal(after.gauge().waiting, 1, 'a is over, c is resolved')
  await after.stop()
  assert.deepEqual([...kept.kept.keys()], ['b'])
  assert.deepEqual(after.shown('d', 'nginx', { ...by(9), previous: [6] }, 7.5 * day), ['b'])
})

test('a flood of what waits gives way, the oldest first, and is told of', async () => {
  const kept = new MemoryRepository()
  const paging = await pagingOf(kept)
  const gaveWay: string[] = []
  for (let n = 0; n < 70; n++) gaveWay.push(...paging.unfamiliar(`i${n}`, 'nginx', [code + 8 * n], n).gaveWay)
  assert.deepEqual(gaveWay, ['i0', 'i1', 'i2', 'i3', 'i4', 'i5'])
  await paging.stop()
  assert.equal(kept.kept.size, 64)
})
