/**
 * What 100 observables that have 8 weeks behind them take: bytes in the store and on the disk, and the RSS of a daemon
 * that has read them. One line of JSON.
 */
import { spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { prepareState } from '../../../src/daemon/index.ts'
import { ObservableModel, SLOT_MS, SlotClock } from '../../../src/environment/index.ts'
import { RunningMinute } from '../../../src/environment/model/minute.ts'
import { EnvironmentKeep } from '../../../src/environment/watch/keep.ts'
import { openStore } from '../../../src/store/index.ts'

const observables = 100
const samples = 16_128
const roundSlots = 80
const lymph = new URL('../../../src/cli/main.ts', import.meta.url).pathname
const folder = mkdtempSync(join(tmpdir(), 'lymph-bench-'))
const mib = (bytes: number) => Number((bytes / 2 ** 20).toFixed(1))

function bytesUnder(path: string): number {
  let bytes = 0
  for (const entry of readdirSync(path, { withFileTypes: true })) {
    const name = join(path, entry.name)
    bytes += entry.isDirectory() ? bytesUnder(name) : statSync(name).size
  }
  return bytes
}

/** VmRSS of a daemon on this state after `seconds`, KiB. */
async function rssOf(state: string, seconds: number): Promise<number> {
  const daemon = spawn(process.execPath, [lymph, '--state', state, 'daemon', '--no-sensor'], {
    stdio: 'ignore',
  })
  try {
    await sleep(seconds * 1000)
    return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${daemon.pid}/status`, 'utf8'))?.[1])
  } finally {
    const ended = new Promise((resolve) => daemon.once('exit', resolve))
    daemon.kill('SIGTERM')
    await ended
  }
}

try {
  const clock = new SlotClock('UTC')
  const end = Math.floor(Date.now() / SLOT_MS) * SLOT_MS
  const begin = end - samples * SLOT_MS
  let seed = 1
  const uniform = () => {
    seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0
    return seed / 2 ** 32
  }
  const all = new Map(
    Array.from({ length: observables }, (_, i) => {
      const model = new ObservableModel(clock)
      // A quarter of them counts that are mostly 0, the rest figures with all their digits, as on a host.
      for (let n = 0; n < samples - roundSlots; n++)
        model.step(begin + n * SLOT_MS, i % 4 === 0 ? Math.floor(uniform() * 1.1) : 100 + 10 * uniform())
      return [`observable_${i}`, { model, minute: new RunningMinute() }] as const
    }),
  )
  const state = prepareState(join(folder, 'full'))
  const store = await openStore(join(state, 'store'), { now: Date.now, log: () => {} })
  const keep = new EnvironmentKeep(store.keyValue('environment'))
  for (let n = samples - roundSlots; n < samples; n++) {
    const at = begin + n * SLOT_MS
    const means = new Map([...all.keys()].map((name) => [name, 100 + 10 * uniform()]))
    for (const [name, { model }] of all) model.step(at, means.get(name) as number)
    await keep.prepare(at, means, all, {})()
  }
  let stored = 0
  for await (const [key, value] of store.keyValue('environment').list()) stored += key.length + value.length
  await store.close()
  const onDisk = bytesUnder(join(state, 'store'))
  prepareState(state)
  console.log(
    JSON.stringify({
      observables,
      weeks: 8,
      storedMiB: mib(stored),
      onDiskMiB: mib(onDisk),
      daemonRssMiB: mib((await rssOf(state, 25)) * 1024),
      daemonRssEmptyMiB: mib((await rssOf(prepareState(join(folder, 'empty')), 25)) * 1024),
    }),
  )
} finally {
  rmSync(folder, { recursive: true, force: true })
}
