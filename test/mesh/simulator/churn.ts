/**
 * Hosts that come, go and speak, for a day: heap, handles, gauges and maps are counted all along, and what grows has no bound.
 * Once an hour one dies and comes back twenty minutes later; every four hours the mesh is parted for half an hour.
 */
import { type Census, census, type Sample, trendsOf } from './census.ts'
import { Meter, type Outcome } from './measure.ts'
import type { Size } from './scenarios.ts'
import type { Trend } from './trend.ts'
import { World } from './world.ts'

const hour = 3_600_000
/** A simulated hour is so many steps: something is said at each. */
const steps = 60
/** Of each host; soon all have been spoken of, so that nothing grows for being new. */
const subjects = 5

export interface Churned {
  outcome: Outcome
  samples: Sample[]
  trends: Record<string, Trend>
  /** Signs of life heard, of those that hosts which were up should have heard: below 0.8 the clock was too fast for this machine. */
  keptUp: number
}

export interface ChurnSize extends Size {
  /** Looked at so many times an hour. */
  samplesAnHour?: number
  sampled?: (at: number, census: Census) => void
}

export async function churning(size: ChurnSize): Promise<Churned> {
  const { hosts, seed, speed = 240, hours = 24, samplesAnHour = 3, sampled } = size
  // What the world itself keeps of what happened would be all that grows.
  const world = await World.make({ hosts, seed, speed, kept: 100 })
  try {
    await world.formed()
    const meter = new Meter(world)
    const samples: Churned['samples'] = []
    let [heard, due, before] = [0, 0, 0]
    for (const actor of world.actors) actor.heard = () => void heard++
    for (const { node } of world.alive)
      for (let i = 0; i < subjects; i++) await node.publish('semaphore', `k${i}`, null, hour)
    const [began, started] = [world.now(), performance.now()]
    for (let i = 0; i < hours * steps; i++) {
      const at = began + (i / steps) * hour
      if (at > world.now()) await world.pass(at - world.now())
      const now = (world.now() - began) / hour
      due += pairs(world) * (now - before) * 60
      before = now
      await one(world, i)
      if (i % Math.round(steps / samplesAnHour) !== 0) continue
      samples.push({ at: now, after: performance.now() - started, census: await census(world) })
      sampled?.(now, samples.at(-1)?.census as Census)
    }
    const keptUp = Math.round((heard / Math.max(1, due)) * 100) / 100
    world.heal()
    for (const actor of world.actors) if (actor.node === undefined) await world.up(actor)
    await world.formed()
    const same = await world.until(() => world.equal(), 30_000)
    const trends = trendsOf(samples, hours > 6 ? 0.25 : undefined)
    const grown = Object.keys(trends).filter((name) => trends[name]?.grows)
    const outcome = meter.outcome('churn', world.alive, {
      hours: Math.round(((world.now() - began) / hour) * 10) / 10,
      samples: samples.length,
      keptUp,
      heapMiBAnHour: Math.round((trends.heapMiB?.slope ?? 0) * 1000) / 1000,
      grown: grown.join(' ') || 'nothing',
      same,
    })
    return { outcome, samples, trends, keptUp }
  } finally {
    await world.end()
  }
}

/** How many are to hear how many others. */
const pairs = ({ alive }: World): number =>
  alive.reduce((sum, one) => sum + alive.filter(({ group }) => group === one.group).length - 1, 0)

async function one(world: World, step: number): Promise<void> {
  const { random } = world
  // A few subjects a host, refreshed and cleared: state, not a log.
  const actor = random.pick(world.alive)
  const key = `k${Math.floor(random() * subjects)}`
  if (random() < 0.3) await actor.node.clear('semaphore', key)
  else await actor.node.publish('semaphore', key, null, hour)
  if (step % 60 === 30) await world.crash(random.pick(world.alive.slice(1)))
  if (step % 60 === 50) for (const other of world.actors) if (other.node === undefined) await world.up(other)
  if (step % 240 === 100) world.part(({ index }) => 1 + (index % 2))
  if (step % 240 === 130) world.heal()
}
