/** Loading the eBPF program while signals arrive, as they do when children end: the verifier gives up, the loader not. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { KernelSensor } from '#sensor/kernel'
import { noKernel, settings } from '../sensor/kernel/available.ts'

const skip = (await noKernel()) ?? false

it('a burst of signals is no refusal of the program', { skip }, async () => {
  const burst = 'n=0; while [ $n -lt 1000 ]; do kill -CHLD $PPID; n=$((n+1)); done'
  for (let n = 0; n < 12; n++) {
    const child = spawn('sh', ['-c', burst], { stdio: 'ignore' })
    const ended = once(child, 'close')
    await sleep(2)
    const sensor = new KernelSensor({ sizes: { profiles: 128, rows: 2048 } })
    await assert.doesNotReject(sensor.start(settings, []))
    await sensor.stop()
    await ended
  }
})
