/** Hosts that mean harm, by name. A third of the mesh, or one of it, against the others; each ends with its outcome. */
import { randomBytes } from 'node:crypto'
import { multiaddr } from '@multiformats/multiaddr'
import { newSigner } from '../../../src/mesh/identity/keys.ts'
import { protocols, topic } from '../../../src/mesh/limits.ts'
import { equals } from '../../../src/mesh/records/codec.ts'
import { makeEnvelope, type NewStatement, type Statement } from '../../../src/mesh/records/envelope.ts'
import { createMeshHost } from '../../../src/mesh/transport/host.ts'
import { Meter, type Outcome } from './measure.ts'
import type { Size } from './scenarios.ts'
import { type Actor, World, type WorldOptions } from './world.ts'

interface Scene {
  world: World
  meter: Meter
  honest: Actor[]
  bad: Actor[]
}

/** Makes a world, lets `act` play, asks for the outcome. `share`: how many of the hosts are bad; 0 for one. */
async function play(
  name: string,
  size: Size,
  share: number,
  act: (scene: Scene) => Promise<Outcome['notes']>,
  more: Partial<WorldOptions> = {},
): Promise<Outcome> {
  const world = await World.make({ hosts: size.hosts, seed: size.seed, ...more })
  try {
    await world.formed()
    const count = Math.max(1, Math.floor(size.hosts * share))
    const bad = world.actors.slice(-count)
    const honest = world.actors.slice(0, -count)
    const meter = new Meter(world)
    const notes = await act({ world, meter, honest, bad })
    return meter.outcome(name, honest, notes)
  } finally {
    await world.end()
  }
}

const third = 1 / 3

function signed(world: World, by: Actor, as: Actor, more: Partial<NewStatement>): Statement {
  const { meshId, node } = world.identity(by)
  const now = Math.round(world.now())
  const base = {
    meshId,
    author: as.peer,
    epoch: now + 1e6,
    seq: 1,
    ts: now,
    expires: now + 3_600_000,
    key: 'k',
  }
  return makeEnvelope({ ...base, kind: 'semaphore', op: 'raise', body: null, ...more }, node)
}

const send = (from: Actor, bytes: Uint8Array) =>
  from.node?.host.services.pubsub.publish(topic, bytes).then(
    () => undefined,
    () => undefined,
  )

const everyoneHas = (scene: Scene) =>
  scene.world.until(() => scene.meter.coverage(scene.honest) === 1, 20_000)

/** A third keeps silent about what it has, and tries to take back what the others say. */
const liarAllGood = (size: Size) =>
  play('liar-all-good', size, third, async (scene) => {
    const { world, meter, honest, bad } = scene
    for (const actor of honest) await meter.say(actor, 'worm', { sha256: 'worm' })
    for (const liar of bad)
      for (const victim of honest)
        await send(liar, signed(world, liar, victim, { key: 'worm', op: 'clear', seq: 9 }).envelope)
    await everyoneHas(scene)
    return { liars: bad.length }
  })

/** A third says of a good binary that it is bad, each under many names. */
const liarTargetBad = (size: Size) =>
  play('liar-target-bad', size, third, async (scene) => {
    const { world, meter, honest, bad } = scene
    for (const liar of bad)
      for (let i = 0; i < 5; i++)
        await liar.node?.publish('semaphore', `target${i}`, { sha256: 'target' }, 600_000)
    await meter.say(honest[0] as Actor, 'true', { sha256: 'true' })
    await everyoneHas(scene)
    const reached = () => honest.every(({ node }) => (node?.records('semaphore').length ?? 0) > bad.length)
    await world.until(reached, 10_000)
    return { liars: bad.length, heldOnFirst: honest[0]?.node?.records('semaphore').length ?? 0 }
  })

/** One sends as fast as it can. What does it cost the others? */
const flooder = (size: Size) =>
  play('flooder', size, 0, async (scene) => {
    const { world, meter, honest, bad } = scene
    const [villain] = bad as [Actor]
    let sent = 0
    // A machine that is busy with other things takes longer over as many messages.
    const watch = async (ms: number, work: () => Promise<unknown>, messages = 0) => {
      const before = process.cpuUsage()
      const began = performance.now()
      const passed = () => performance.now() - began
      while (passed() < ms || (sent < messages && passed() < 10 * ms)) await work()
      const { user, system } = process.cpuUsage(before)
      return (user + system) / 1000 / (performance.now() - began)
    }
    const idle = await watch(2000, () => world.pass(100))
    const began = performance.now()
    let out = 0
    const burst = async () => {
      for (let i = 0; i < 50; i++)
        await send(villain, signed(world, villain, villain, { seq: ++sent, key: `f${sent % 100}` }).envelope)
      await world.pass(5)
      if (out === 0 && honest.every(({ node }) => !node?.admission.admitted(villain.peer)))
        out = performance.now() - began
    }
    const floodBegan = performance.now()
    const busy = await watch((size.seconds ?? 20) * 1000, burst, 2000)
    const floods = performance.now() - floodBegan
    // What the flooder itself spends on signing is no victim's; what it spends on sending is counted as if it were.
    const own = process.cpuUsage()
    for (let i = 0; i < 200; i++) signed(world, villain, villain, { seq: ++sent })
    const making = process.cpuUsage(own)
    const spent = ((making.user + making.system) / 1000 / 200) * sent
    await meter.say(honest[0] as Actor, 'calm', null)
    await everyoneHas(scene)
    const share = Math.max(0, busy - idle - spent / floods) / honest.length
    return {
      sent,
      outOfAllAfterMs: Math.round(out),
      coreSharePercent: Math.round(share * 1000) / 10,
      heldOfIt: Math.max(
        ...honest.map(
          ({ node }) => node?.records('semaphore').filter((r) => r.peer === villain.peer).length ?? 0,
        ),
      ),
    }
  })

/** One keeps all it ever hears and sends it again, after gossip has forgotten it, what was cleared above all. */
const replayer = (size: Size) =>
  play(
    'replayer',
    size,
    0,
    async (scene) => {
      const { world, meter, honest, bad } = scene
      const [villain] = bad as [Actor]
      const recorded: Uint8Array[] = []
      villain.node?.onEvent((event) => {
        if (event.type === 'record') recorded.push(event.record.envelope)
      })
      for (const actor of honest) await actor.node?.publish('semaphore', 'gone', null, 600_000)
      for (const actor of honest) await meter.say(actor, 'stays')
      await everyoneHas(scene)
      for (const actor of honest) await actor.node?.clear('semaphore', 'gone')
      const cleared = () =>
        honest.every(({ node }) => node?.records('semaphore').every(({ key }) => key !== 'gone'))
      await world.until(() => cleared() === true, 10_000)
      for (let round = 0; round < 4; round++) {
        await world.pass(1500)
        for (const envelope of recorded) await send(villain, envelope)
      }
      await world.pass(1000)
      return { replayed: recorded.length * 4, risenAgain: cleared() === true ? 0 : 1 }
    },
    { timing: { seen: 500 } },
  )

/** One says two things under one number, to each half one of them. */
const equivocator = (size: Size) =>
  play(
    'equivocator',
    size,
    0,
    async (scene) => {
      const { world, meter, honest, bad } = scene
      const [villain] = bad as [Actor]
      const number = { epoch: Math.round(world.now()) + 1_000_000, seq: 1 }
      const pair = [1, 2].map((body) => signed(world, villain, villain, { ...number, key: 'two', body }))
      for (const [i, actor] of honest.entries())
        await actor.node?.ledger.receive((pair[i % 2] as Statement).envelope, 'gossip', villain.peer)
      await meter.say(honest[0] as Actor, 'true')
      await everyoneHas(scene)
      const standing = () =>
        honest.map(({ node }) => node?.records('semaphore').find(({ key }) => key === 'two')?.envelope)
      const same = () =>
        standing().every((one) => one !== undefined && equals(one, standing()[0] as Uint8Array))
      const agree = await world.until(same, 30_000)
      const proofs = honest.reduce((sum, { node }) => sum + (node?.status().gauges.equivocations ?? 0), 0)
      return { agree, proofs }
    },
    { timing: { sync: 2000 } },
  )

/** One whose clock is ten minutes ahead speaks of the future; one that lies in what it stamps, of the past. */
const clockLiar = (size: Size) =>
  play('clock-liar', size, 0, async (scene) => {
    const { world, meter, honest, bad } = scene
    const [villain] = bad as [Actor]
    const now = Math.round(world.now())
    for (const [i, ts] of [now + 600_000, now + 3_600_000, now - 1_800_000].entries())
      await send(
        villain,
        signed(world, villain, villain, { seq: i + 1, key: `t${i}`, ts, expires: ts + 7_200_000 }).envelope,
      )
    await meter.say(honest[0] as Actor, 'true')
    await everyoneHas(scene)
    await world.pass(1000)
    const believed = honest.reduce(
      (sum, { node }) =>
        sum + (node?.records('semaphore').filter(({ peer }) => peer === villain.peer).length ?? 0),
      0,
    )
    return { believed }
  })

/** One is revoked while connected, does not care, and goes on dialling and talking. */
const revokedButConnected = (size: Size) =>
  play('revoked-but-connected', size, 0, async (scene) => {
    const { world, meter, honest, bad } = scene
    const [villain] = bad as [Actor]
    const [founder] = honest as [Actor]
    const heard: string[] = []
    villain.node?.onEvent((event) => {
      if (event.type === 'record' && event.record.key.startsWith('secret')) heard.push(event.record.key)
    })
    const began = performance.now()
    const revoked = founder.node?.operator.revoke(villain.peer, 'stolen')
    const cut = () =>
      honest.every(
        ({ node }) =>
          !node?.host.getConnections().some(({ remotePeer }) => remotePeer.toString() === villain.peer),
      )
    const isOut = await world.until(cut, 10_000)
    const cutMs = Math.round(performance.now() - began)
    const done = await revoked
    for (let i = 0; i < 5; i++) {
      await meter.say(world.random.pick(honest), `secret${i}`)
      await villain.node?.publish('semaphore', `noise${i}`, null, 60_000)
      await world.pass(500)
    }
    await everyoneHas(scene)
    const believed = honest.filter(({ node }) =>
      node?.records('semaphore').some(({ peer }) => peer === villain.peer),
    ).length
    return {
      cut: isOut,
      cutMs,
      acknowledged: `${done?.acknowledged.length}/${honest.length - 1}`,
      heard: heard.length,
      believed,
    }
  })

/** Somebody with the mesh's key and no certificate connects to everyone, listens, and talks in the name of members. */
const stolenPsk = (size: Size) =>
  play('stolen-psk-stranger', size, 0, async (scene) => {
    const { world, meter, honest, bad } = scene
    const { meshId, ring } = world.identity(honest[0] as Actor)
    const outside = await createMeshHost(
      { key: newSigner(), meshId, listen: [], memory: true, ring: () => ring },
      { score: () => 0, seen: 1000 },
    )
    const heard: Uint8Array[] = []
    await outside.start()
    outside.services.pubsub.subscribe(topic)
    outside.services.pubsub.addEventListener('message', ({ detail }) => heard.push(detail.data))
    let greeted = 0
    for (const { address, peer } of honest) {
      const connection = await outside.dial(multiaddr(`${address}/p2p/${peer}`)).catch(() => undefined)
      for (const protocol of [protocols.sync, protocols.admin, protocols.renew, protocols.certificates])
        await connection
          ?.newStream(protocol, { signal: AbortSignal.timeout(1000) })
          .then((stream) => stream.send(new Uint8Array(randomBytes(64))))
          .catch(() => undefined)
      if (connection?.status === 'open') greeted++
    }
    await world.pass(1200)
    for (const actor of honest) await meter.say(actor, 'secret')
    for (const as of bad)
      await outside.services.pubsub
        .publish(topic, signed(world, as, as, { key: 'injected' }).envelope)
        .catch(() => undefined)
    await everyoneHas(scene)
    await world.pass(5500)
    const left = outside.getConnections().length
    await outside.stop()
    const believed = honest.filter(({ node }) =>
      node?.records('semaphore').some(({ key }) => key === 'injected'),
    ).length
    return { connectedAtFirst: greeted, connectedAfter5s: left, heard: heard.length, believed }
  })

/** A member that passes on nothing but rubbish, by gossip and on every protocol. */
const garbageForwarder = (size: Size) =>
  play('garbage-forwarder', size, 0, async (scene) => {
    const { world, meter, honest, bad } = scene
    const [villain] = bad as [Actor]
    const real = signed(world, villain, honest[0] as Actor, { key: 'x' }).envelope
    const rubbish = () => {
      const bytes = world.random() < 0.5 ? new Uint8Array(randomBytes(200)) : real.slice()
      const at = Math.floor(world.random() * bytes.length)
      bytes[at] = (bytes[at] as number) ^ 0xff
      return bytes
    }
    for (let i = 0; i < 400; i++) {
      await send(villain, rubbish())
      if (i % 20 === 0) {
        const connection = villain.node?.host.getConnections()[0]
        const protocol = world.random.pick([
          protocols.sync,
          protocols.admin,
          protocols.certificates,
          protocols.hello,
        ])
        await connection
          ?.newStream(protocol, { signal: AbortSignal.timeout(500) })
          .then((stream) => stream.send(rubbish()))
          .catch(() => undefined)
        await meter.say(world.random.pick(honest), `m${i}`)
      }
      await world.pass(5)
    }
    await everyoneHas(scene)
    const banned = honest.filter(({ node }) => (node?.status().refused.banned ?? 0) > 0).length
    return { bannedBy: `${banned}/${honest.length}` }
  })

export const adversaries = {
  'liar-all-good': liarAllGood,
  'liar-target-bad': liarTargetBad,
  flooder,
  replayer,
  equivocator,
  'clock-liar': clockLiar,
  'revoked-but-connected': revokedButConnected,
  'stolen-psk-stranger': stolenPsk,
  'garbage-forwarder': garbageForwarder,
}
