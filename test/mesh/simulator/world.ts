/**
 * A mesh of up to 200 hosts in this process: the real code on the memory transport. The world gives it a clock that may run
 * faster and differ from host to host, a network that parts, loses and delays, and hosts that die and come back.
 */
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { initMesh, type MeshEvent, readIdentity } from '#mesh'
import type { KeyValue } from '#store'
import { makeCredential } from '../../../src/mesh/identity/certificate.ts'
import { type Identity, writeIdentity } from '../../../src/mesh/identity/identity.ts'
import { newSigner, peerOf } from '../../../src/mesh/identity/keys.ts'
import { limits, type Timing, timing as usual } from '../../../src/mesh/limits.ts'
import type { KnownMember } from '../../../src/mesh/members/directory.ts'
import { memoryStore } from '../../../src/mesh/memory-store.ts'
import type { MeshNode } from '../../../src/mesh/node.ts'
import { openNode } from '../../../src/mesh/open.ts'
import { type Random, seeded } from './random.ts'

export interface WorldOptions {
  hosts: number
  seed: number
  /** Simulated ms a real ms. Gossip's heartbeat, dials and greetings stay in real time. */
  speed?: number
  /** How far each host's clock may be off, ms either way. */
  skewMs?: number
  /** Of gossip: how much is lost, how long it takes at most. */
  loss?: number
  delayMs?: number
  /** Events and warnings of each host that the world keeps. */
  kept?: number
  timing?: Partial<Timing>
}

export interface Actor {
  index: number
  name: string
  peer: string
  folder: string
  store: KeyValue
  address: string
  skewMs: number
  group: number
  /** Undefined while it is down. */
  node: MeshNode | undefined
  events: MeshEvent[]
  warnings: string[]
  /** Called for every sign of life of another host. */
  heard: (() => void) | undefined
}

/** Periods that the clock's speed shortens. */
const periods = ['alive', 'silent', 'sync', 'wander', 'renew', 'recent', 'seen', 'backoffMax'] as const
let worlds = 0

export class World {
  readonly actors: Actor[] = []
  readonly random: Random
  readonly options: Required<Omit<WorldOptions, 'timing'>> & Pick<WorldOptions, 'timing'>
  readonly #root: string
  readonly #began = performance.now()
  readonly #epoch = Date.now()
  readonly #timers = new Set<NodeJS.Timeout>()

  private constructor(options: WorldOptions) {
    this.options = { speed: 1, skewMs: 0, loss: 0, delayMs: 0, kept: 20_000, ...options }
    this.random = seeded(options.seed)
    this.#root = mkdtempSync(join(tmpdir(), 'lymph-world-'))
  }

  /** Hosts with certificates of one mesh, each knowing where the others listen, all up. */
  static async make(options: WorldOptions): Promise<World> {
    const world = new World(options)
    await world.#people()
    for (const actor of world.actors) await world.up(actor)
    return world
  }

  /** Simulated time, ms since the epoch. */
  now(): number {
    return this.#epoch + (performance.now() - this.#began) * this.options.speed
  }

  /** Waits in simulated time. */
  async pass(ms: number): Promise<void> {
    await sleep(ms / this.options.speed)
  }

  /** Waits until `condition` holds; false after `withinMs` of real time. */
  async until(condition: () => boolean, withinMs: number): Promise<boolean> {
    const end = performance.now() + withinMs
    while (!condition()) {
      if (performance.now() > end) return false
      await sleep(10)
    }
    return true
  }

  get alive(): (Actor & { node: MeshNode })[] {
    return this.actors.filter((actor): actor is Actor & { node: MeshNode } => actor.node !== undefined)
  }

  /** Do all that are up hold the same semaphores? */
  equal(): boolean {
    const states = this.alive.map(({ node }) =>
      node
        .records('semaphore')
        .map((r) => `${r.peer}/${r.key}/${r.epoch}.${r.sequence}`)
        .sort()
        .join(),
    )
    return states.every((state) => state === states[0])
  }

  identity(actor: Actor): Identity {
    return actor.node?.identity ?? readIdentity(actor.folder)
  }

  async up(actor: Actor): Promise<void> {
    const { speed, timing } = this.options
    const shortened = Object.fromEntries(periods.map((name) => [name, usual[name] / speed]))
    // Silence is a matter of the clock, the period of the timer.
    const scaled = {
      ...shortened,
      silent: usual.silent,
      recent: usual.recent,
      dialTick: 100,
      backoffMin: 200,
      sweep: 250,
    }
    const node = await openNode({
      folder: actor.folder,
      listen: [actor.address],
      keyValue: actor.store,
      version: 'simulated',
      log: { info: () => undefined, warn: (line) => this.#keep(actor.warnings, line) },
      now: () => this.now() + actor.skewMs,
      random: this.random,
      deny: (peer) => this.#parted(actor, peer),
      timing: { ...scaled, ...timing },
    })
    node.onEvent((event) => {
      if (event.type !== 'record' || event.record.kind !== 'alive') this.#keep(actor.events, event)
      else if (event.record.peer !== actor.peer && event.change !== 'expired') actor.heard?.()
    })
    this.#roughen(node)
    actor.node = node
  }

  /** Its process dies: what was not written is lost, nobody is told. */
  async crash(actor: Actor): Promise<void> {
    const { node } = actor
    actor.node = undefined
    if (node === undefined) return
    for (const connection of node.host.getConnections()) connection.abort(new Error('the host has died'))
    await node.stop()
  }

  /** Parts the network: hosts of different groups neither keep nor make connections. */
  part(groupOf: (actor: Actor) => number): void {
    for (const actor of this.actors) actor.group = groupOf(actor)
    for (const one of this.alive)
      for (const other of this.alive) if (one.group !== other.group) one.node.admission.cut(other.peer)
  }

  heal(): void {
    for (const actor of this.actors) actor.group = 0
  }

  /** Everyone is connected to someone, and those to each other: waits for it. */
  async formed(withinMs = 60_000): Promise<boolean> {
    const enough = Math.min(this.actors.length - 1, 4)
    const all = () => this.alive.every(({ node }) => node.admission.peers().length >= enough)
    const done = await this.until(all, withinMs)
    // Gossip caches scores for a second: only then does it count everyone in.
    await sleep(1500)
    return done
  }

  async end(): Promise<void> {
    for (const timer of this.#timers) clearTimeout(timer)
    await Promise.all(this.alive.map(({ node }) => node.stop()))
    rmSync(this.#root, { recursive: true, force: true })
  }

  async #people(): Promise<void> {
    const { hosts, skewMs } = this.options
    const world = worlds++
    const first = join(this.#root, 'h0')
    await initMesh({ folder: first, name: 'h0', now: this.#epoch - 1000 })
    const founder = readIdentity(first)
    const { issuer, meshId, root, ring, admin } = founder
    if (issuer === undefined) throw new Error('the founder holds no issuer key')
    const members: KnownMember[] = []
    const skew = () => Math.round((this.random() * 2 - 1) * skewMs)
    const add = (name: string, folder: string, peer: string, credential: Uint8Array) => {
      const address = `/memory/sim-${process.pid}-${world}-${name}`
      members.push({ credential, addresses: [address] })
      const index = this.actors.length
      const state = {
        store: memoryStore(),
        skewMs: index === 0 ? 0 : skew(),
        group: 0,
        node: undefined,
        heard: undefined,
      }
      this.actors.push({ index, name, peer, folder, address, events: [], warnings: [], ...state })
    }
    add('h0', first, founder.peer, founder.certificate.credential)
    const nodes = Array.from({ length: hosts - 1 }, () => newSigner())
    for (const [i, node] of nodes.entries()) {
      const peer = peerOf(node.publicKey)
      const name = `h${i + 1}`
      const times = { notBefore: this.#epoch - 1000, notAfter: this.#epoch + limits.memberLifetime }
      const serial = new Uint8Array(randomBytes(16))
      const credential = makeCredential(issuer, {
        meshId,
        peer,
        name,
        tags: [],
        role: 'member',
        ...times,
        serial,
      })
      add(name, join(this.#root, name), peer, credential)
    }
    for (const [i, node] of nodes.entries()) {
      const actor = this.actors[i + 1] as Actor
      const credential = (members[i + 1] as KnownMember).credential
      const whole = { root, name: actor.name, node, credential, members, admin: admin.entries() }
      writeIdentity(actor.folder, { ...whole, ring: ring.map(({ key }) => key) })
    }
    const { writeFile, files } = await import('../../../src/mesh/identity/identity.ts')
    const { encode } = await import('../../../src/mesh/records/codec.ts')
    writeFile(first, files.members, encode(members))
  }

  #keep<T>(list: T[], one: T): void {
    list.push(one)
    if (list.length > this.options.kept) list.shift()
  }

  #parted(actor: Actor, peer: string): boolean {
    const other = this.actors.find((one) => one.peer === peer)
    return other !== undefined && other.group !== actor.group
  }

  /** Gossip's messages are lost and late; streams are not, as TCP's are not. */
  #roughen(node: MeshNode): void {
    const { loss, delayMs } = this.options
    if (loss === 0 && delayMs === 0) return
    const pubsub = node.host.services.pubsub as unknown as { sendRpc(id: string, rpc: unknown): boolean }
    const send = pubsub.sendRpc.bind(pubsub)
    pubsub.sendRpc = (id, rpc) => {
      if (this.random() < loss) return true
      if (delayMs === 0) return send(id, rpc)
      const timer = setTimeout(() => {
        this.#timers.delete(timer)
        send(id, rpc)
      }, this.random() * delayMs)
      this.#timers.add(timer)
      return true
    }
  }
}
