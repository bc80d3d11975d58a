import { type Announceable, Announcer, type AnnounceSettings } from './announcer.ts'
import { digestKey, type SketchKey } from './digest.ts'
import { encodeDigest } from './digest-wire.ts'
import { FleetError } from './errors.ts'
import type { BodyQuery, OwnProfiles, Peers, Publisher, Signatures } from './ports.ts'
import { MinuteQuota } from './quota.ts'
import type { Refusals } from './refusals.ts'
import type { Digest } from './types.ts'
import { type VerifiedProfile, verifyBody } from './verify.ts'
import {
  ANSWER_BYTES,
  BODY_BYTES,
  BODY_REQUEST,
  decodeAnswer,
  decodeQuery,
  encodeAnswer,
  encodeQuery,
} from './wire.ts'

/** Bodies given to one member a minute, and to all: making one costs a reading of the tables. */
const bodiesPerPeer = 30
const bodiesInAll = 240
const fetchTimeoutMs = 20_000
/** Peers asked at the same time: each may be sending 8 MiB. */
const fetchesAtOnce = 4

export interface ExchangePorts {
  now: () => number
  own: OwnProfiles
  peers: Peers
  signatures: Signatures
  publisher: Publisher
  refusals: Refusals
  /** What sketches are made with now; undefined where there is no mesh. */
  sketchKey: () => SketchKey | undefined
}

/** Digests told, bodies given and fetched. What another host sends is checked to the last claim or refused. */
export class DigestExchange {
  readonly #ports: ExchangePorts
  readonly #announcer: Announcer
  readonly #given = new MinuteQuota({ perPeer: bodiesPerPeer, inAll: bodiesInAll })

  constructor(ports: ExchangePorts, announce: Partial<AnnounceSettings> = {}) {
    this.#ports = ports
    this.#announcer = new Announcer(announce)
  }

  /**
   * Tells the mesh what is new of this host's profiles; call it every few seconds with all of them. A digest that could
   * not be published is tried again next time.
   * @param digestOf makes the digest of a profile that is due; undefined: the profile is no more
   * @returns how many were published and cleared, and what went wrong first
   */
  async announce<Profile extends Announceable>(
    profiles: Iterable<Profile>,
    digestOf: (profile: Profile) => Promise<Digest | undefined>,
  ): Promise<{ published: number; cleared: number; error?: Error }> {
    const { now, publisher } = this.#ports
    const { ttlMs } = this.#announcer.settings
    const { publish, clear } = this.#announcer.decide(profiles, now())
    const done: { published: number; cleared: number; error?: Error } = { published: 0, cleared: 0 }
    const attempt = async (act: () => Promise<void>): Promise<boolean> => {
      try {
        await act()
        return true
      } catch (error) {
        done.error ??= error as Error
        return false
      }
    }
    for (const { key, profile } of publish) {
      const told = await attempt(async () => {
        const digest = await digestOf(profile)
        if (digest) await publisher.publish(key, encodeDigest(digest), ttlMs, digest)
      })
      if (!told) continue
      this.#announcer.published(key, profile, now())
      done.published++
    }
    for (const key of clear)
      if (await attempt(() => publisher.clear(key))) {
        this.#announcer.cleared(key)
        done.cleared++
      }
    return done
  }

  /** All digests are due again, at their rate: they are told in another way now. */
  tellAnew(): void {
    this.#announcer.forget()
  }

  /** Answers a member's request for a body. Never throws for what the member sent: it is told a word, and counted. */
  async serve(request: Uint8Array, from: { peer: string; name: string }): Promise<Uint8Array> {
    try {
      const query = decodeQuery(request, from.peer)
      this.#spend(from)
      const found = await this.#ports.own.find(query)
      if (!found) return encodeAnswer({ refused: 'not-held' })
      if (found.file.length > BODY_BYTES) return encodeAnswer({ refused: 'too-large' })
      const { digest, file } = found
      const { ttlMs } = this.#announcer.settings
      const envelope = this.#ports.signatures.sign(digestKey(digest), encodeDigest(digest), ttlMs)
      return encodeAnswer({ envelope, body: file })
    } catch (error) {
      if (!(error instanceof FleetError)) throw error
      this.#ports.refusals.add(error)
      return encodeAnswer({ refused: error.reason === 'busy' ? 'busy' : 'bad-request' })
    }
  }

  /** One peer's profile, verified. Throws FleetError, which has been counted for that peer. */
  async fetch(from: { peer: string; name: string }, query: BodyQuery): Promise<VerifiedProfile> {
    try {
      const answer = decodeAnswer(await this.#request(from, query), from.peer)
      if ('refused' in answer)
        throw new FleetError(answer.refused, from.peer, `${from.name} refuses: ${answer.refused}`)
      const { envelope, body } = answer
      const { signatures, now, sketchKey } = this.#ports
      return verifyBody(from, query, envelope, body, signatures, now(), sketchKey())
    } catch (error) {
      if (error instanceof FleetError) this.#ports.refusals.add(error)
      throw error
    }
  }

  /** The profiles of several peers, a few at a time; who gave none, and why. */
  async fetchAll(
    from: { peer: string; name: string }[],
    query: BodyQuery,
  ): Promise<{ profiles: VerifiedProfile[]; refused: FleetError[] }> {
    const profiles: VerifiedProfile[] = []
    const refused: FleetError[] = []
    const waiting = [...from]
    const next = async (): Promise<void> => {
      for (let one = waiting.shift(); one; one = waiting.shift())
        try {
          profiles.push(await this.fetch(one, query))
        } catch (error) {
          if (!(error instanceof FleetError)) throw error
          refused.push(error)
        }
    }
    await Promise.all(Array.from({ length: fetchesAtOnce }, next))
    return { profiles, refused }
  }

  async #request(from: { peer: string; name: string }, query: BodyQuery): Promise<Uint8Array> {
    try {
      return await this.#ports.peers.request(from.peer, BODY_REQUEST, encodeQuery(query), {
        answerBytes: ANSWER_BYTES,
        timeoutMs: fetchTimeoutMs,
      })
    } catch (error) {
      const said = isTooLong(error)
        ? ([
            'too-large',
            `${from.name} sends more than the ${ANSWER_BYTES} bytes a body may have; nothing of it was read`,
          ] as const)
        : (['unreachable', `${from.name} gave no answer: ${(error as Error).message}`] as const)
      throw new FleetError(said[0], from.peer, said[1], { cause: error })
    }
  }

  #spend(from: { peer: string; name: string }): void {
    if (!this.#given.take(from.peer, this.#ports.now()))
      throw new FleetError(
        'busy',
        from.peer,
        `${from.name} asked for more than ${bodiesPerPeer} bodies in a minute`,
      )
  }
}

/** The stream was cut because its length prefix announced more than was agreed. */
function isTooLong(error: unknown): boolean {
  for (let cause = error; cause instanceof Error; cause = cause.cause)
    if (/DataLength/.test(cause.name)) return true
  return false
}
