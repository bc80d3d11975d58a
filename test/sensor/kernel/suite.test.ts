/** The suite of every sensor, on the kernel sensor in this process and on the sensor process behind its client. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { after } from 'node:test'
import { SensorClient } from '#sensor'
import { KernelSensor } from '#sensor/kernel'
import { makeProgram, noPlayer, playerArguments, type Step } from '../player.ts'
import { sensorSuite } from '../suite.ts'
import { noKernel, scratch } from './available.ts'

const skip = (await noKernel()) ?? noPlayer()
const folder = scratch()
after(() => rmSync(folder, { recursive: true, force: true }))

const path = (name: string) => makeProgram(folder, name)

/**
 * In a process group of its own: the sensor never stops its own group. At the same addresses each time: on arm64 the
 * dynamic linker makes other calls where a library happens to fall on its alignment.
 */
async function play(name: string, steps: readonly Step[]): Promise<void> {
  const command = ['-R', path(name), ...playerArguments(steps)]
  const program = spawn('setarch', command, { stdio: 'ignore', detached: true })
  const [code] = await once(program, 'exit')
  assert.equal(code, 0)
}

sensorSuite(
  'kernel, in this process',
  {
    delays: true,
    identifies: true,
    async make(settings, saved, listen) {
      const sensor = new KernelSensor({ sizes: { profiles: 256, rows: 4096 }, tickMs: 100 })
      sensor.onEvent(listen)
      await sensor.start(settings, saved)
      return { sensor, path, play, stop: () => sensor.stop() }
    },
  },
  skip,
)

let worlds = 0

sensorSuite(
  'kernel, over the socket',
  {
    delays: true,
    identifies: true,
    async make(settings, saved, listen) {
      const socket = join(folder, `sensor-${++worlds}.sock`)
      const main = join(import.meta.dirname, '../../../src/sensor/kernel/main.ts')
      const sensorProcess = spawn(process.execPath, [main, '--socket', socket], {
        cwd: folder,
        stdio: ['pipe', 'ignore', 'inherit'],
        detached: true,
      })
      const sensor = new SensorClient(socket)
      sensor.onEvent(listen)
      await sensor.start(settings, saved)
      return {
        sensor,
        path,
        play,
        async stop() {
          await sensor.stop()
          if (sensorProcess.exitCode !== null) return
          const exit = once(sensorProcess, 'exit')
          sensorProcess.kill('SIGTERM')
          const [code] = await exit
          assert.equal(code, 0)
        },
      }
    },
  },
  skip,
)
