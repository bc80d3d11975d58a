/**
 * `npm run bench -- mesh-churn [--hosts N] [--hours H] [--speed X] [--seed S]`: a simulated day (24 h) of hosts that come, go, part and
 * speak, at 240 times the clock. A line a simulated hour and a table of fitted slopes on standard error, one JSON object on standard
 * output; exit 1 where something grows, or the machine
 * was too busy to live the day (less than half of the signs of life heard). What runs by the fast clock: signs of life, syncs, silence, expiry, wandering, waits between
 * dials. What does not: libp2p's own timers (gossip's heartbeat, pings) and handshakes, which pass as in `hours / speed` real hours.
 */
import { parseArgs } from 'node:util'
import { churning } from '../mesh/simulator/churn.ts'

const option = (value: string) => ({ type: 'string', default: value }) as const
const { values } = parseArgs({
  args: process.argv.slice(2),
  options: { hosts: option('6'), hours: option('24'), speed: option('240'), seed: option('1') },
})
const [hosts, hours, speed, seed] = [values.hosts, values.hours, values.speed, values.seed].map(Number) as [
  number,
  number,
  number,
  number,
]
const began = performance.now()
const cpu = process.cpuUsage()
let told = -1
const { outcome, trends, keptUp, samples } = await churning({
  hosts,
  hours,
  speed,
  seed,
  sampled(at, now) {
    if (Math.floor(at) === told) return
    told = Math.floor(at)
    const maps = Object.entries(now).reduce((sum, [name, n]) => sum + (/[.]|stored/.test(name) ? n : 0), 0)
    console.error(
      `hour ${String(told).padStart(2)}: heap ${now.heapMiB?.toFixed(1)} MiB, buffers ${now.buffersMiB?.toFixed(1)} MiB, ${now.handles} handles, ${now.timers} timers, ${maps} entries in maps`,
    )
  },
})
console.error(
  `\n${'what'.padEnd(32)}${'median'.padStart(10)}${'an hour'.padStart(12)}${'z'.padStart(7)}  verdict`,
)
for (const [name, { median, slope, z, grows }] of Object.entries(trends))
  if (grows || median > 0)
    console.error(
      `${name.padEnd(32)}${median.toFixed(1).padStart(10)}${slope.toFixed(3).padStart(12)}${z.toFixed(1).padStart(7)}  ${grows ? 'GROWS' : 'flat'}`,
    )
const { user, system } = process.cpuUsage(cpu)
const round = (value: number) => Math.round(value * 1000) / 1000
const series = Object.fromEntries(
  ['heapMiB', 'buffersMiB', 'handles', 'timers'].map((name) => [
    name,
    samples.map(({ census }) => Math.round((census[name] ?? 0) * 10) / 10),
  ]),
)
console.log(
  JSON.stringify({
    bench: 'mesh-churn',
    node: process.versions.node,
    hosts,
    hours,
    speed,
    seed,
    realSeconds: Math.round((performance.now() - began) / 1000),
    cpuSeconds: Math.round((user + system) / 1e6),
    keptUp,
    trends: Object.fromEntries(
      Object.entries(trends).map(([name, { median, slope, z, grows }]) => [
        name,
        { median: round(median), slope: round(slope), z: round(z), grows },
      ]),
    ),
    series,
    ...outcome.notes,
  }),
)
// Of a mesh that had no time to do what a day brings, nothing is shown.
const lived = keptUp >= 0.5
if (!lived)
  console.error(
    `only ${Math.round(keptUp * 100)} % of the signs of life were heard: the clock is too fast for this machine now; run it with a lower --speed`,
  )
process.exit(outcome.notes.grown === 'nothing' && outcome.notes.same === true && lived ? 0 : 1)
