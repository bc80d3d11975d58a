/** Hosts of one mesh in one process, each with a profile that others may ask for; no sensor. */
import { join } from 'node:path'
import {
  encodeProfile,
  type PairSupport,
  PairTable,
  type ProfileRecord,
  pairCode,
  rowsOf,
} from '#homeostasis'
import type { Abi } from '#syscalls'
import { readConfig } from '../../src/daemon/config.ts'
import { Host } from '../../src/daemon/host.ts'
import { type FakeSensor, scratch } from './fake-sensor.ts'

export const nginx = '/usr/sbin/nginx'
export const sha256 = 'ab'.repeat(32)
const day = 24 * 3_600_000

export type Triple = [current: number, previous: number, distance: number]
/** So many pairs of a small program; the same on every host. */
export const usual: Triple[] = Array.from({ length: 60 }, (_, n) => [n % 12, (n * 7) % 12, 1 + (n % 5)])

export interface Shape {
  binary?: string
  pairs: Triple[]
  window?: number
  abi?: Abi
  normal?: boolean
  /** How long ago learning began. */
  age?: number
  support?: PairSupport
  /** The config says that nothing is told of it. */
  hidden?: boolean
  familiar?: 'tell' | 'quiet' | 'learn'
  page?: 'always' | 'recurring'
  placement?: 'auto' | 'everywhere' | 'chosen'
  neighbours?: number
}

export function profileFile({
  binary = nginx,
  pairs,
  window = 6,
  abi = 'x86-64',
  normal = true,
  age = 3 * day,
  support,
}: Shape) {
  const table = new PairTable()
  for (const [current, previous, distance] of pairs) table.add(current, previous, distance)
  const now = Date.now()
  const record: ProfileRecord = {
    key: { binary, abi, window, sha256 },
    empty: 'symbol',
    tables: {
      calls: 100_000,
      train: { sequences: 50, trainCount: 100_000, lastModCount: 90_000 },
      test: { sequences: 0, trainCount: 0, lastModCount: 0 },
      anomalies: 0,
      normal,
      rows: rowsOf(table, normal ? table : new PairTable()),
    },
    frozen: normal,
    normalTime: 0,
    since: now - age,
    made: now - 1000,
    names: new Map(),
    about: {},
    ...(support ? { support: new Map(pairs.map(([c, p, d]) => [pairCode(c, p, d), support])) } : {}),
  }
  return encodeProfile(record)
}

interface Test {
  after: (end: () => void | Promise<void>) => void
}

/** The first founds the mesh; all are connected to all when it resolves. */
export async function fleetOf(
  t: Test,
  names: string[],
  shape: (name: string) => Shape | undefined,
  clock: { aheadMs: number } = { aheadMs: 0 },
  sensorOf: (name: string) => FakeSensor | undefined = () => undefined,
): Promise<Host[]> {
  const hosts: Host[] = []
  t.after(async () => {
    await Promise.all(hosts.map((host) => host.stop()))
  })
  for (const name of names) {
    const host = await Host.open({
      state: join(scratch(t as never), name),
      config: {
        ...readConfig(),
        environment: { ...readConfig().environment, enabled: false },
        fleet: {
          adopt: 'ask',
          familiar: shape(name)?.familiar ?? 'tell',
          page: shape(name)?.page ?? 'always',
          private: shape(name)?.hidden ? [nginx] : [],
          placement: shape(name)?.placement ?? 'everywhere',
          neighbours: shape(name)?.neighbours ?? 64,
        },
      },
      name,
      listen: ['/ip4/127.0.0.1/tcp/0'],
      sensor: sensorOf(name),
      now: () => Date.now() + clock.aheadMs,
      messages: { level: 4, say: () => {}, close: () => {} },
      managers: [],
    })
    hosts.push(host)
    const wanted = shape(name)
    if (wanted) await host.operator.import(profileFile(wanted))
    if (hosts.length === 1) await host.entry.init()
    else await host.entry.join((await (hosts[0] as Host).mesh.mesh.invite({})).token)
  }
  await until('all are connected to all', () =>
    hosts.every(
      ({ mesh }) => mesh.mesh.members().filter(({ connected }) => connected).length >= names.length - 1,
    ),
  )
  for (const host of hosts) await host.fleet.keepHouse()
  // An inventory is told when nothing is left to sign.
  for (const host of hosts) await host.fleet.keepHouse()
  const tells = (name: string) => shape(name) !== undefined && !shape(name)?.hidden
  const told = hosts.filter(({ name }) => tells(name)).length
  await until('all have told one another', () =>
    hosts.every(({ mesh, name }) => {
      const known = new Set([...mesh.digests.all()].map(({ peer }) => peer))
      for (const peer of mesh.placed?.inventory.members() ?? []) known.add(peer)
      return known.size >= told - (tells(name) ? 1 : 0)
    }),
  )
  return hosts
}

export async function until(what: string, holds: () => boolean, seconds = 30): Promise<void> {
  for (const end = Date.now() + seconds * 1000; Date.now() < end; ) {
    if (holds()) return
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  throw new Error(`${what}: not within ${seconds} s`)
}
