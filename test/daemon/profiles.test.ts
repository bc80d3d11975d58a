/** Profiles of a host: loaded, saved, changed by the operator, whether a program runs them or not. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { DEFAULT_SETTINGS, decodeProfile, encodeProfile, Profile, recordOf } from '#homeostasis'
import { readConfig } from '../../src/daemon/config.ts'
import { Host } from '../../src/daemon/host.ts'
import { FakeSensor, scratch } from './fake-sensor.ts'

const hash = (digit: string) => digit.repeat(64)
const less = '/usr/bin/less'

interface World {
  host: Host
  sensor: FakeSensor
  lines: string[]
  /** As kill -9 would leave it, and a start after it. */
  restart: (options?: { sensor?: boolean }) => Promise<World>
}

async function world(t: TestContext, folder = scratch(t), withSensor = true): Promise<World> {
  const sensor = new FakeSensor()
  const lines: string[] = []
  const host = await Host.open({
    state: folder,
    config: readConfig(),
    name: 'test',
    listen: ['/ip4/127.0.0.1/tcp/0'],
    sensor: withSensor ? sensor : undefined,
    messages: { level: 4, say: (_level, line) => lines.push(line), close: () => {} },
  })
  let open = true
  const close = async () => {
    if (open) await host.stop()
    open = false
  }
  t.after(close)
  return {
    host,
    sensor,
    lines,
    restart: async (options = {}) => {
      // Nothing more is saved: what the sensor has is lost.
      sensor.broken = new Error('killed')
      await close()
      return world(t, folder, options.sensor ?? true)
    },
  }
}

/** What was told is dealt with, and counted. */
async function settled({ host, sensor }: World): Promise<void> {
  await host.detector?.idle()
  sensor.tick()
  await host.detector?.idle()
}

const row = ({ host }: World, binary = less, sha256?: string, window = 6) => {
  const found = host.operator
    .rows()
    .filter((one) => one.binary === binary && one.window === window && (!sha256 || one.sha256 === sha256))
  assert.equal(found.length, 1, `rows of ${binary}: ${JSON.stringify(found)}`)
  return found[0] as (typeof found)[0]
}

function profileFile(binary: string, sha256: string, window = 6, calls = [1, 2, 3, 4, 5, 6]): Uint8Array {
  const profile = new Profile({ binary, abi: 'x86-64', window, sha256 }, { ...DEFAULT_SETTINGS })
  const task = profile.begin()
  for (const call of calls) profile.process(task, call, 0)
  profile.startNormal()
  return encodeProfile(recordOf(profile, { since: 5, made: 6 }))
}

test('counts alone survive a kill, though only the pairs were saved whole', async (t) => {
  const first = await world(t)
  first.sensor.appear(1, less, hash('a'))
  first.sensor.call(1, ...new Array(20).fill([3, 4]).flat())
  await settled(first)
  assert.equal(row(first).state, 'frozen')
  await first.host.detector?.saveDue()
  const tracked = first.host.detector?.live.list()[0]
  assert.equal(tracked?.savedCalls, 40)

  first.sensor.call(1, ...new Array(25).fill([3, 4]).flat())
  await settled(first)
  assert.equal(tracked?.changed, false)
  await first.host.detector?.saveDue()
  assert.equal(tracked?.savedCalls, 40, 'the profile was not written whole again')
  assert.equal(tracked?.countedCalls, 90)

  const second = await first.restart()
  const [saved] = second.sensor.started
  assert.equal(saved?.tables.calls, 90)
  assert.equal(saved?.tables.train.trainCount, 90)
  assert.equal(row(second).calls, 90)

  second.sensor.appear(7, less, hash('a'))
  second.sensor.call(7, 3, 4)
  await settled(second)
  assert.equal(row(second).calls, 92)
  assert.equal(row(second).state, 'frozen', 'and the wait for normal goes on')
})

test('counts that go on from an older save are left out', async (t) => {
  const first = await world(t)
  first.sensor.appear(1, less, hash('a'))
  first.sensor.call(1, ...new Array(20).fill(3))
  await settled(first)
  await first.host.detector?.saveDue()
  first.sensor.call(1, 3, 3)
  await settled(first)
  await first.host.detector?.saveDue()
  await first.host.operator.act({ binary: less }, 'reset')
  const second = await first.restart()
  assert.equal(row(second).calls, 0)
})

test('two files of one path and content are one profile: pairs united, calls counted once', async (t) => {
  const first = await world(t)
  first.sensor.appear(1, less, hash('a'))
  first.sensor.call(1, 3, 4, 5)
  await settled(first)
  await first.host.detector?.saveAll()
  // The same file in a container: what is saved comes to it too.
  first.sensor.appear(2, less, hash('a'), 2)
  await settled(first)
  first.sensor.call(2, 3, 4, 5, 9)
  first.sensor.call(1, 3, 4)
  await settled(first)
  assert.equal(row(first).calls, 3 + 4 + 2)
  assert.equal(row(first).tasks, 2)

  await first.host.detector?.saveAll()
  const body = decodeProfile((await first.host.operator.body({ binary: less })) as Uint8Array)
  assert.equal(body.tables.calls, 9)
  assert.ok(
    body.tables.rows.some(({ current }) => current === 9),
    'what only the second did',
  )

  // The one whose counts both have is given up: the other goes on for it.
  await first.sensor.evict(1)
  await settled(first)
  assert.equal(row(first).calls, 9)
  first.sensor.call(2, 3)
  await settled(first)
  await first.host.detector?.saveAll()
  const second = await first.restart()
  assert.equal(row(second).calls, 10)
})

test('a profile that nothing runs takes verbs, while the daemon runs and without a sensor', async (t) => {
  const first = await world(t)
  const imported = await first.host.operator.import(profileFile(less, hash('b')))
  assert.deepEqual(
    { ...imported, pairs: imported.pairs > 0 },
    { binary: less, pairs: true, window: 6, abi: 'x86-64', live: 0, rests: false },
  )
  assert.equal(row(first).state, 'normal')
  assert.equal(await first.host.operator.act({ binary: 'less' }, 'tolerize'), 1)
  assert.equal(row(first).state, 'learning')

  const second = await first.restart({ sensor: false })
  assert.equal(row(second).state, 'learning')
  await second.host.operator.act({ binary: less }, 'normalize')
  assert.equal(row(second).state, 'normal')
  await second.host.operator.act({ binary: less }, 'reset')
  assert.equal(row(second).pairs, 0)
})

test('a verb without a profile names what to look at', async (t) => {
  const { host } = await world(t)
  await assert.rejects(host.operator.act({ binary: 'nothing' }, 'reset'), {
    message: 'no profile of "nothing" is here: see lymph profile list',
  })
  await host.operator.import(profileFile('/bin/x', hash('a')))
  await host.operator.import(profileFile('/opt/x', hash('b')))
  await assert.rejects(host.operator.act({ binary: 'x' }, 'reset'), {
    message: '"x" could be /bin/x or /opt/x: give the whole path',
  })
})

test('an import takes the place of what a running program had, and is tested against at once', async (t) => {
  const here = await world(t)
  here.sensor.appear(1, less, hash('a'))
  here.sensor.call(1, 50, 51, 52)
  await settled(here)
  const { live } = await here.host.operator.import(profileFile(less, hash('a')))
  assert.equal(live, 1)
  await settled(here)
  assert.equal(row(here).state, 'normal')
  assert.equal(row(here).calls, 6)
  here.sensor.call(1, 50)
  await settled(here)
  assert.equal(here.host.incidents.open().length, 1)
  // Twice is as once.
  await here.host.operator.import(profileFile(less, hash('a')))
  await settled(here)
  assert.equal(row(here).calls, 6)
})

test('an imported profile without a hash is of whatever file stands there; one of another window rests', async (t) => {
  const here = await world(t)
  await here.host.operator.import(profileFile(less, ''))
  here.sensor.appear(1, less, hash('c'))
  await settled(here)
  assert.equal(row(here, less, hash('c')).state, 'normal')

  const other = await here.host.operator.import(profileFile('/bin/ls', hash('d'), 9))
  assert.deepEqual({ rests: other.rests, live: other.live }, { rests: true, live: 0 })
  here.sensor.appear(2, '/bin/ls', hash('d'))
  await settled(here)
  assert.equal(
    here.host.operator.rows().find(({ binary, window }) => binary === '/bin/ls' && window === 6)?.state,
    'learning',
  )
  await here.host.set('window', 9)
  await settled(here)
  assert.equal(
    here.host.operator.rows().find(({ binary, window }) => binary === '/bin/ls' && window === 9)?.state,
    'normal',
  )
  await here.host.set('window', 6)
  await settled(here)
  assert.equal(row(here, less, hash('c')).state, 'normal', 'what was learned with the first window is back')
})

test('a response is of a path: before it runs, for the next version of the file, after a restart', async (t) => {
  const first = await world(t)
  await first.host.set('delay_factor', 2)
  await first.host.operator.respond({ binary: '/usr/sbin/nginx' }, 'delay')
  first.sensor.appear(1, '/usr/sbin/nginx', hash('a'))
  first.sensor.appear(2, less, hash('b'))
  await settled(first)
  assert.equal(first.sensor.units.get(1), 20)
  assert.equal(first.sensor.units.get(2) ?? 0, 0)
  assert.equal(row(first, '/usr/sbin/nginx').response, 'delay')
  await first.host.detector?.saveAll()

  const second = await first.restart()
  assert.equal(
    second.sensor.started.find(({ executable }) => executable.path === '/usr/sbin/nginx')?.delayUnitMs,
    20,
  )
  second.sensor.appear(3, '/usr/sbin/nginx', hash('e'))
  await settled(second)
  assert.equal(second.sensor.units.get(3), 20)
  await second.host.operator.respond({ binary: '/usr/sbin/nginx' }, undefined)
  assert.equal(second.sensor.units.get(3), 0)
  await assert.rejects(second.host.operator.respond({ binary: 'unheard-of' }, 'delay'), {
    message: 'no profile of "unheard-of" is here: give the whole path of the program',
  })
})

test('a save that fails is tried again and nothing is dropped', async (t) => {
  const here = await world(t)
  here.sensor.appear(1, less, hash('a'))
  here.sensor.call(1, 3, 4)
  await settled(here)
  here.sensor.broken = new Error('the sensor is busy')
  await assert.rejects(async () => here.host.detector?.saveDue(), { message: 'the sensor is busy' })
  here.sensor.broken = undefined
  await here.host.detector?.saveDue()
  assert.equal(here.host.detector?.live.list()[0]?.savedCalls, 2)
})

test('a sensor that comes back knows nothing, and is given what was saved', async (t) => {
  const here = await world(t)
  here.sensor.appear(1, less, hash('a'))
  here.sensor.call(1, 3, 4, 5)
  await settled(here)
  await here.host.detector?.saveDue()
  here.sensor.restart()
  await settled(here)
  assert.equal(row(here).calls, 3, 'shown from what was saved')
  here.sensor.appear(1, less, hash('a'))
  here.sensor.call(1, 3, 4, 5)
  await settled(here)
  assert.equal(row(here).calls, 6)
})

test('the state folder of profiles is a store and mirrored files; the store gone, the files bring it back', async (t) => {
  const { rmSync } = await import('node:fs')
  const folder = scratch(t)
  const first = await world(t, folder)
  first.sensor.appear(1, less, hash('a'))
  first.sensor.call(1, 3, 4, 5)
  await first.host.operator.respond({ binary: less }, 'ignore')
  await settled(first)
  await first.host.detector?.saveDue()
  first.sensor.broken = new Error('killed')
  await first.host.stop()
  rmSync(join(folder, 'store'), { recursive: true })
  const second = await world(t, folder)
  assert.equal(row(second).calls, 3)
})
