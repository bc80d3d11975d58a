/**
 * Can this host be dialled, and where? Members are asked to dial it back (`/lymph/reach/1`); a host that one of them could not
 * reach takes slots at members that serve as relays, and tells where they are; one that nobody could reach tells nothing else.
 */
import { peerIdFromString } from '@libp2p/peer-id'
import { z } from 'zod'
import { Quota } from '../admission/quota.ts'
import { because } from '../errors.ts'
import { limits, protocols, relayed, type Timing } from '../limits.ts'
import { askOn, serveOn } from '../members/ask.ts'
import { addresses as addressList, type Directory } from '../members/directory.ts'
import type { Choice } from '../options.ts'
import { decode, encode } from '../records/codec.ts'
import { dialBack, type MeshHost, reachable } from './host.ts'
import { isRelayed, type Relay, through } from './relay.ts'

const question = z.strictObject({ addresses: addressList })
const answer = z.strictObject({ reached: z.boolean() })
const bytes = 4096

export interface ReachOptions {
  host: MeshHost
  directory: Directory
  /** Undefined: relays are neither used nor offered. */
  relay: Relay | undefined
  /** Is this host one that can be dialled, and one that serves as a relay; as its operator says, or `auto`. */
  reachable?: Choice
  serves?: Choice
  /** Where this host listens; nowhere: it cannot be dialled. */
  listen: string[]
  timing: Timing
  now(): number
  random(): number
  /** Admitted peers, and those of them that are connected without a relay. */
  peers(): string[]
  /** A connection to `peer` that is made now is no acquaintance. */
  probing(peer: string, on: boolean): void
  /** What is to be told of this host has changed. */
  changed(): void
  log: { info(message: string): void }
}

export class Reach {
  readonly #options: ReachOptions
  /** What members found that dialled back, and when; of those connected now. */
  readonly #found = new Map<string, { reached: boolean; at: number }>()
  readonly #asking = new Set<string>()
  readonly #wait = new Map<string, number>()
  readonly #probes = new Quota({ ...relayed.probes, names: limits.members })
  #timer: NodeJS.Timeout | undefined
  #told = ''

  constructor(options: ReachOptions) {
    this.#options = options
  }

  async serve(may: (peer: string) => boolean): Promise<void> {
    const { host, timing, now, probing } = this.#options
    const bounds = { requestBytes: bytes, answerBytes: bytes, timeoutMs: 2 * timing.dial, streams: 2 }
    await serveOn(host, protocols.reach, bounds, may, async (asked, peer) => {
      const { addresses } = question.parse(decode(asked))
      const direct = addresses.filter((address) => !isRelayed(address))
      if (direct.length === 0 || !this.#probes.take(peer, now())) throw new Error('nothing to dial')
      probing(peer, true)
      try {
        const reached = await dialBack(host, peer, direct, timing.dial)
        return encode({ reached } satisfies z.infer<typeof answer>)
      } finally {
        probing(peer, false)
      }
    })
  }

  start(): void {
    this.#told = this.#telling()
    this.#timer = setInterval(() => this.tick(), this.#options.timing.reach)
    this.tick()
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  /** What it found is no news when it comes back: it may have been on its way out, or come back elsewhere. */
  gone(peer: string): void {
    this.#found.delete(peer)
  }

  /** Cannot be dialled by some. */
  get hidden(): boolean {
    return this.#says('no', (found) => found.some(({ reached }) => !reached))
  }

  /** Does this host serve as a relay? */
  get serves(): boolean {
    const { serves = 'no' } = this.#options
    return serves === 'yes' || (serves === 'auto' && this.#open)
  }

  /** Relays this host has a slot at. */
  get relays(): string[] {
    const { relay, peers } = this.#options
    return relay === undefined ? [] : peers().filter((peer) => relay.has(peer))
  }

  /** What this host tells of where it is: nothing that leads nowhere. */
  addresses(): string[] {
    const { directory } = this.#options
    const nobody = this.#says('no', (found) => found.length > 0 && found.every(({ reached }) => !reached))
    const direct = nobody ? [] : this.#direct()
    const ways = this.relays.map((peer) => through(peer, directory.get(peer)?.addresses ?? []))
    // The first address of every relay before the second of any.
    const via = [0, 1].flatMap((i) => ways.flatMap((way) => way[i] ?? []))
    return [...direct.slice(0, limits.addresses - via.length), ...via].slice(0, limits.addresses)
  }

  tick(): void {
    const peers = this.#options.peers()
    const now = performance.now()
    for (const peer of this.#found.keys()) if (!peers.includes(peer)) this.#found.delete(peer)
    for (const [peer, until] of this.#wait) if (until < now) this.#wait.delete(peer)
    this.#askSome(peers, now)
    if (this.hidden) this.#reserve(peers, now)
    this.settle()
  }

  /** Tells of it where something has changed. */
  settle(): void {
    const telling = this.#telling()
    if (telling === this.#told) return
    this.#told = telling
    this.#options.changed()
  }

  #telling(): string {
    return `${this.serves} ${this.addresses().join(' ')}`
  }

  /** Some have reached it, and nobody could not. */
  get #open(): boolean {
    return this.#says('yes', (found) => found.length > 0 && found.every(({ reached }) => reached))
  }

  /** As the operator says; else, as `by` makes of what was found. */
  #says(word: 'yes' | 'no', by: (found: { reached: boolean }[]) => boolean): boolean {
    const { reachable: said = 'yes', listen } = this.#options
    if (said !== 'auto') return said === word
    return listen.length === 0 ? word === 'no' : by([...this.#found.values()])
  }

  #direct(): string[] {
    const { host, listen } = this.#options
    return listen.length === 0 ? [] : reachable(host).filter((address) => !isRelayed(address))
  }

  #askSome(peers: string[], now: number): void {
    const { reachable: said = 'yes', listen, timing } = this.#options
    if (said !== 'auto' || listen.length === 0 || this.#asking.size > 0) return
    const fresh = [...this.#found].filter(([, { at }]) => now - at < timing.reachAgain)
    if (fresh.length >= relayed.asked) return
    const open = peers.filter((peer) => !fresh.some(([known]) => known === peer) && !this.#wait.has(peer))
    const peer = this.#any(open)
    if (peer !== undefined) void this.#ask(peer)
  }

  async #ask(peer: string): Promise<void> {
    const { host, timing, log } = this.#options
    this.#asking.add(peer)
    this.#wait.set(peer, performance.now() + timing.reachAgain)
    try {
      const bounds = { answerBytes: bytes, timeoutMs: 3 * timing.dial }
      const asked = encode({ addresses: this.#direct() } satisfies z.infer<typeof question>)
      const { reached } = answer.parse(decode(await askOn(host, protocols.reach, peer, asked, bounds)))
      const before = this.hidden
      this.#found.set(peer, { reached, at: performance.now() })
      if (!before && this.hidden)
        log.info('a member could not dial this host back: it asks for a slot at a relay')
      this.tick()
    } catch {
      // It is busy, only completing its joining, or of an older version: another is asked, this one soon again.
      this.#wait.set(peer, performance.now() + 5 * timing.reach)
    } finally {
      this.#asking.delete(peer)
    }
  }

  #reserve(peers: string[], now: number): void {
    const { directory, relay, timing, log } = this.#options
    const have = this.relays.length
    if (relay === undefined || have + this.#asking.size >= relayed.relays) return
    const offered = peers.filter(
      (peer) => directory.get(peer)?.relays === true && !relay.has(peer) && !this.#wait.has(`slot ${peer}`),
    )
    const peer = this.#any(offered)
    if (peer === undefined) return
    this.#asking.add(peer)
    // It may not know yet that this host is admitted.
    this.#wait.set(`slot ${peer}`, now + 5 * timing.reach)
    relay
      .reserve(peer)
      .catch((error) => log.info(`no slot at the relay ${peer}: ${because(error)}; it goes on trying`))
      .finally(() => {
        this.#asking.delete(peer)
        this.settle()
      })
  }

  #any(peers: string[]): string | undefined {
    return peers[Math.floor(this.#options.random() * peers.length)]
  }
}

/** Admitted peers that are connected without a relay. */
export const directly = (host: MeshHost, peers: string[]): string[] =>
  peers.filter((peer) =>
    host
      .getConnections(peerIdFromString(peer))
      .some(({ limits: bounds, status }) => status === 'open' && bounds === undefined),
  )
