/** What the network and the hosts go through without anyone meaning harm. Each ends with its outcome. */
import { churning } from './churn.ts'
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

const cpuMs = (since?: NodeJS.CpuUsage) => {
  const { user, system } = process.cpuUsage(since)
  return (user + system) / 1000
}

const syncBytes = (world: World): number =>
  world.alive.reduce((sum, { node }) => sum + node.synchroniser.bytesSent, 0)

/**
 * Messages one after the other, each from a host of chance: coverage, and what they cost. First the mesh is left alone for a while:
 * what it takes then (heartbeats, pings, signs of life and their deliveries, syncs) is the idle cost. `cpuMsNet` is what it takes
 * above that while messages go round, shared among the deliveries; `cpuMsPerDelivery` has the idle cost in it.
 */
export async function spread({ hosts, seed, messages = 50, seconds = 10 }: Size): Promise<Outcome> {
  const world = await World.make({ hosts, seed })
  try {
    const formed = await world.formed(5 * minute)
    await world.until(() => world.alive.every(({ node }) => node.synchroniser.running === 0), minute)
    const quiet = { cpu: process.cpuUsage(), at: performance.now(), bytes: syncBytes(world) }
    await world.pass(seconds * 1000)
    const idleMs = performance.now() - quiet.at
    const idle = cpuMs(quiet.cpu) / idleMs
    const bytesAMinute = ((syncBytes(world) - quiet.bytes) / idleMs / hosts) * minute
    const meter = new Meter(world)
    const began = { cpu: process.cpuUsage(), at: performance.now() }
    for (let i = 0; i < messages; i++) {
      await meter.say(world.random.pick(world.alive), `m${i}`, new Uint8Array(400))
      // One process does the work of all of them: with more hosts there is more of it to a message.
      await world.pass(hosts < 50 ? 300 : 600)
    }
    await world.until(() => meter.deliveries === messages * (hosts - 1), 20_000)
    const spent = cpuMs(began.cpu) - idle * (performance.now() - began.at)
    return meter.outcome('spread', world.alive, {
      formed,
      rss: process.memoryUsage().rss,
      idlePercentOfCorePerHost: Math.round((idle / hosts) * 100_000) / 1000,
      cpuMsNet: Math.round((spent / meter.deliveries) * 100) / 100,
      syncBytesPerHostMinute: Math.round(bytesAMinute),
    })
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
    const whole = await world.until(() => meter.coverage(world.alive) === 1 && world.equal(), 60_000)
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
    const whole = await world.until(() => meter.coverage(world.alive) === 1 && world.equal(), 60_000)
    return meter.outcome('crashes', world.alive, { whole })
  } finally {
    await world.end()
  }
}

function raisedTwice(actor: Actor): number {
  const raised = actor.events.flatMap((event) =>
    event.type === 'record' && event.change === 'raised' && event.record.kind === 'semaphore'
      ? [`${event.record.peer}/${event.record.key}`]
      : [],
  )
  return raised.length - new Set(raised).size
}

const churn = async (size: Size): Promise<Outcome> => (await churning(size)).outcome

export const scenarios = { spread, partition, rough, crashes, churn }
