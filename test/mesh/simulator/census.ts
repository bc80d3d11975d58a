/** What a world holds just now: heap after a collection, handles, and how many there are of whatever is kept by name or number. */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { type Point, type Tolerance, type Trend, trendOf } from './trend.ts'
import type { World } from './world.ts'

const mebi = 1024 * 1024

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

/** Gauges that count what was, not what is. */
const counting = new Set(['syncBytesSent', 'capped'])

export type Census = Record<string, number>

/** Heap and buffers in MiB, handles, timers, then every gauge of the mesh, every map and set of gossip, and the keys in the stores, summed over hosts. */
export async function census(world: World): Promise<Census> {
  collect()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  const active = process.getActiveResourcesInfo()
  const timers = active.filter((kind) => kind === 'Timeout' || kind === 'Immediate').length
  const out: Census = {
    heapMiB: heapUsed / mebi,
    buffersMiB: arrayBuffers / mebi,
    handles: active.length - timers,
    timers,
  }
  const add = (name: string, value: number) => {
    out[name] = (out[name] ?? 0) + value
  }
  for (const { node } of world.alive) {
    for (const [name, value] of Object.entries(node.status().gauges))
      if (!counting.has(name)) add(`mesh.${name}`, value)
    for (const [name, value] of Object.entries(node.host.services.pubsub)) {
      const size = sizeOf(value)
      if (size !== undefined) add(`gossip.${name}`, size)
    }
  }
  for (const actor of world.actors) for await (const _ of actor.store.list()) add('stored', 1)
  return out
}

/** Entries of a map or set, and of those in it. */
function sizeOf(value: unknown): number | undefined {
  if (value instanceof Set) return value.size
  if (!(value instanceof Map)) return undefined
  let size = value.size
  for (const inner of value.values()) size += sizeOf(inner) ?? 0
  return size
}

const tolerances: Record<string, Tolerance> = {
  heapMiB: { share: 0.1, least: 4 },
  // Streams and signals that wait for a timer of their own keep some for half a minute of real time.
  buffersMiB: { share: 0.2, least: 8 },
  handles: { share: 0.25, least: 20 },
  // Each dial, sync and question has one for its time limit: there are as many as is going on just now.
  timers: { share: 1, least: 150 },
}
const ofMaps: Tolerance = { share: 0.25, least: 40 }

export interface Sample {
  /** Simulated hours. */
  at: number
  /** Real ms since the beginning. */
  after: number
  census: Census
}

/** What libp2p keeps longest: only then is there as much of it as there ever will be. */
const longestMs = 130_000

/**
 * How each has gone since the warm-up was over: the first quarter; of a run long enough two minutes, but no more than half of it.
 * `heapShare`: how much heap may go up and down. Gossip keeps what it scores of each message for two minutes of real time, so in a
 * long run it goes with how busy the machine is.
 */
export function trendsOf(samples: readonly Sample[], heapShare = 0.1): Record<string, Trend> {
  const warm = samples.filter(({ after }) => after < longestMs).length
  const quarter = samples.length / 4
  const from = warm === samples.length ? quarter : Math.max(quarter, Math.min(warm, 2 * quarter))
  const settled = samples.slice(Math.floor(from))
  const names = new Set(settled.flatMap(({ census }) => Object.keys(census)))
  const trends: Record<string, Trend> = {}
  for (const name of names) {
    const points: Point[] = settled.map(({ at, census }) => ({ at, value: census[name] ?? 0 }))
    const tolerance = tolerances[name] ?? ofMaps
    trends[name] = trendOf(points, name === 'heapMiB' ? { ...tolerance, share: heapShare } : tolerance)
  }
  return trends
}
