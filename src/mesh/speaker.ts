/** What this host says: signed, kept, gossiped. Its own sign of life among it. */
import type { Administration } from './administration/administration.ts'
import { because, MeshError } from './errors.ts'
import type { Identity } from './identity/identity.ts'
import type { MeshRecord } from './interface.ts'
import { limits, type Timing, topic } from './limits.ts'
import type { OpenOptions } from './options.ts'
import { type Alive, aliveKey } from './records/alive.ts'
import type { StatementKind } from './records/envelope.ts'
import type { Ledger, Saying } from './records/ledger.ts'
import type { Writes } from './records/writes.ts'
import type { Synchroniser } from './sync/synchroniser.ts'
import type { MeshHost } from './transport/host.ts'
import type { Reach } from './transport/reach.ts'

export interface SpeakerOptions {
  options: OpenOptions
  identity: Identity
  host: MeshHost
  ledger: Ledger
  administration: Administration
  synchroniser: Synchroniser
  writes: Writes
  reach: Reach
  timing: Timing
  now(): number
}

export class Speaker {
  readonly #options: SpeakerOptions
  #ended = false

  constructor(options: SpeakerOptions) {
    this.#options = options
  }

  /** Nothing is said from now on. */
  end(): void {
    this.#ended = true
  }

  /** Throws MeshError 'stopped', 'too-large', 'bad-record'. Resolves when it is kept. */
  async say(
    kind: StatementKind,
    key: string,
    body: unknown,
    ttlMs: number,
    more: Saying = {},
  ): Promise<MeshRecord> {
    if (this.#ended) throw new MeshError('stopped', 'this host has left or is stopping')
    const { ledger, host, synchroniser, writes, now, options } = this.#options
    const statement = ledger.say(kind, key, body, ttlMs, more)
    const sent = host.services.pubsub.publish(topic, statement.envelope)
    // What gossip could not send is kept, and the next sync carries it.
    await sent.catch((error) => options.log.warn(`gossip: ${because(error)}`))
    synchroniser.published()
    await writes.flush()
    return ledger.record(statement, Math.round(now()))
  }

  /** Where this host listens, how far it follows the admin log, and how far its journal reaches. */
  alive(): Alive {
    const { options, identity, administration, reach } = this.#options
    const admin = identity.admin.head().seq
    const said = {
      addresses: reach.addresses(),
      version: options.version,
      admin,
      ring: administration.held(),
    }
    const journal = options.journal?.()
    return { ...said, ...(reach.serves ? { relay: true } : {}), ...(journal ? { journal } : {}) }
  }

  async sayAlive(): Promise<void> {
    if (this.#ended || this.#options.options.quiet === true) return
    const { timing, options } = this.#options
    await this.say('alive', aliveKey, this.alive(), timing.silent).catch((error) =>
      options.log.warn(because(error)),
    )
  }

  /** Vouches for what was said lately, where that is enough to be worth a signature. */
  vouch(): void {
    const due =
      this.#ended || this.#options.options.quiet === true ? undefined : this.#options.ledger.manifest()
    if (due === undefined) return
    this.say('manifest', due.key, due.body, due.ttlMs).catch((error) =>
      this.#options.options.log.warn(because(error)),
    )
  }

  /** Takes back all that was said, and says goodbye. */
  async leave(): Promise<void> {
    for (const { kind, key } of this.#options.ledger.own())
      await this.say(kind, key, null, 1, { clear: true })
    await this.say('alive', aliveKey, this.alive(), limits.leaveLifetime, { clear: true })
  }
}
