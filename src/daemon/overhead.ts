/** What watching costs: measured for a second on request, since measuring itself costs. */
import { availableParallelism } from 'node:os'
import { type Sensor, SensorClient, type SensorTotals } from '#sensor'
import { DaemonError } from './errors.ts'

const patienceMs = 5000

/**
 * The sensor's totals; with the kernel sensor `runs`, `runTimeNs`, `callsPerSecond` and `nsPerCall` of one second, and
 * `cpuShare` of all processors (0..1).
 * @param totals what the last tick told
 * @throws DaemonError when the sensor does not tick
 */
export async function measureOverhead(
  sensor: Sensor | undefined,
  totals: () => SensorTotals | undefined,
): Promise<Record<string, unknown>> {
  const before = totals()
  if (!before || !(sensor instanceof SensorClient)) return { ...before, nsPerCall: null, cpuShare: null }
  await sensor.measure(true)
  try {
    const from = await next(totals, before)
    const began = performance.now()
    const to = await next(totals, from)
    const elapsedNs = (performance.now() - began) * 1e6
    const runs = to.runs - from.runs
    const runTimeNs = to.runTimeNs - from.runTimeNs
    return {
      ...to,
      runs,
      runTimeNs,
      callsPerSecond: Math.round(((to.seen - from.seen) / elapsedNs) * 1e9),
      nsPerCall: runs > 0 ? runTimeNs / runs : null,
      cpuShare: runTimeNs / (elapsedNs * availableParallelism()),
    }
  } finally {
    await sensor.measure(false)
  }
}

async function next(totals: () => SensorTotals | undefined, last: SensorTotals): Promise<SensorTotals> {
  for (const end = Date.now() + patienceMs; Date.now() < end; ) {
    const now = totals()
    if (now && now !== last) return now
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  throw new DaemonError(
    `the sensor has told nothing for ${patienceMs / 1000} seconds: see lymph status`,
    DaemonError.exitCodes.degraded,
  )
}
