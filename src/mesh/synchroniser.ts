/** When to sync, and over what: it-pipe composes the session of sync.ts with the stream and its length prefixes. */
import type { Connection, Libp2p, Stream } from '@libp2p/interface'
import { messageStreamToDuplex } from '@libp2p/utils'
import * as lp from 'it-length-prefixed'
import { pipe } from 'it-pipe'
import { because } from './errors.ts'
import { connectionTo } from './host.ts'
import { limits, protocols, type Timing } from './limits.ts'
import { initiate, postpone, respond, type Side } from './sync.ts'

export interface SynchroniserOptions {
  host: Libp2p
  self: string
  side: Side
  timing: Timing
  random(): number
  /** Admitted peers. */
  peers(): string[]
  admitted(peer: string): boolean
  /** Is it admitted, and has it not asked too often? */
  may(peer: string): boolean
  count(reason: string): void
  /** How many records were taken in so far: growth during a sync is news for others. */
  taken(): number
  log: { info(message: string): void }
}

type Session = ReturnType<typeof initiate>

/** How many others hear of news that a sync brought; each passes it on in turn. */
const spread = 3

export class Synchroniser {
  readonly #options: SynchroniserOptions
  readonly #timers = new Set<NodeJS.Timeout>()
  readonly #busy = new Set<string>()
  readonly #answering = new Set<string>()
  readonly #fresh = new Set<string>()
  #spreading = false
  #stopped = false
  bytesSent = 0

  constructor(options: SynchroniserOptions) {
    this.#options = options
  }

  get running(): number {
    return this.#busy.size + this.#answering.size
  }

  async serve(): Promise<void> {
    await this.#options.host.handle(
      protocols.sync,
      (stream, connection) => this.#answer(stream, connection),
      {
        maxInboundStreams: 2,
        runOnLimitedConnection: true,
      },
    )
  }

  start(): void {
    const { timing, random, peers } = this.#options
    const next = () => {
      const all = peers()
      const peer = all[Math.floor(random() * all.length)]
      if (peer !== undefined) void this.with(peer)
      this.#after(timing.sync * (0.75 + random() / 2), next)
    }
    this.#after(timing.sync * (0.75 + random() / 2), next)
  }

  stop(): void {
    this.#stopped = true
    for (const timer of this.#timers) clearTimeout(timer)
    this.#timers.clear()
  }

  /** With a peer just admitted: now, and again when gossip surely counts it in. */
  greeted(peer: string, initiator: boolean): void {
    this.#fresh.add(peer)
    if (initiator) void this.with(peer)
    this.#after(this.#options.timing.settle, () => {
      this.#fresh.delete(peer)
      if (initiator) void this.with(peer)
    })
  }

  /** Something was published: gossip may still doubt who was admitted a moment ago, so they are told this way. */
  published(): void {
    for (const peer of this.#fresh) void this.with(peer)
  }

  /** Resolves true when both sides have gone through a whole sync. Never throws. */
  async with(peer: string): Promise<boolean> {
    const { host, side, admitted, log, count } = this.#options
    if (this.#stopped || !admitted(peer) || this.#busy.has(peer) || this.#answering.has(peer)) return false
    const connection = connectionTo(host, peer)
    if (connection === undefined) return false
    this.#busy.add(peer)
    try {
      const signal = AbortSignal.timeout(this.#options.timing.exchange)
      const stream = await connection.newStream(protocols.sync, { signal, runOnLimitedConnection: true })
      await this.#run(stream, initiate(side), peer, signal)
      return true
    } catch (error) {
      // A host that is only completing its joining does not sync yet.
      if (error instanceof Error && error.name === 'UnsupportedProtocolError') return false
      count('sync-failed')
      log.info(`sync with ${peer}: ${because(error)}`)
      return false
    } finally {
      this.#busy.delete(peer)
    }
  }

  async #answer(stream: Stream, connection: Connection): Promise<void> {
    const { admitted, may, side, self, count, log, timing } = this.#options
    const peer = connection.remotePeer.toString()
    if (!may(peer)) {
      count(admitted(peer) ? 'questions' : 'pending')
      stream.abort(new Error('not a member'))
      return
    }
    // Two that begin at once would send everything twice: the lower PeerId's turn goes on.
    if (this.#answering.size >= limits.syncStreams || (this.#busy.has(peer) && self < peer)) {
      await this.#run(stream, postpone(), peer, AbortSignal.timeout(timing.hello)).catch(() => undefined)
      return
    }
    this.#answering.add(peer)
    try {
      await this.#run(stream, respond(side), peer, AbortSignal.timeout(timing.exchange))
    } catch (error) {
      count('sync-failed')
      log.info(`sync of ${peer}: ${because(error)}`)
    } finally {
      this.#answering.delete(peer)
    }
  }

  async #run(stream: Stream, session: Session, peer: string, signal: AbortSignal): Promise<void> {
    const duplex = messageStreamToDuplex(stream)
    const before = this.#options.taken()
    const cut = () => stream.abort(new Error('the sync took too long'))
    signal.addEventListener('abort', cut, { once: true })
    let failure: unknown
    try {
      await pipe(
        duplex,
        (source) => lp.decode(source, { maxDataLength: limits.syncMessageBytes }),
        async function* (source) {
          for await (const message of source) yield message.subarray()
        },
        async function* (source) {
          try {
            yield* session(source)
          } catch (error) {
            // The sink would only report that the stream ended; why it did is here.
            failure = error
            stream.abort(error instanceof Error ? error : new Error(String(error)))
          }
        },
        (source) => this.#weigh(source),
        lp.encode,
        duplex,
      )
    } catch (error) {
      throw failure ?? error
    } finally {
      signal.removeEventListener('abort', cut)
    }
    if (failure !== undefined) throw failure
    if (this.#options.taken() > before) this.#spread(peer)
  }

  async *#weigh(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const message of source) {
      this.bytesSent += message.length
      yield message
    }
  }

  /** What came by sync is not gossiped, so some neighbours are asked to compare too. */
  #spread(from: string): void {
    if (this.#spreading) return
    this.#spreading = true
    this.#after(100 + this.#options.random() * 200, () => {
      this.#spreading = false
      const others = this.#options.peers().filter((peer) => peer !== from)
      for (let i = 0; i < spread && others.length > 0; i++) {
        const [peer] = others.splice(Math.floor(this.#options.random() * others.length), 1)
        void this.with(peer as string)
      }
    })
  }

  #after(ms: number, then: () => void): void {
    if (this.#stopped) return
    const timer = setTimeout(() => {
      this.#timers.delete(timer)
      then()
    }, ms)
    this.#timers.add(timer)
  }
}
