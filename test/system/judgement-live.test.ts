/**
 * The judgement of live programs, through the daemon and the kernel: a learned but rare path that is taken far more
 * often than ever is an incident without one new pair; what was learned outlives a kill -9.
 */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { chmodSync, copyFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { noKernel } from '../sensor/kernel/available.ts'
import { ask, Cleanup, type Live, loopback, lymph, until } from './hosts.ts'

const skip = (await noKernel()) ?? false

interface Row {
  binary: string
  state: string
  units: number
  m: number
  anomalies: number
}
interface Line {
  id: string
  binary: string
  severity: string
  state: string
  anomalous: number
  maxLfc: number
  pairs: unknown[]
  bits: number | null
  parts: { part: string; bits: number }[]
  windows: { part: string; call: number; calls: string[] }[]
  edge: { parent: string; started: string } | null
  m: number | null
  q: number | null
}

describe('the judgement of live programs', { skip }, () => {
  const cleanup = new Cleanup()
  after(() => cleanup.end())
  const folder = skip ? '' : cleanup.folder('judged')
  const state = join(folder, 'state')
  const find = join(folder, 'find')
  const tree = join(folder, 'tree')
  let up: Live

  const start = async () => cleanup.up(state, ['--host', 'alpha', '--listen', await loopback()])
  const row = async () => (await ask<Row[]>(state, ['profile', 'list'])).find(({ binary }) => binary === find)
  const incidents = async () =>
    (await ask<Line[]>(state, ['incident', 'list'])).filter(({ binary }) => binary === find)
  const units = (count: number) =>
    until(`${count} units`, async () => {
      const there = await row()
      return there && there.units >= count ? there : undefined
    })
  const usual = (i: number) => execFileSync(find, [tree, '-name', `no-${i}`])
  const files = (count: number) => {
    for (let i = 0; i < count; i++) writeFileSync(join(tree, `file-${i}`), '')
  }
  /** The rare path: what it finds is deleted. */
  const rare = () => execFileSync(find, [tree, '-type', 'f', '-delete'])

  it('a learned but rare path, far more often than ever, is an incident though nothing of it is new', async () => {
    copyFileSync('/usr/bin/find', find)
    chmodSync(find, 0o755)
    mkdirSync(tree)
    up = await start()
    for (let i = 0; i < 4; i++) usual(i)
    files(40)
    rare()
    for (let i = 0; i < 120; i++) usual(i)
    await units(125)
    await ask(state, ['profile', 'normalize', find])
    await until('a yardstick', async () => ((await row())?.m ?? 0) >= 50 || undefined)
    for (let i = 0; i < 10; i++) usual(i)
    await units(135)
    assert.deepEqual(await incidents(), [])
    for (let i = 0; i < 12; i++) {
      files(40)
      rare()
    }
    await units(147)
    const [incident, ...others] = await incidents()
    assert.ok(incident && others.length === 0, 'one incident for all of them')
    assert.deepEqual([incident.anomalous, incident.maxLfc, incident.pairs], [0, 0, []])
    assert.ok(['incident', 'severe'].includes(incident.severity), incident.severity)
    assert.ok((incident.bits ?? 0) >= 8)
    assert.ok(incident.parts.some(({ part }) => part === 'r' || part === 's'))
    assert.ok((incident.m ?? 0) >= 50 && incident.q !== null)
    assert.ok(
      incident.windows.some(({ calls }) => calls.includes('unlinkat')),
      JSON.stringify(incident.windows),
    )
    const { anomalies } = (await row())!
    assert.equal(anomalies, 0, 'pH finds nothing new')
    const shown = await lymph(['--state', state, 'incident', 'show', incident.id])
    assert.match(shown.out, /unlinkat/)
    console.log(
      `# ${incident.severity}, ${incident.bits} bits, ${JSON.stringify(incident.parts)}, m ${incident.m}`,
    )
  })

  it('a program that it never started before is told with what started it', async () => {
    const before = (await incidents()).length
    const shell = '/bin/echo'
    for (let i = 0; i < 3; i++) execFileSync(find, [tree, '-maxdepth', '0', '-exec', shell, '{}', ';'])
    const told = await until('the edge', async () => (await incidents()).find(({ edge }) => edge !== null))
    assert.equal(told.edge?.parent, find)
    assert.match(told.edge?.started ?? '', /echo|coreutils|busybox/)
    assert.ok(before <= (await incidents()).length)
  })

  it('units, yardstick and what waits are there again after kill -9, but for the last 30 s', async () => {
    const { units: had, m } = (await row())!
    await new Promise((resolve) => setTimeout(resolve, 32_000))
    up.process.kill('SIGKILL')
    await up.ended
    up = await start()
    const again = await units(had)
    assert.ok(again.m === m && again.units >= had)
  })
})
