/** When to sync, and over what: it-pipe composes the session of sync.ts with the stream and its length prefixes. */
import type { Connection, Libp2p, Stream } from '@libp2p/interface'
import { messageStreamToDuplex } from '@libp2p/utils'
import * as lp from 'it-length-prefixed'
import { pipe } from 'it-pipe'
import { because } from '../errors.ts'
import { limits, protocols, type Timing } from '../limits.ts'
import { connectionTo } from '../transport/host.ts'
import { initiate, postpone, respond, type Side } from './sync.ts'
import { Turns } from './turns.ts'

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

type Session = ReturnType<typeof respond>

interface Waiting {
  done: Promise<boolean>
  resolve(done: boolean): void
  /** How often it has said 'later'. */
  put: number
  /** Not before this, by `performance.now()`. */
  from: number
}

/** A peer that says 'later' is asked again after this and up to twice this, then twice as long, so often. */
const laterMs = 150
const laterTimes = 6

/** How many others hear of news that a sync brought; each passes it on in turn. */
const spread = 3

export class Synchroniser {
  readonly #options: SynchroniserOptions
  readonly #timers = new Set<NodeJS.Timeout>()
  readonly #asking = new Turns({ atOnce: 1, atMost: limits.syncStreams })
  readonly #answering = new Turns({ atOnce: 2, atMost: limits.syncStreams })
  /** Peers to sync with when their turn comes, in this order. At most as many as are connected. */
  readonly #waiting = new Map<string, Waiting>()
  readonly #fresh = new Set<string>()
  #spreading = false
  #looking = false
  #stopped = false
  bytesSent = 0

  constructor(options: SynchroniserOptions) {
    this.#options = options
  }

  get running(): number {
    return this.#asking.size + this.#answering.size
  }

  get waiting(): number {
    return this.#waiting.size
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
    for (const { resolve } of this.#waiting.values()) resolve(false)
    this.#waiting.clear()
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

  /** Resolves true when both sides have gone through a whole sync, false where none could be had. Never throws. */
  with(peer: string): Promise<boolean> {
    if (this.#stopped || this.#asking.has(peer) || this.#answering.has(peer)) return Promise.resolve(false)
    const before = this.#waiting.get(peer)
    if (before !== undefined) return before.done
    const { promise, resolve } = Promise.withResolvers<boolean>()
    this.#waiting.set(peer, { done: promise, resolve, put: 0, from: 0 })
    this.#next()
    return promise
  }

  /** Begins whatever has its turn. */
  #next(): void {
    const now = performance.now()
    for (const [peer, waiting] of this.#waiting) {
      if (!this.#asking.free(now)) break
      if (waiting.from > now) continue
      this.#waiting.delete(peer)
      void this.#ask(peer, waiting)
    }
    // What nothing ends in time is looked at again; so is what waits for its moment.
    if (this.#waiting.size === 0 || this.#looking) return
    this.#looking = true
    this.#after(laterMs, () => {
      this.#looking = false
      this.#next()
    })
  }

  async #ask(peer: string, waiting: Waiting): Promise<void> {
    this.#asking.begin(peer, performance.now())
    const said = await this.#exchange(peer)
    this.#asking.end(peer, performance.now())
    if (said === 'later' && waiting.put < laterTimes && !this.#stopped) {
      const wait = laterMs * 2 ** waiting.put * (1 + this.#options.random())
      this.#waiting.set(peer, { ...waiting, put: waiting.put + 1, from: performance.now() + wait })
    } else waiting.resolve(said === 'done')
    this.#next()
  }

  async #exchange(peer: string): Promise<'done' | 'later' | 'failed'> {
    const { host, side, admitted, log, count } = this.#options
    const connection = admitted(peer) ? connectionTo(host, peer) : undefined
    if (connection === undefined) return 'failed'
    try {
      let later = false
      const session = initiate(side, () => {
        later = true
      })
      const signal = AbortSignal.timeout(this.#options.timing.exchange)
      const stream = await connection.newStream(protocols.sync, { signal, runOnLimitedConnection: true })
      await this.#run(stream, session, peer, this.#asking, signal)
      return later ? 'later' : 'done'
    } catch (error) {
      // A host that is only completing its joining does not sync yet.
      if (error instanceof Error && error.name === 'UnsupportedProtocolError') return 'failed'
      count('sync-failed')
      log.info(`sync with ${peer}: ${because(error)}`)
      return 'failed'
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
    const put = (this.#asking.has(peer) && self < peer) || this.#answering.has(peer)
    if (put || !this.#answering.free(performance.now())) {
      const signal = AbortSignal.timeout(timing.hello)
      await this.#run(stream, postpone(side), peer, undefined, signal).catch(() => undefined)
      return
    }
    this.#answering.begin(peer, performance.now())
    try {
      const signal = AbortSignal.timeout(timing.exchange)
      await this.#run(stream, respond(side), peer, this.#answering, signal)
    } catch (error) {
      count('sync-failed')
      log.info(`sync of ${peer}: ${because(error)}`)
    } finally {
      this.#answering.end(peer, performance.now())
    }
  }

  async #run(
    stream: Stream,
    session: Session,
    peer: string,
    turns: Turns | undefined,
    signal: AbortSignal,
  ): Promise<void> {
    const stir = () => turns?.stir(peer, performance.now())
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
          for await (const message of source) {
            stir()
            yield message.subarray()
          }
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
        (source) => this.#weigh(source, stir),
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

  async *#weigh(source: AsyncIterable<Uint8Array>, stir: () => void): AsyncGenerator<Uint8Array> {
    for await (const message of source) {
      this.bytesSent += message.length
      yield message
      stir()
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
