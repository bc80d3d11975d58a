import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  CHOSEN_LEAST,
  EVERYWHERE_MOST,
  Everywhere,
  Inventory,
  type InventoryRow,
  NEIGHBOURHOOD_AGE,
  nameHash,
  nearest,
  type Placement,
  PlacementChoice,
  Rendezvous,
  rowOf,
} from '#fleet'

const week = NEIGHBOURHOOD_AGE
const hosts = (count: number) => Array.from({ length: count }, (_, i) => `12D3KooW${i}`)
/** Ends in what differs, so that a neighbourhood's week begins with the epoch's. */
const sha = (i: number) => `00000000${i.toString(16).padStart(8, '0')}`.repeat(4)

/** What every placement keeps to. */
const suite: [string, (self: string) => Placement][] = [
  ['everywhere', (self) => new Everywhere(self)],
  ['chosen', (self) => new Rendezvous(self)],
]
for (const [name, make] of suite) {
  test(`${name}: neighbours are distinct holders, the same however they are ordered, and never the host itself`, () => {
    const holders = ['self', ...hosts(300)]
    const placed = make('self')
    const chosen = placed.neighbours(sha(1), holders, 0)
    assert.equal(new Set(chosen).size, chosen.length)
    assert.ok(chosen.every((peer) => holders.includes(peer) && peer !== 'self'))
    assert.deepEqual([...placed.neighbours(sha(1), [...holders].reverse(), 0)].sort(), [...chosen].sort())
  })
  test(`${name}: few holders are all neighbours`, () => {
    assert.deepEqual(make('self').neighbours(sha(1), hosts(64), 0).sort(), hosts(64).sort())
    assert.deepEqual(make('self').neighbours(sha(1), [], 0), [])
  })
}

test('chosen: 64, others for another content, host or week, the same all week', () => {
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

test('chosen: neighbourhoods of different contents move at different times of the week', () => {
  const holders = hosts(300)
  const placed = new Rendezvous('self')
  const of = (content: string, at: number) => placed.neighbours(content, holders, at).sort().join()
  const halfway = `80000000${'0'.repeat(56)}`
  assert.equal(of(sha(1), 0), of(sha(1), week - 1))
  assert.notEqual(of(halfway, 0), of(halfway, week - 1))
  assert.equal(of(halfway, week / 2), of(halfway, 1.5 * week - 1))
})

test('chosen: the first 16 digits of a hash stand for it', () => {
  const holders = hosts(300)
  const whole = 'ab12cd34ef56ab78'.padEnd(64, '9')
  assert.deepEqual(
    nearest('self', whole, holders, 0, 64),
    nearest('self', whole.slice(0, 16), holders, 0, 64),
  )
})

test('chosen: one that leaves changes one neighbour', () => {
  const holders = hosts(500)
  const placed = new Rendezvous('self')
  const before = placed.neighbours(sha(1), holders, 0)
  const after = placed.neighbours(
    sha(1),
    holders.filter((peer) => peer !== before[0]),
    0,
  )
  assert.equal(after.filter((peer) => before.includes(peer)).length, 63)
})

test('which placement: chosen above 100 members or 32,768 digests, everywhere again well below both, once an hour', () => {
  const choice = new PlacementChoice('auto')
  const at = (members: number, digests: number, now: number) => {
    choice.settle('self', members, digests, now)
    return choice.placement.name
  }
  const hour = 3_600_000
  assert.equal(at(EVERYWHERE_MOST.members, EVERYWHERE_MOST.digests, 0), 'everywhere')
  assert.equal(at(EVERYWHERE_MOST.members + 1, 0, 1), 'chosen')
  assert.equal(at(10, 10, hour), 'chosen', 'not within an hour')
  assert.equal(at(CHOSEN_LEAST.members, 0, 2 * hour), 'chosen', 'not at the limit')
  assert.equal(
    at(CHOSEN_LEAST.members - 1, CHOSEN_LEAST.digests, 2 * hour),
    'chosen',
    'both have to be small',
  )
  assert.equal(at(CHOSEN_LEAST.members - 1, CHOSEN_LEAST.digests - 1, 2 * hour), 'everywhere')
  assert.equal(at(5, EVERYWHERE_MOST.digests + 1, 4 * hour), 'chosen')
  assert.equal(choice.gauge().changes, 3)
  for (const fixed of ['everywhere', 'chosen'] as const) {
    const set = new PlacementChoice(fixed)
    assert.equal(set.settle('self', fixed === 'chosen' ? 2 : 4000, 1e6, 0), false)
    assert.equal(set.placement.name, fixed)
  }
})

const row = (i: number, processes = 9, binary = `/usr/bin/program-${i}`): InventoryRow =>
  rowOf({ binary, sha256: sha(i), abi: 'x86-64', window: 6, state: 'normal', processes, made: 1000 * i })
const key = (i: number) => ({ content: sha(i), abi: 'x86-64', window: 6 }) as const

test('inventory: who has which content, ABI and window, with how many processes', () => {
  const inventory = new Inventory()
  for (const [i, peer] of hosts(200).entries())
    inventory.announce(
      peer,
      Array.from({ length: 50 }, (_, j) => row(i + j, i)),
    )
  const binary = key(100)
  assert.deepEqual(new Set(inventory.holders(binary)), new Set(hosts(200).slice(51, 101)))
  assert.equal(inventory.holders(binary, 63).length, 38, 'more than 63 processes are 63')
  assert.deepEqual(inventory.holders({ ...binary, window: 9 }), [])
  assert.deepEqual(inventory.holders({ ...binary, abi: 'i386' }), [])
  assert.deepEqual(inventory.of(binary)[0], {
    ...row(100, inventory.of(binary)[0]?.processes),
    peer: inventory.of(binary)[0]?.peer,
  })
  inventory.announce(hosts(200)[60]!, [row(500)])
  inventory.forget(hosts(200)[61]!)
  assert.equal(inventory.holders(binary).length, 48)
  assert.deepEqual(inventory.holders(key(500)), [hosts(200)[60]])
  const { bytes, ...gauge } = inventory.gauge()
  assert.ok(bytes > 0)
  assert.deepEqual(gauge, { rows: 198 * 50 + 1, members: 199, limit: 8 * 1024 * 1024, refused: 0 })
})

test('inventory: a part replaces that part alone; the last one takes the member with it', () => {
  const inventory = new Inventory()
  inventory.announce('a', [row(1), row(2)], 0)
  inventory.announce('a', [row(3)], 5)
  inventory.announce('a', [row(4)], 0)
  assert.deepEqual([...inventory.rows('a')].map(({ id }) => id).sort(), [row(3).id, row(4).id].sort())
  assert.deepEqual(inventory.ids('a', 5), [row(3).id])
  inventory.forget('a', 5)
  assert.deepEqual(inventory.members(), ['a'])
  inventory.forget('a', 0)
  assert.deepEqual([inventory.members(), inventory.gauge().rows], [[], 0])
})

test('inventory: found by the last part of the path', () => {
  const inventory = new Inventory()
  inventory.announce('a', [row(1, 5, '/usr/sbin/nginx')])
  inventory.announce('b', [row(2, 5, '/opt/nginx'), row(3, 5, '/opt/nginx-debug')])
  assert.deepEqual(
    inventory.named(nameHash('nginx')).map(({ peer }) => peer),
    ['a', 'b'],
  )
  assert.equal(nameHash('/usr/sbin/nginx'), nameHash('nginx'))
})

test('inventory: a member has 2,048 rows at most in all its parts, all have no more than the limit, and room given back is used again', () => {
  const inventory = new Inventory(3000)
  const rows = Array.from({ length: 3000 }, (_, i) => row(i, 1))
  assert.equal(inventory.announce('a', rows.slice(0, 2000), 0), 2000)
  assert.equal(inventory.announce('a', rows.slice(2000), 1), 48)
  assert.equal(inventory.announce('b', rows), 952)
  assert.equal(inventory.gauge().refused, 952 + 2048)
  const { bytes } = inventory.gauge()
  for (let i = 0; i < 50; i++) inventory.announce('a', rows.slice(0, 2000), 0)
  assert.equal(inventory.gauge().bytes, bytes)
  assert.equal(inventory.gauge().rows, 3000)
})
