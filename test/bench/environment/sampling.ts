/**
 * The sampler alone in a process of its own: CPU of its samples and RSS, as one line of JSON. Arguments: samples, ms
 * between them, and `busy` for a connection opened between any two, so that no table of sockets is left out.
 */
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

const mebibytes = () => Math.round(process.memoryUsage.rss() / 2 ** 20)
const bareRssMiB = mebibytes()
const { hostSampler } = await import('../../../src/environment/probes/index.ts')

const [samples = 200, apartMs = 50] = process.argv.slice(2, 4).map(Number)
const busy = process.argv[4] === 'busy'

const servers = busy
  ? ['127.0.0.1', '::1'].map((host) => createServer((socket) => socket.on('error', () => {})).listen(0, host))
  : []
const open: Socket[] = []
/** One more connection of IPv4 and of IPv6; those before are kept. */
const connectAll = () =>
  Promise.all(
    servers.map(async (server) => {
      const { address, port } = server.address() as AddressInfo
      const socket = connect(port, address)
      open.push(socket)
      await new Promise((resolve) => socket.once('connect', resolve))
    }),
  )

const sampler = hostSampler()
const milliseconds = ({ user, system }: NodeJS.CpuUsage) => (user + system) / 1000
const each: number[] = []
let observables = 0
// The first has no rates, and compiles.
const warmUp = Math.min(10, samples)
let since = process.cpuUsage()
await sleep(50)
for (let i = 0; i < warmUp + samples; i++) {
  if (i === warmUp) since = process.cpuUsage()
  const before = process.cpuUsage()
  observables = sampler.sample().values.size
  const spent = milliseconds(process.cpuUsage(before))
  if (i >= warmUp) each.push(spent)
  await connectAll()
  await sleep(apartMs)
}
const whole = milliseconds(process.cpuUsage(since))
sampler.close()
for (const socket of open) socket.destroy()
for (const server of servers) server.close()

each.sort((a, b) => a - b)
const at = (share: number) => Number(each[Math.floor(share * (each.length - 1))]!.toFixed(2))
console.log(
  JSON.stringify({
    observables,
    samples,
    apartMs,
    busy,
    cpuMsPerSample: {
      median: at(0.5),
      p95: at(0.95),
      mean: Number((each.reduce((a, b) => a + b) / samples).toFixed(2)),
    },
    /** With what the process does between: garbage collection, timers, compiling. */
    cpuMsPerSampleWholeProcess: Number((whole / samples).toFixed(2)),
    rssMiB: mebibytes(),
    /** Of Node.js alone, before any of it was loaded. */
    bareRssMiB,
  }),
)
