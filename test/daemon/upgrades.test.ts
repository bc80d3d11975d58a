/** A program whose file is another now: expected with a package manager's transaction, binary_changed without one. */
import assert from 'node:assert/strict'
import { copyFileSync, renameSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { Installed, PackageManager } from '#fleet'
import { readConfig } from '../../src/daemon/config.ts'
import { Host } from '../../src/daemon/host.ts'
import { FakeSensor, scratch } from './fake-sensor.ts'
import { until } from './fleet-hosts.ts'

const hash = (digit: string) => digit.repeat(64)

/** A manager that says what the test wants. */
class Manager implements PackageManager {
  readonly kind = 'dpkg'
  owner: Installed | undefined
  stamp = async () => '1'
  ownersOf = async (paths: readonly string[]) =>
    new Map(this.owner ? paths.map((path) => [path, this.owner as Installed] as const) : [])
}

/** A program that has run and was saved, and then runs with another content. */
async function changed(
  t: TestContext,
  owner: Installed | undefined,
  start = Date.UTC(2026, 0, 5),
  listen: string[] = [],
) {
  const folder = scratch(t)
  const program = join(folder, 'server')
  copyFileSync('/bin/true', program)
  const inode = Number(statSync(program).ino)
  const sensor = new FakeSensor()
  const manager = new Manager()
  const lines: string[] = []
  let ahead = 0
  const began = Date.now()
  const now = () => start + ahead + (listen.length > 0 ? Date.now() - began : 0)
  const host = await Host.open({
    state: join(folder, 'state'),
    config: readConfig(),
    name: 'test',
    listen,
    sensor,
    messages: { level: 4, say: (_level, line) => lines.push(line), close: () => {} },
    managers: [manager],
    now,
  })
  t.after(() => host.stop())
  // The fake's inodes are its numbers.
  sensor.appear(inode, program, hash('a'))
  sensor.call(inode, 1, 2, 3, 4, 5)
  sensor.tick()
  await host.detector?.idle()
  await host.detector?.saveAll()
  copyFileSync('/bin/false', `${program}.new`)
  renameSync(`${program}.new`, program)
  const next = Number(statSync(program).ino)
  sensor.appear(next, program, hash('b'))
  manager.owner = owner
  await host.detector?.idle()
  await new Promise((resolve) => setTimeout(resolve, 50))
  const keepHouse = async (ms: number) => {
    ahead += ms
    await host.fleet.keepHouse()
  }
  return { host, sensor, program, next, lines, keepHouse }
}

const standing = (host: Host) => host.classes.at(host.now()).some(({ name }) => name === 'binary_changed')
/** The fake's files are put there in 1970. */
const placed = 1

test('with a transaction of the package manager it is expected', async (t) => {
  const { host, lines, keepHouse, program } = await changed(t, {
    name: 'server',
    version: '2.0',
    installed: placed + 60_000,
  })
  await keepHouse(5000)
  const [change, ...more] = host.fleet.upgrades.list()
  assert.equal(more.length, 0)
  assert.deepEqual(
    [change?.binary, change?.from, change?.to, change?.verdict, change?.package?.version, change?.peers],
    [program, hash('a'), hash('b'), 'expected', '2.0', 0],
  )
  assert.equal(standing(host), false)
  assert.ok(lines.some((line) => line.includes('server 2.0 was installed then')))
})

test('without one it is binary_changed after a minute, until somebody says it was him', async (t) => {
  const { host, lines, keepHouse } = await changed(t, {
    name: 'server',
    version: '1.0',
    installed: placed + 24 * 3_600_000,
  })
  await keepHouse(5000)
  assert.equal(host.fleet.upgrades.list()[0]?.verdict, 'pending')
  assert.equal(standing(host), false)
  await keepHouse(60_000)
  const [change] = host.fleet.upgrades.list()
  assert.equal(change?.verdict, 'unexpected')
  assert.equal(standing(host), true)
  assert.match(lines.find((line) => line.startsWith('binary_changed')) ?? '', /1\.0 was installed at another/)
  await assert.rejects(host.fleet.upgrades.acknowledge('nothing'), /lymph fleet changes/)
  await host.fleet.upgrades.acknowledge(change?.id ?? '')
  assert.equal(standing(host), false)
})

test('the old profile is kept until the new one stands, and then both are compared', async (t) => {
  const { host, sensor, next, keepHouse } = await changed(t, undefined)
  await keepHouse(5000)
  assert.equal(host.operator.rows().length, 2)
  sensor.call(next, 1, 2, 3, 4, 7)
  await host.operator.act(
    { binary: host.fleet.upgrades.list()[0]?.binary ?? '', sha256: hash('b') },
    'normalize',
  )
  sensor.tick()
  await host.detector?.idle()
  await keepHouse(15_000)
  // 1 2 3 4 are the same; the last call and its 5 pairs are not.
  assert.deepEqual(
    { ...host.fleet.upgrades.list()[0]?.compared, at: 0 },
    { at: 0, distance: 1 - 20 / 30, pairs: 25, onlyOld: 5, onlyNew: 5 },
  )
})

test('a program of the same path in another mount namespace is no change of this one', async (t) => {
  const { host, sensor, program, keepHouse } = await changed(t, undefined)
  sensor.appear(424_242, program, hash('c'), 2)
  await host.detector?.idle()
  await keepHouse(5000)
  assert.deepEqual(
    host.fleet.upgrades.list().map(({ to }) => to),
    [hash('b')],
  )
})

test('the mesh is told of it, by binary, until it is acknowledged', async (t) => {
  const near = ['/ip4/127.0.0.1/tcp/0']
  // Half a minute behind, and then half a minute ahead: the mesh bears a minute.
  const { host, program, keepHouse } = await changed(t, undefined, Date.now() - 30_000, near)
  const other = await Host.open({
    state: join(scratch(t), 'other'),
    config: readConfig(),
    name: 'other',
    listen: near,
    sensor: undefined,
    messages: { level: 4, say: () => {}, close: () => {} },
    managers: [],
  })
  t.after(() => other.stop())
  await host.entry.init()
  await other.entry.join((await host.mesh.mesh.invite({})).token)
  await keepHouse(0)
  assert.deepEqual(other.mesh.warnings(), [], 'it is not decided yet')
  await keepHouse(61_000)
  const of = () => other.mesh.warnings().filter(({ about }) => about === 'file')
  await until('the other is warned', () => of().length > 0)
  const [warning] = of()
  assert.deepEqual(
    [warning?.host, warning?.kind, warning?.subject, warning?.before, warning?.sha256, warning?.severity],
    ['test', 'binary_changed', program, hash('a'), hash('b'), 'incident'],
  )
  const named = (name: string) => other.classes.at(Date.now()).some((one) => one.name === name)
  await until('it is a class there', () => named('mesh_binary_changed'))
  assert.ok(!named('mesh_binary_changed_here'), 'that file does not run there')
  await host.fleet.upgrades.acknowledge(host.fleet.upgrades.list()[0]?.id ?? '')
  await until('it is taken back', () => of().length === 0)
  await until('and the class with it', () => !named('mesh_binary_changed'))
})
