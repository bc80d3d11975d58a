/** What the network and the hosts go through without anyone meaning harm. Each ends with its outcome. */
import { Meter, type Outcome } from './measure.ts'
import { type Actor, World } from './world.ts'

export interface Size {
  hosts: number
  seed: number
  /** Semaphores or messages in all. */
  messages?: number
  /** Simulated ms a real one. */
  speed?: number
  /** How long churn lasts, in simulated hours. */
  hours?: number
  /** How long the flooder floods. */
  seconds?: number
}

const minute = 60_000
const hour = 60 * minute

const equal = (actors: readonly Actor[]): boolean => {
  const states = actors.map(({ node }) =>
    (node?.records('semaphore') ?? [])
      .map((r) => `${r.peer}/${r.key}/${r.epoch}.${r.sequence}`)
      .sort()
      .join(),
  )
  return states.every((state) => state === states[0])
}

/** Messages one after the other, each from a host of chance: coverage, and CPU a delivery. */
export async function spread({ hosts, seed, messages = 50 }: Size): Promise<Outcome> {
  const world = await World.make({ hosts, seed })
  try {
    const formed = await world.formed()
    const meter = new Meter(world)
    for (let i = 0; i < messages; i++) {
      await meter.say(world.random.pick(world.alive), `m${i}`, new Uint8Array(400))
      await world.pass(300)
    }
    await world.until(() => meter.coverage(world.alive) === 1, 20_000)
    return meter.outcome('spread', world.alive, { formed, rss: process.memoryUsage().rss })
  } finally {
    await world.end()
  }
}

/** Two halves for ten minutes, semaphores on both sides; then healed: every host has every record. */
export async function partition({ hosts, seed, messages = 1000, speed = 4 }: Size): Promise<Outcome> {
  // Fifty signs of life a few seconds apart would be all that one process does; so would a clock much faster than this.
  const timing = { alive: 20_000, sync: 4000 }
  const world = await World.make({ hosts, seed, speed, timing })
  try {
    await world.formed()
    const meter = new Meter(world)
    const sides = world.random.shuffled(world.actors)
    world.part((actor) => (sides.indexOf(actor) < hosts / 2 ? 1 : 2))
    const began = world.now()
    const each = Math.ceil(messages / hosts)
    for (let round = 0; round < each; round++) {
      for (const actor of world.alive) await meter.say(actor, `s${round}`)
      const due = began + ((round + 1) / each) * 10 * minute
      if (due > world.now()) await world.pass(due - world.now())
    }
    const apart = meter.coverage(world.alive)
    world.heal()
    const healed = performance.now()
    const whole = await world.until(() => meter.coverage(world.alive) === 1 && equal(world.alive), 60_000)
    const equalMs = Math.round(performance.now() - healed)
    const twice = world.alive.reduce((sum, actor) => sum + raisedTwice(actor), 0)
    return meter.outcome('partition', world.alive, { messages: each * hosts, apart, equalMs, whole, twice })
  } finally {
    await world.end()
  }
}

/** A bad network and bad clocks: a tenth of gossip lost, the rest late, clocks up to a minute from the right time. */
export async function rough({ hosts, seed, messages = 100 }: Size): Promise<Outcome> {
  const timing = { sync: 5000 }
  const world = await World.make({ hosts, seed, loss: 0.1, delayMs: 200, skewMs: 55_000, timing })
  try {
    await world.formed()
    const meter = new Meter(world)
    for (let i = 0; i < messages; i++) {
      await meter.say(world.random.pick(world.alive), `m${i}`)
      await world.pass(30)
    }
    const whole = await world.until(() => meter.coverage(world.alive) === 1, 60_000)
    return meter.outcome('rough', world.alive, { whole })
  } finally {
    await world.end()
  }
}

/** Hosts die in the middle of it and come back with what they had written. */
export async function crashes({ hosts, seed, messages = 60 }: Size): Promise<Outcome> {
  const world = await World.make({ hosts, seed, timing: { sync: 5000 } })
  try {
    await world.formed()
    const meter = new Meter(world)
    for (let i = 0; i < messages; i++) {
      const victim = world.random.pick(world.alive.slice(1))
      if (i % 5 === 2) await world.crash(victim)
      await meter.say(world.random.pick(world.alive), `m${i}`)
      if (i % 5 === 4)
        for (const actor of world.actors)
          if (actor.node === undefined) {
            await world.up(actor)
            meter.watch(actor)
          }
    }
    for (const actor of world.actors) if (actor.node === undefined) await world.up(actor)
    const whole = await world.until(() => meter.coverage(world.alive) === 1 && equal(world.alive), 60_000)
    return meter.outcome('crashes', world.alive, { whole })
  } finally {
    await world.end()
  }
}

/**
 * A day with hosts that come, go and speak. Heap, handles and every gauge are looked at when half of it is over and at the
 * end: what grows in between has no bound.
 */
export async function churn({ hosts, seed, speed = 480, hours = 24 }: Size): Promise<Outcome> {
  const messages = hours * 60
  const world = await World.make({ hosts, seed, speed })
  try {
    await world.formed()
    const meter = new Meter(world)
    const began = world.now()
    let half: Snapshot | undefined
    for (let i = 0; i < messages; i++) {
      const at = began + (i / messages) * hours * hour
      if (at > world.now()) await world.pass(at - world.now())
      // Twenty subjects a host, refreshed and cleared: state, not a log.
      const actor = world.random.pick(world.alive)
      const key = `k${Math.floor(world.random() * 20)}`
      if (world.random() < 0.3) await actor.node.clear('semaphore', key)
      else await actor.node.publish('semaphore', key, null, hour)
      if (i % 60 === 30) await world.crash(world.random.pick(world.alive.slice(1)))
      if (i % 60 === 50) for (const one of world.actors) if (one.node === undefined) await world.up(one)
      if (half === undefined && i >= messages / 2) half = snapshot(world)
    }
    for (const one of world.actors) if (one.node === undefined) await world.up(one)
    await world.formed()
    const same = await world.until(() => equal(world.alive), 30_000)
    const end = snapshot(world)
    const grown = Object.keys(end.gauges).filter(
      (name) => !counting.has(name) && (end.gauges[name] ?? 0) > 2 * (half?.gauges[name] ?? 0) + 50,
    )
    return meter.outcome('churn', world.alive, {
      hours: Math.round(((world.now() - began) / hour) * 10) / 10,
      heapHalfMiB: half?.heapMiB ?? 0,
      heapEndMiB: end.heapMiB,
      handlesHalf: half?.handles ?? 0,
      handlesEnd: end.handles,
      grown: grown.join(' ') || 'nothing',
      same,
    })
  } finally {
    await world.end()
  }
}

/** Gauges that count what was, not what is. */
const counting = new Set(['syncBytesSent', 'capped'])

interface Snapshot {
  heapMiB: number
  handles: number
  gauges: Record<string, number>
}

function snapshot(world: World): Snapshot {
  globalThis.gc?.()
  const gauges: Record<string, number> = {}
  for (const { node } of world.alive)
    for (const [name, value] of Object.entries(node.status().gauges))
      gauges[name] = (gauges[name] ?? 0) + value
  const handles = process.getActiveResourcesInfo().length
  return { heapMiB: Math.round(process.memoryUsage().heapUsed / 1024 / 1024), handles, gauges }
}

function raisedTwice(actor: Actor): number {
  const raised = actor.events.flatMap((event) =>
    event.type === 'record' && event.change === 'raised' && event.record.kind === 'semaphore'
      ? [`${event.record.peer}/${event.record.key}`]
      : [],
  )
  return raised.length - new Set(raised).size
}

export const scenarios = { spread, partition, rough, crashes, churn }
