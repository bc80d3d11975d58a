/** What the daemon makes of its environment: offenders by their system calls, the files for CFEngine. */
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { ClassBoard } from '#classes'
import { type DetectorFigures, SLOT_MS } from '#environment'
import { readConfig } from '../../../src/daemon/config.ts'
import { EnvironmentLink } from '../../../src/daemon/environment/link.ts'
import { MemoryKeyValue, noise, World } from '../../environment/watch/world.ts'
import { scratch } from '../fake-sensor.ts'

const nginx = '/usr/sbin/nginx'

/** Two days of nginx at 1000 calls in 10 s, and a link that goes on from there, a sample a second. */
async function linked(t: TestContext, calls: () => number, folder = scratch(t)) {
  const keep = new MemoryKeyValue()
  const until = Math.floor(Date.now() / SLOT_MS) * SLOT_MS
  const world = new World(keep, { now: until - 2 * 86_400_000 })
  await world.environment.open()
  const some = noise(3)
  await world.run(2 * 86_400_000 + 10_000, () => ({ ph_usr_sbin_nginx: 1000 + 20 * some() }))
  await world.environment.close()

  const classes = new ClassBoard()
  const { environment } = readConfig()
  const figures = (): DetectorFigures => ({
    anomalies: 0,
    abnormalProcesses: 0,
    newBinaries: 0,
    delayed: 0,
    callsByBinary: new Map([[nginx, calls()]]),
  })
  const lines: string[] = []
  const link = new EnvironmentLink({
    config: {
      ...environment,
      intervalMs: 1000,
      probes: { ...environment.probes, binaries: [nginx] },
      handOver: [{ format: 'module', folder, name: 'lymph.classes', monitordNames: false }],
    },
    keep,
    classes,
    messages: { level: 4, say: (_level, line) => lines.push(line), close: () => {} },
    now: Date.now,
    figures: async () => figures(),
    processesOf: async (binary) => (binary === nginx ? [41, 42] : []),
    onReport: () => {},
  })
  t.after(() => link.stop())
  await link.start()
  return { link, classes, lines, folder }
}

async function until(what: string, holds: () => boolean): Promise<void> {
  for (const end = Date.now() + 20_000; !holds(); await pause(50))
    assert.ok(Date.now() < end, `${what}: not within 20 s`)
}

test('a binary that makes far more calls than ever raises ph_load_anomaly, with its processes', async (t) => {
  let count = 0
  let rate = 100
  const began = Date.now()
  let last = began
  const { link, classes } = await linked(t, () => {
    const now = Date.now()
    count += (rate * (now - last)) / 1000
    last = now
    return count
  })
  const holds = (name: string) => classes.holds(name, Date.now())
  await until('nginx is measured', () =>
    link.rows().some(({ name, at }) => name === 'ph_usr_sbin_nginx' && (at ?? 0) > began),
  )
  await pause(2500)
  assert.ok(!holds('ph_load_anomaly'), 'at its usual rate')

  rate = 5000
  await until('ph_load_anomaly', () => holds('ph_load_anomaly') && link.load().length > 0)
  assert.ok(holds('ph_usr_sbin_nginx_high_anomalous'))
  const [load] = link.load()
  assert.deepEqual(
    { ...load, at: 0 },
    { binary: nginx, observable: 'ph_usr_sbin_nginx', direction: 'high', at: 0, pids: [41, 42] },
  )
  // It stands until an agent run has dealt with it; with the class its offenders go.
  rate = 100
  await pause(3000)
  assert.ok(holds('ph_load_anomaly'))
  classes.unset('ph_load_anomaly')
  assert.deepEqual(link.load(), [])
})

test('the hand-over is written with every sample and taken away at the end', async (t) => {
  const { link, classes, folder } = await linked(t, () => 0)
  const file = join(folder, 'lymph.classes')
  await until('the file', () => existsSync(file))
  classes.set('of_our_own', 'test', 60_000, Date.now())
  await until('the class', () => readFileSync(file, 'utf8').includes('\n+of_our_own\n'))
  classes.unset('of_our_own')
  await until('its end', () => readFileSync(file, 'utf8').includes('\n-of_our_own\n'))
  await link.stop()
  assert.ok(!existsSync(file))
})

test('a folder that cannot be written to is said, and measuring goes on', async (t) => {
  const folder = scratch(t)
  mkdirSync(join(folder, 'lymph.classes'))
  const { link, lines } = await linked(t, () => 0, folder)
  await until('the line', () => lines.some((line) => /hand-over .*a folder has this name/.test(line)))
  const before = link.rows().find(({ name }) => name === 'loadavg')?.at ?? 0
  await until('another sample', () => (link.rows().find(({ name }) => name === 'loadavg')?.at ?? 0) > before)
  await pause(2500)
  assert.equal(lines.filter((line) => line.startsWith('hand-over')).length, 1, 'said once')
})
