import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Everywhere, Inventory, NEIGHBOURHOOD_AGE, type Placement, placementFor, Rendezvous } from '#fleet'

const week = NEIGHBOURHOOD_AGE
const hosts = (count: number) => Array.from({ length: count }, (_, i) => `12D3KooW${i}`)
const sha = (i: number) => i.toString(16).padStart(8, '0').repeat(8)

/** What every placement keeps to. */
const suite: [string, (self: string) => Placement][] = [
  ['everywhere', () => new Everywhere()],
  ['rendezvous', (self) => new Rendezvous(self)],
]
for (const [name, make] of suite) {
  test(`${name}: neighbours are distinct holders, the same however they are ordered`, () => {
    const holders = hosts(300)
    const placed = make('self')
    const chosen = placed.neighbours(sha(1), holders, 0)
    assert.equal(new Set(chosen).size, chosen.length)
    assert.ok(chosen.every((peer) => holders.includes(peer)))
    assert.deepEqual([...placed.neighbours(sha(1), [...holders].reverse(), 0)].sort(), [...chosen].sort())
  })
  test(`${name}: few holders are all neighbours`, () => {
    assert.deepEqual(make('self').neighbours(sha(1), hosts(64), 0).sort(), hosts(64).sort())
    assert.deepEqual(make('self').neighbours(sha(1), [], 0), [])
  })
}

test('rendezvous: 64, others for another binary, host or week, the same all week', () => {
  const holders = hosts(2000)
  const placed = new Rendezvous('self')
  const chosen = new Set(placed.neighbours(sha(1), holders, 5 * week))
  assert.equal(chosen.size, 64)
  assert.deepEqual(new Set(placed.neighbours(sha(1), holders, 6 * week - 1)), chosen)
  for (const other of [
    placed.neighbours(sha(2), holders, 5 * week),
    placed.neighbours(sha(1), holders, 6 * week),
    new Rendezvous('another').neighbours(sha(1), holders, 5 * week),
  ])
    assert.ok(other.filter((peer) => chosen.has(peer)).length < 12)
})

test('rendezvous: one that leaves changes one neighbour, and nobody is his own', () => {
  const holders = ['self', ...hosts(500)]
  const placed = new Rendezvous('self')
  const before = placed.neighbours(sha(1), holders, 0)
  assert.ok(!before.includes('self'))
  const after = placed.neighbours(
    sha(1),
    holders.filter((peer) => peer !== before[0]),
    0,
  )
  assert.equal(after.filter((peer) => before.includes(peer)).length, 63)
})

test('rendezvous: the load is even', () => {
  const all = hosts(400)
  const keptBy = new Map<string, number>()
  for (const self of all)
    for (const peer of new Rendezvous(self).neighbours(sha(1), all, 0))
      keptBy.set(peer, (keptBy.get(peer) ?? 0) + 1)
  const counts = [...keptBy.values()]
  // 64 on average, standard deviation 7.3: six of them.
  assert.ok(Math.min(...counts) > 64 - 44 && Math.max(...counts) < 64 + 44)
})

test('which placement: everywhere up to a hundred members', () => {
  assert.equal(placementFor('self', 100).name, 'everywhere')
  assert.equal(placementFor('self', 101).name, 'rendezvous')
})

test('inventory: who has which binary, ABI and window, with how many processes', () => {
  const inventory = new Inventory()
  const row = (i: number, processes = 9) => ({ sha256: sha(i), abi: 'x86-64', window: 6, processes }) as const
  for (const [i, peer] of hosts(200).entries())
    inventory.announce(
      peer,
      Array.from({ length: 50 }, (_, j) => row(i + j, i)),
    )
  const binary = { sha256: sha(100), abi: 'x86-64', window: 6 } as const
  assert.deepEqual(new Set(inventory.holders(binary)), new Set(hosts(200).slice(51, 101)))
  assert.equal(inventory.holders(binary, 90).length, 11)
  assert.deepEqual(inventory.holders({ ...binary, window: 9 }), [])
  assert.deepEqual(inventory.holders({ ...binary, abi: 'i386' }), [])
  inventory.announce(hosts(200)[60]!, [row(500)])
  inventory.forget(hosts(200)[61]!)
  assert.equal(inventory.holders(binary).length, 48)
  assert.deepEqual(inventory.holders({ ...binary, sha256: sha(500) }), [hosts(200)[60]])
  assert.deepEqual(
    { ...inventory.gauge(), bytes: 0 },
    {
      rows: 198 * 50 + 1,
      members: 199,
      limit: 8 * 1024 * 1024,
      refused: 0,
      bytes: 0,
    },
  )
})

test('inventory: a member has 2,048 rows at most, and room that was given back is used again', () => {
  const inventory = new Inventory()
  const rows = Array.from(
    { length: 3000 },
    (_, i) => ({ sha256: sha(i), abi: 'x86-64', window: 6, processes: 1 }) as const,
  )
  assert.equal(inventory.announce('a', rows), 2048)
  assert.equal(inventory.gauge().refused, 952)
  const { bytes } = inventory.gauge()
  for (let i = 0; i < 50; i++) inventory.announce('a', rows)
  assert.equal(inventory.gauge().bytes, bytes)
  assert.equal(inventory.gauge().rows, 2048)
})
