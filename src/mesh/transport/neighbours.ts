/**
 * Whom to connect to. libp2p forgets peers and stops redialling; this does neither: every member that is wanted and not
 * connected is dialled for ever, with a wait that grows, and grows little for a member heard lately, so that a healed
 * partition is found in seconds.
 */
import type { Libp2p } from '@libp2p/interface'
import { because } from '../errors.ts'
import { fullMesh, neighbours, type Timing } from '../limits.ts'
import type { Directory, Entry } from '../members/directory.ts'
import { dial } from './host.ts'
import { isRelayed } from './relay.ts'

interface Wait {
  until: number
  step: number
}

export interface NeighbourOptions {
  host: Libp2p
  self: string
  directory: Directory
  timing: Timing
  now(): number
  random(): number
  admitted(peer: string): boolean
  deny(peer: string): boolean
  log: { info(message: string): void }
}

/** A few dials at a time: a handshake costs 15 ms of CPU. */
const dialsAtOnce = 8

export class Neighbours {
  readonly #options: NeighbourOptions
  readonly #waits = new Map<string, Wait>()
  readonly #dialling = new Set<string>()
  #chosen = new Set<string>()
  #wandered = 0
  #timer: NodeJS.Timeout | undefined

  constructor(options: NeighbourOptions) {
    this.#options = options
  }

  start(): void {
    this.#wandered = performance.now()
    this.#timer = setInterval(() => this.tick(), this.#options.timing.dialTick)
    this.tick()
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  get dialling(): number {
    return this.#dialling.size
  }

  /** A member was admitted. The first one after none means that the network is back: nobody has to wait any more. */
  met(peer: string, others: number): void {
    this.#waits.delete(peer)
    if (others === 0) this.#waits.clear()
  }

  /** A connection ended: try again at once, then wait. */
  gone(peer: string): void {
    this.#waits.delete(peer)
  }

  /** Resolves when the member is connected and has greeted this host. Throws where it cannot be reached. */
  async reach(peer: string): Promise<void> {
    const { admitted, directory, timing } = this.#options
    const entry = directory.get(peer)
    const until = performance.now() + 2 * timing.dial
    while (!admitted(peer)) {
      if (entry === undefined || performance.now() > until) throw new Error('it cannot be reached')
      if (!this.#dialling.has(peer) && (this.#waits.get(peer)?.until ?? 0) < performance.now())
        this.#dial(entry)
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }

  tick(): void {
    const { admitted, deny } = this.#options
    const clock = performance.now()
    const candidates = this.#candidates()
    for (const peer of this.#waits.keys()) if (!candidates.has(peer)) this.#waits.delete(peer)
    for (const entry of this.#wanted(candidates, clock)) {
      if (this.#dialling.size >= dialsAtOnce) return
      const { peer } = entry.certificate
      // Whoever is kept out for now keeps its place: when that is over, nobody else need find it again.
      if (
        deny(peer) ||
        admitted(peer) ||
        this.#dialling.has(peer) ||
        (this.#waits.get(peer)?.until ?? 0) > clock
      )
        continue
      this.#dial(entry)
    }
  }

  #candidates(): Map<string, Entry> {
    const { directory, self, now } = this.#options
    const candidates = new Map<string, Entry>()
    for (const entry of directory.entries()) {
      const { peer } = entry.certificate
      if (peer === self || entry.addresses.length === 0 || entry.left) continue
      if (directory.objection(entry, now()) === undefined) candidates.set(peer, entry)
    }
    return candidates
  }

  #wanted(candidates: Map<string, Entry>, clock: number): Entry[] {
    if (candidates.size < fullMesh) return [...candidates.values()]
    const { admitted, timing } = this.#options
    for (const peer of this.#chosen) if (!candidates.has(peer)) this.#chosen.delete(peer)
    // Gossip does not run through relays: those that can be dialled carry it, and the others dial some of them.
    const direct = [...candidates].filter(([, { addresses }]) => addresses.some((one) => !isRelayed(one)))
    const pool = direct.length >= neighbours ? direct.map(([peer]) => peer) : [...candidates.keys()]
    while (this.#chosen.size < neighbours) this.#chosen.add(this.#pick(pool))
    if (clock - this.#wandered > timing.wander) {
      this.#wandered = clock
      const away = pool.filter((peer) => !admitted(peer))
      // One neighbour gives its place up, so that the chosen stay few and change.
      this.#chosen.delete(this.#chosen.keys().next().value as string)
      if (away.length > 0) this.#chosen.add(this.#pick(away))
    }
    return [...this.#chosen].map((peer) => candidates.get(peer) as Entry)
  }

  #pick(peers: string[]): string {
    return peers[Math.floor(this.#options.random() * peers.length)] as string
  }

  #dial(entry: Entry): void {
    const { host, timing, random, log, now } = this.#options
    const { peer, name } = entry.certificate
    this.#dialling.add(peer)
    const recent = now() - entry.lastHeard < timing.recent
    const most = recent ? timing.backoffRecent : timing.backoffMax
    const before = this.#waits.get(peer)?.step
    const step = Math.min(most, (before ?? timing.backoffMin / 2) * 2)
    // A dial that succeeds is no membership yet (the other side may still refuse), so the wait is set either way.
    this.#waits.set(peer, { step, until: performance.now() + step * (0.75 + random() / 2) })
    dial(host, peer, entry.addresses, recent ? timing.dial : 3 * timing.dial)
      .catch((error) => {
        // Once an outage, not once a dial.
        if (before === undefined)
          log.info(
            `cannot reach ${name} at ${entry.addresses.join(', ')}: ${because(error)}; it goes on trying`,
          )
      })
      .finally(() => this.#dialling.delete(peer))
  }
}
