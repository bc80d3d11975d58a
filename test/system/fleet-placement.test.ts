/**
 * Eight daemons, each keeping the digests of two chosen members a program, answer as the same eight do when everybody keeps
 * everything: started once with `fleet.placement: chosen`, and once more over the same state with `everywhere`.
 */
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { profileFile, type Triple, usual } from '../daemon/fleet-hosts.ts'
import { ask, Cleanup, type Live, loopback, lymph, until } from './hosts.ts'

const names = Array.from({ length: 8 }, (_, n) => `host-${n}`)
const neighbours = 2
const program = '/opt/lymph-test/daemon'

interface FleetStatus {
  placement: string
  inventory: { members: number; rows: number }
  digests: { digests: number; pulled: number }
  plan: { neighbours: number; waiting: number }
}
interface Binary {
  binary: string
  hosts: { name: string; pairs: number; state: string }[]
  missing?: number
}
interface Comparison {
  hosts: { name: string; pairs: number }[]
  distance: Record<string, Record<string, number>>
  onlyHere: Record<string, Triple[]>
  refused: unknown[]
}

describe('fleet.placement: chosen', { concurrency: false }, () => {
  const cleanup = new Cleanup()
  const root = cleanup.folder('placement')
  const state = (name: string) => join(root, name)
  const first = state('host-0')
  const places = new Map<string, string>()
  let running: Live[] = []

  async function start(placement: string): Promise<void> {
    const config = join(root, `${placement}.yaml`)
    const shipped = readFileSync(new URL('../../config/lymph.yaml', import.meta.url), 'utf8')
    const changed = shipped
      .replace('placement: auto', `placement: ${placement}`)
      .replace('neighbours: 64', `neighbours: ${neighbours}`)
    assert.notEqual(changed, shipped)
    writeFileSync(config, changed)
    running = []
    for (const name of names) {
      const listen = places.get(name) ?? (await loopback())
      places.set(name, listen)
      const args = ['--config', config, '--host', name, '--no-sensor', '--listen', listen]
      running.push(await cleanup.up(state(name), args))
    }
  }

  const fleetOf = async (name: string) => (await ask<{ fleet: FleetStatus }>(state(name), ['status'])).fleet

  /** What the commands say on one host. */
  async function answers(on: string) {
    const binaries = await ask<Binary[]>(state(on), ['fleet', 'binaries'])
    const compare = async (how: string) => {
      const args = ['fleet', 'compare', program, how]
      const { hosts, distance, onlyHere, refused } = await ask<Comparison>(state(on), args)
      const byName = hosts.sort((a, b) => (a.name < b.name ? -1 : 1))
      return { hosts: byName, onlyHere, distance: how === '--exact' ? distance : undefined, refused }
    }
    const adopt = await lymph(['--state', state(on), '--json', 'fleet', 'adopt', program, '--dry-run'])
    return {
      binaries: binaries.map(({ binary, hosts, missing }) => ({
        ...{ binary, missing },
        hosts: hosts.map(({ name, pairs, state }) => ({ name, pairs, state })),
      })),
      exact: await compare('--exact'),
      sketches: await compare('--sketches'),
      outliers: (await ask<{ text: string }>(state(on), ['fleet', 'outliers', 'daemon'])).text,
      adopt: [adopt.code, adopt.out === '' ? adopt.err : (JSON.parse(adopt.out) as { text: string }).text],
    }
  }

  before(async () => {
    await start('chosen')
    await ask(first, ['mesh', 'init'])
    for (const name of names.slice(1)) {
      const { token } = await ask<{ token: string }>(first, ['mesh', 'invite'])
      const joined = await lymph(['--state', state(name), 'mesh', 'join', '-'], { input: token })
      assert.equal(joined.code, 0, joined.err)
    }
    // All but the last have the program, each with a pair of its own.
    for (const [n, name] of names.slice(0, -1).entries()) {
      const file = join(root, `${name}.profile`)
      writeFileSync(file, profileFile({ binary: program, pairs: [...usual, [40 + n, 1, 1]] }))
      const imported = await lymph(['--state', state(name), 'profile', 'import', file])
      assert.equal(imported.code, 0, imported.err)
    }
  })
  after(() => cleanup.end())

  let chosen: Awaited<ReturnType<typeof answers>>

  it('each keeps what two others have, and knows who has it', async () => {
    for (const [n, name] of names.entries()) {
      const has = n < names.length - 1
      const fleet = await until(
        `${name} keeps its neighbours\u2019 digests`,
        async () => {
          const now = await fleetOf(name)
          const told = now.inventory.members === (has ? names.length - 2 : names.length - 1)
          return told && now.plan.neighbours === (has ? neighbours : 0) && now.plan.waiting === 0
            ? now
            : undefined
        },
        90,
      )
      assert.equal(fleet.placement, 'chosen')
      assert.equal(fleet.digests.pulled, fleet.digests.digests, 'none was gossiped')
      assert.ok(fleet.digests.digests < names.length - 2)
    }
  })

  it('commands fetch what they need, on a host that has the program and on one that has not', async () => {
    chosen = await answers('host-0')
    const [binary] = chosen.binaries
    assert.equal(binary?.hosts.length, names.length - 1)
    assert.equal(binary?.missing, undefined)
    assert.deepEqual(
      chosen.exact.hosts.map(({ name }) => name),
      names.slice(0, -1),
    )
    assert.deepEqual(chosen.exact.refused, [])
    for (const name of names.slice(0, -1)) assert.equal(chosen.exact.onlyHere[name]?.length, 1, name)
    const apart = chosen.exact.distance?.['host-1']?.['host-2'] as number
    // 60 pairs written, some of them the same; one of each host's own.
    const shared = new Set(usual.map(String)).size
    assert.equal(apart.toFixed(9), (2 / (shared + 2)).toFixed(9))
    const other = await ask<Comparison>(state('host-7'), ['fleet', 'compare', 'daemon', '--exact'])
    assert.equal(other.hosts.length, names.length - 1)
  })

  it('and say the same as where everybody keeps everything', async () => {
    await Promise.all(running.map((live) => live.end()))
    await start('everywhere')
    for (const name of names)
      await until(
        `${name} has all digests`,
        async () => {
          const { placement, digests } = await fleetOf(name)
          assert.equal(placement, 'everywhere')
          return digests.digests >= (name === 'host-7' ? names.length - 1 : names.length - 2)
            ? true
            : undefined
        },
        90,
      )
    assert.deepEqual(await answers('host-0'), chosen)
  })

  it('a host that is away is named where its profile cannot be had', async () => {
    await running[5]?.end()
    const { hosts, refused } = await ask<{ hosts: { name: string }[]; refused: { name: string }[] }>(first, [
      ...['fleet', 'compare', program, '--exact'],
    ])
    assert.equal(hosts.length, names.length - 2)
    assert.deepEqual(
      refused.map(({ name }) => name),
      ['host-5'],
    )
  })
})
