/** A step in an observable of one host is a warning on another, and is cleared there when it is over; two real meshes on loopback. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { quorumRules, type Warning } from '#incidents'
import { initMesh, joinMesh } from '#mesh'
import { Alarms } from '../../../src/daemon/mesh/alarms.ts'
import { HostSigns, type HostView } from '../../../src/daemon/mesh/host-signs.ts'
import { MeshLink } from '../../../src/daemon/mesh/link.ts'
import { memoryStore } from '../../../src/mesh/memory-store.ts'
import { MemoryKeyValue, noise, World } from '../../environment/watch/world.ts'
import { scratch } from '../fake-sensor.ts'

const day = 86_400_000

function linkIn(t: TestContext, folder: string): { link: MeshLink; changes: string[] } {
  const changes: string[] = []
  const link = new MeshLink({
    folder,
    listen: ['/ip4/127.0.0.1/tcp/0'],
    ways: { relay: { serves: 'no', reachable: 'yes' }, mdns: false },
    keyValue: memoryStore(),
    verdicts: { get: async () => undefined, put: async () => undefined } as never,
    version: 'test',
    now: Date.now,
    say: () => undefined,
    own: { find: async () => undefined },
    placement: { placement: 'everywhere', neighbours: 64 },
    onQuestion: async () => undefined as never,
    onWarning: (change: string, { kind }: Warning) => void changes.push(`${change} ${kind}`),
  })
  t.after(() => link.close())
  return { link, changes }
}

async function until(what: string, holds: () => boolean): Promise<void> {
  for (const end = Date.now() + 20_000; !holds(); await pause(20))
    assert.ok(Date.now() < end, `${what}: not within 20 s`)
}

test('a step is raised, refreshed, and cleared when the observable is as expected again', async (t) => {
  const root = scratch(t)
  const now = Date.now()
  await initMesh({ folder: join(root, 'a'), name: 'a', now })
  const { link: a } = linkIn(t, join(root, 'a'))
  await a.open()
  const { token } = await a.mesh.invite({})
  await joinMesh({ folder: join(root, 'b'), token, name: 'b', now })
  const { link: b, changes } = linkIn(t, join(root, 'b'))
  await b.open()
  await until('connected', () => b.status()?.connected === 1)

  const world = new World(new MemoryKeyValue())
  const some = noise(7)
  const alarms = new Alarms()
  const tell = () => {
    for (const { report, row } of world.said.reports.splice(0)) alarms.raise(report, row, world.now)
    return a.stand('observable', alarms.settle(world.environment.rows(), world.now))
  }
  await world.run(2 * day, () => ({ www_in: Math.round(30 + 3 * some()) }))
  world.said.reports.length = 0
  await tell()
  assert.deepEqual(b.warnings(), [])

  await world.run(11 * 60_000, () => ({ www_in: Math.round(300 + 3 * some()) }))
  await tell()
  await until('b is warned', () => b.warnings().length === 1)
  const [warning] = b.warnings()
  assert.ok(warning)
  const {
    host,
    about,
    subject,
    severity,
    state,
    corroborated,
    kind,
    value = 0,
    expected = 0,
    sigmas = 0,
  } = warning
  assert.deepEqual(
    { host, about, subject, severity, state, corroborated, kind },
    {
      ...{ host: 'a', about: 'observable', subject: 'www_in', severity: 'incident' },
      ...{ state: 'standing', corroborated: 0, kind: 'www_in_high_dev3' },
    },
  )
  assert.ok(value > 250 && expected < 40 && sigmas > 3, JSON.stringify(warning))
  assert.ok(warning.pairs === undefined && warning.raised > 0 && warning.expires > warning.raised)
  const classes = b.classes({ runs: () => true, allowed: () => false }, quorumRules).map(({ name }) => name)
  assert.deepEqual(classes, ['mesh_www_in_high_dev1', 'mesh_www_in_high_dev2', 'mesh_www_in_high_dev3'])
  await tell()
  assert.equal(changes.length, 1, 'the same again is not told again')

  await world.run(11 * 60_000, () => ({ www_in: Math.round(30 + 3 * some()) }))
  await tell()
  await until('it is over', () => b.warnings().length === 0)
  assert.deepEqual(changes, ['raised www_in_high_dev3', 'cleared www_in_high_dev3'])
})

test('what ails a host: each sign while it lasts, since when it began', () => {
  const signs = new HostSigns()
  const member = (peer: string, skewMs = 0) => ({ peer, skewMs, state: 'alive', lastHeard: 1 }) as const
  const view = (more: Partial<HostView> = {}): HostView => ({
    ...{ name: 'web-7', peer: 'me', now: 1000, certificateExpires: 90 * day },
    ...{ events: { lost: 5, seen: 900 }, disk: { share: 0.5, bytes: 1e12 } },
    members: [member('me'), member('x', 400), member('y', -300), member('z')],
    ...more,
  })
  const kinds = (more: Partial<HostView> = {}) => signs.settle(view(more)).map(({ kind }) => kind)
  assert.deepEqual(kinds(), [], 'what was lost before it was looked at is no news')
  assert.deepEqual(kinds({ events: { lost: 6, seen: 990 } }), ['sensor_gap'])
  assert.deepEqual(kinds({ events: { lost: 6, seen: 990 }, now: 500_000 }), ['sensor_gap'])
  assert.deepEqual(kinds({ events: { lost: 6, seen: 999 }, now: 700_000 }), [])
  assert.deepEqual(kinds({ events: undefined, disk: { share: 0.01, bytes: 1e8 } }), ['disk_full'])
  const [full] = signs.settle(view({ events: undefined, disk: { share: 0.001, bytes: 1e6 }, now: 9000 }))
  assert.equal(full?.severity, 'severe')
  assert.equal(full?.firstSeen, 1000, 'the same trouble')
  assert.deepEqual(
    kinds({ events: undefined, members: [member('me'), member('x', -90_000), member('y', -91_000)] }),
    ['clock_off'],
  )
  assert.deepEqual(
    kinds({ events: undefined, members: [member('me'), member('x', -90_000)] }),
    [],
    'one other may be the one that is off',
  )
  assert.deepEqual(kinds({ events: undefined, certificateExpires: 1000 + 6 * day }), ['certificate_ending'])
})
