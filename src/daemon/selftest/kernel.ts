/** The self-test with the kernel sensor: as root, all of the way that a real anomaly takes. */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'
import { SensorClient } from '#sensor'
import { DaemonError } from '../errors.ts'
import { sensorMain } from '../up/sensor-child.ts'
import { until, usual, type Watching } from './helper.ts'

const run = promisify(execFile)
const runs = 40

/** @throws DaemonError where the sensor does not start */
export async function kernelWatching(helper: string, state: string): Promise<Watching> {
  const child = await startSensor(state)
  return {
    told: 'eBPF program loaded; every process of this host is watched',
    sensor: new SensorClient(join(state, 'sensor.sock')),
    async learn(host) {
      for (let i = 0; i < runs; i++) await run(helper, ['-c', usual])
      const { pairs, counters } = await until('learned', () =>
        host.detector?.live
          .find({ binary: helper })
          .find(({ ready, file, counters }) => ready && file && counters),
      )
      return { calls: counters?.calls ?? 0, pairs }
    },
    normalize: async (host) => void (await host.operator.act({ binary: helper }, 'normalize')),
    run: async (_, script) => void (await run(helper, ['-c', script])),
    async close() {
      child.kill('SIGTERM')
      if (child.exitCode === null && child.signalCode === null)
        await new Promise((resolve) => child.once('exit', resolve))
    },
  }
}

/** A sensor of the self-test's own, which ends with it. */
async function startSensor(state: string): Promise<ChildProcess> {
  const args = [sensorMain, '--socket', 'sensor.sock', '--owner', '0:0', '--supervisor-fd', '3']
  const child = spawn(process.execPath, args, {
    cwd: state,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
  })
  const lines: string[] = []
  await new Promise<void>((resolve, reject) => {
    child.once('exit', (code) =>
      reject(new DaemonError(`the sensor ended with ${code}: ${lines.join('; ')}: see lymph doctor`, 4)),
    )
    child.once('error', reject)
    for (const stream of [child.stdout, child.stderr])
      if (stream)
        createInterface({ input: stream }).on('line', (line) => {
          if (lines.length < 20) lines.push(line)
          if (line.includes('ready')) resolve()
        })
  })
  return child
}
