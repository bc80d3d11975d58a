import assert from 'node:assert/strict'
import { test } from 'node:test'
import { intervalMs, MemoryKeyValue, monday, noise, World } from './world.ts'

const minute = 60_000
const slot = 5 * minute
const day = 24 * 60 * minute

/** A host with a daily rhythm. Ten-second figures spread wider than their five-minute mean. */
function quiet(seed = 1) {
  const some = noise(seed)
  return (at: number) => {
    const rhythm = 10 + 4 * Math.sin(((at % day) / day) * 2 * Math.PI)
    return { www_in: Math.round(rhythm + some()), loadavg: 0.5 + 0.1 * some(), mem_total: 24_000 }
  }
}

/** Two days learned; shared, since it is most of the work. */
async function learned(): Promise<{ keep: MemoryKeyValue; now: number; world: World }> {
  const keep = new MemoryKeyValue()
  const world = new World(keep)
  await world.environment.open()
  await world.run(2 * day + slot, quiet())
  await world.environment.close()
  return { keep, now: world.now, world }
}

test('a step is a class within 20 seconds, gone when it is over, and an agent of five minutes still sees it', async () => {
  const { world } = await learned()
  assert.deepEqual(world.of('www_in_high'), [])
  const before = world.said.anomalous.length
  const { now } = world
  await world.run(2 * intervalMs, (at) => ({ ...quiet()(at), www_in: 210 }))
  assert.equal(world.now - now, 20_000)
  assert.ok(world.holds('www_in_high'))
  assert.ok(world.holds('www_in_high_dev3'))
  assert.ok(world.holds('www_in_high_anomalous'))
  assert.ok(!world.holds('www_in_normal') && !world.holds('www_in_low'))
  assert.deepEqual(world.said.anomalous.slice(before).at(-1), ['www_in', 'high'])
  assert.equal(world.row('www_in').class, 'www_in_high_anomalous')

  await world.run(2 * intervalMs, quiet())
  assert.notEqual(world.row('www_in').class, 'www_in_high_anomalous', 'of now')
  assert.ok(world.holds('www_in_high_dev3'), 'it was')
  // The slot it was in says so once more when it is over.
  await world.run(20 * minute, quiet())
  assert.ok(!world.holds('www_in_high_dev3'))
})

test('a step that stays is told to a person once, by its slot', async () => {
  const { world } = await learned()
  const before = world.said.reports.length
  await world.run(40 * minute, (at) => ({ ...quiet()(at), www_in: 210 }))
  const told = world.said.reports.slice(before)
  assert.deepEqual(
    told.map(({ report }) => [report.name, report.why]),
    [['www_in', 'strong']],
  )
  assert.ok((told[0]?.row.expected ?? 0) < 20)
})

test('kill -9 loses the slot it was in and nothing else', async () => {
  const { keep, now, world } = await learned()
  // The 48th hour and a half slot: killed here, with nothing more written.
  await world.run(2.5 * minute, quiet(2))
  const again = new World(keep, { now })
  await again.environment.open()
  for (const name of ['www_in', 'loadavg', 'mem_total']) {
    const old = world.environment.observed(name)
    const new_ = again.environment.observed(name)
    assert.equal(new_?.model.samples, old?.model.samples, name)
    assert.equal(new_?.model.expect(now), old?.model.expect(now), name)
    assert.deepEqual(new_?.leap.state, old?.leap.state, name)
    assert.deepEqual(new_?.group.state, old?.group.state, name)
  }
  assert.equal(again.row('www_in').sure, world.row('www_in').sure)
  // And goes on: the fast path too.
  await again.run(2 * intervalMs, (at) => ({ ...quiet()(at), www_in: 210 }))
  assert.ok(again.holds('www_in_high_dev3'))
})

test('a slot costs the disk kilobytes, and old slots go when every model has them', async () => {
  const keep = new MemoryKeyValue()
  const world = new World(keep)
  await world.environment.open()
  const many = quiet()
  await world.run(8 * 60 * minute, (at) => ({ ...many(at), a: 1, b: 2, c: at % 7, d: at % 13 }))
  await world.environment.close()
  assert.equal(keep.keys('model:').length, 7)
  assert.ok(keep.keys('slot:').length <= 73, `${keep.keys('slot:').length} slots`)
  const { written } = keep
  await world.run(slot, quiet())
  await world.environment.close()
  assert.ok(keep.written - written < 40_000, `${keep.written - written} bytes`)
})

test('a damaged record is one line, and the other observables are as they were', async () => {
  const { keep, now } = await learned()
  const bytes = (await keep.get('model:www_in')) as Uint8Array
  await keep.put('model:www_in', bytes.slice(0, bytes.length / 2))
  const world = new World(keep, { now })
  await world.environment.open()
  assert.equal(world.said.lines.length, 1)
  assert.match(world.said.lines[0] as string, /^environment: what was kept of www_in is left out: /)
  assert.ok((world.environment.observed('loadavg')?.model.samples ?? 0) > 500)
})

test('a save that fails is said, and the slot is learned all the same', async () => {
  const keep = new MemoryKeyValue()
  const world = new World(keep)
  await world.environment.open()
  keep.broken = new Error('no space left')
  await world.run(slot + intervalMs, quiet())
  await world.environment.close()
  assert.deepEqual(world.said.lines, [
    'environment: the slot is not saved: no space left; it is learned, and lost if the daemon ends',
  ])
  assert.equal(world.environment.observed('www_in')?.model.samples, 1)
})

test('a clock that was set teaches nothing: the slot around it is dropped', async () => {
  const world = new World(new MemoryKeyValue())
  await world.environment.open()
  await world.run(slot, quiet())
  await world.run(2 * minute, quiet())
  assert.equal(world.environment.observed('www_in')?.model.samples, 1)
  world.now += 7 * day
  world.clockStepMs = 7 * day
  await world.run(intervalMs, (at) => ({ ...quiet()(at), www_in: 9999 }))
  world.clockStepMs = 0
  assert.equal(world.row('www_in').value < 9999, true)
  await world.run(minute, quiet())
  assert.equal(world.environment.observed('www_in')?.model.samples, 1)
})

test('a slot of which little was seen is left out', async () => {
  const world = new World(new MemoryKeyValue(), { now: monday + 4 * minute })
  await world.environment.open()
  await world.run(minute + intervalMs, quiet())
  assert.equal(world.environment.observed('www_in')?.model.samples, 0)
  await world.run(slot, quiet())
  assert.equal(world.environment.observed('www_in')?.model.samples, 1)
})

test('a constant never raises a class, whatever its size', async () => {
  const { world } = await learned()
  assert.deepEqual(world.of('mem_total'), ['mem_total_normal'])
  assert.equal([...world.said.classes.keys()].filter((name) => /^mem_total_(?!normal)/.test(name)).length, 0)
})

test('over the cap observables are shown and not judged, and it is said once', async () => {
  const world = new World(new MemoryKeyValue(), { modelsLimit: 2 })
  await world.environment.open()
  await world.run(2 * intervalMs, () => ({ a: 1, b: 2, c: 3, d: 4 }))
  assert.deepEqual(world.said.lines, [
    'environment: more than 2 observables: c and those after it are shown and not judged',
  ])
  assert.deepEqual(world.row('d'), {
    name: 'd',
    value: 4,
    class: '',
    sure: 'not judged: too many observables',
  })
  const { models, unmodelled } = world.environment.gauge()
  assert.deepEqual({ models, unmodelled }, { models: 2, unmodelled: 2 })
})

test('another zone in the config is another week: said, and learned anew', async () => {
  const { keep, now } = await learned()
  const world = new World(keep, { now, zone: 'Europe/Oslo' })
  await world.environment.open()
  assert.equal(world.said.lines.length, 3)
  assert.match(
    world.said.lines[0] as string,
    /was learned by the clock of UTC, and the config says Europe\/Oslo/,
  )
  // Of the slots that are kept one by one the zone does not matter.
  assert.ok((world.environment.observed('www_in')?.model.samples ?? 0) <= 73)
})

test('an old name is shown with the figure it stands for, and learned once', async () => {
  const world = new World(new MemoryKeyValue())
  await world.environment.open()
  await world.run(2 * slot, () => ({ otherprocs: 5, userprocs: 5 }))
  assert.equal(world.environment.gauge().models, 1)
  assert.equal(world.row('userprocs').value, 5)
})

test('entropy classes follow the sockets', async () => {
  const world = new World(new MemoryKeyValue())
  await world.environment.open()
  world.sockets = {
    ...world.sockets,
    remotes: new Map([
      [
        'www_in',
        new Map([
          ['a', 9],
          ['b', 9],
        ]),
      ],
    ]),
  }
  await world.run(intervalMs, () => ({}))
  assert.deepEqual(world.of('entropy'), ['entropy_www_in_high'])
  world.sockets = {
    ...world.sockets,
    remotes: new Map([
      [
        'www_in',
        new Map([
          ['a', 999],
          ['b', 1],
        ]),
      ],
    ]),
  }
  await world.run(intervalMs, () => ({}))
  assert.deepEqual(world.of('entropy'), ['entropy_www_in_low'])
})
