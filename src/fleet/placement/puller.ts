/** Digests pulled from their authors or, where these cannot be had, from those who keep them. What comes is checked or refused. */
import type { DigestBook, HeldDigest } from '../book.ts'
import { FleetError } from '../errors.ts'
import type { Peers, Signatures } from '../ports.ts'
import { MinuteQuota } from '../quota.ts'
import type { Refusals } from '../refusals.ts'
import type { HeldRow, Inventory } from './inventory.ts'
import { nearest } from './placement.ts'
import {
  decodePullAnswer,
  decodePullQuery,
  encodePullAnswer,
  encodePullQuery,
  PULL_ANSWER_BYTES,
  PULL_REQUEST,
  PULLED_MOST,
} from './pull-wire.ts'
import type { Shelf } from './shelf.ts'

/** Requests of one member, and of all, that are answered in a minute; each may be for 64 digests. */
const perPeer = 60
const inAll = 1200
const answerWaitMs = 5000
/** Of those who keep an author's digest of a content, so many are asked. */
const KEEPERS = 3
/** What could not be had is asked for again after this, twice as long each time. */
const againMs = 60_000
const againMostMs = 12 * 3_600_000
const failuresMost = 16_384
/** How far what a host tells of when its digest was made may be off what the digest says, in s. */
const slackSeconds = 2

export interface PullerPorts {
  now: () => number
  self: () => string
  peers: Peers
  signatures: Pick<Signatures, 'verify'>
  refusals: Refusals
  inventory: Inventory
  shelf: Shelf
  book: () => DigestBook
  /** Is it known to be reachable? Others are not asked. */
  isAlive: (peer: string) => boolean
}

export interface Missing {
  peer: string
  id: string
  /** One line. */
  reason: string
}

export class Puller {
  readonly #ports: PullerPorts
  readonly #quota = new MinuteQuota({ perPeer, inAll })
  /** Rows that could not be had, of the digest made then: not asked for again before. */
  readonly #failures = new Map<string, { made: number; again: number; waitMs: number }>()
  #pulled = 0
  #served = 0
  #failed = 0

  constructor(ports: PullerPorts) {
    this.#ports = ports
  }

  /** Is what is held of a row older than what its host tells of, or nothing? */
  lacks(row: HeldRow): boolean {
    const held = this.#ports.book().find(row.peer, row.id)
    return !held || isOlder(held, row)
  }

  /** Was it asked for in vain: `again` and it is time to ask once more, or `wait`? */
  failing({ peer, id, made }: HeldRow): 'again' | 'wait' | undefined {
    const failure = this.#failures.get(`${peer} ${id}`)
    if (failure?.made !== made) return undefined
    return this.#ports.now() < failure.again ? 'wait' : 'again'
  }

  /**
   * Digests of one author, 64 at most; taken into the book. The author first, then up to three of the hosts nearest to
   * it, until each is as new as the author's inventory says; of several the newest stands.
   * @returns those of which nothing could be had
   */
  async pull(author: string, rows: readonly HeldRow[]): Promise<Missing[]> {
    const { isAlive, inventory, now, self, book } = this.#ports
    let left = rows.slice(0, PULLED_MOST)
    let reason = `${author} is not heard of now`
    if (isAlive(author)) {
      reason = (await this.#from(author, author, left)) ?? reason
      left = this.#stillLacking(author, left)
      if (reason === '' && left.length > 0) reason = this.#accuse(author, left)
    }
    const asked = new Set([author, self()])
    while (left.length > 0 && asked.size < KEEPERS + 2) {
      const [first] = left as [HeldRow]
      const holders = [...inventory.holders(first), ...holdersIn(book(), first)]
      const near = nearest(author, first.content, [...new Set(holders)].filter(isAlive), now(), KEEPERS + 1)
      const keeper = near.find((peer) => !asked.has(peer))
      if (keeper === undefined) break
      asked.add(keeper)
      await this.#from(keeper, author, left)
      left = this.#stillLacking(author, left)
    }
    for (const row of rows) this.#note(row, left.includes(row))
    // An older one is better than none.
    return left
      .filter(({ id }) => book().find(author, id) === undefined)
      .map(({ id }) => ({ peer: author, id, reason }))
  }

  /** Answers a member's request: this host's own digests, or those it keeps of another. Never throws for what was sent. */
  serve(request: Uint8Array, from: { peer: string; name: string }): Uint8Array {
    const { now, self, shelf, book, refusals } = this.#ports
    try {
      const { author, ids } = decodePullQuery(request, from.peer)
      if (!this.#quota.take(from.peer, now()))
        throw new FleetError(
          'busy',
          from.peer,
          `${from.name} asks for digests more than ${perPeer} times a minute`,
        )
      const kept = () =>
        ids.flatMap((id) => {
          const held = book().find(author, id)
          return held?.envelope && held.expires > now() ? [held.envelope] : []
        })
      const envelopes = author === self() ? shelf.find(ids) : kept()
      this.#served += envelopes.length
      return encodePullAnswer({ envelopes })
    } catch (error) {
      if (!(error instanceof FleetError)) throw error
      refusals.add(error)
      return encodePullAnswer({ refused: error.reason === 'busy' ? 'busy' : 'bad-request' })
    }
  }

  gauge(): { pulled: number; served: number; failed: number; failing: number; limit: number } {
    const counts = { pulled: this.#pulled, served: this.#served, failed: this.#failed }
    return { ...counts, failing: this.#failures.size, limit: failuresMost }
  }

  /** @returns why nothing came; '' where an answer came that holds */
  async #from(peer: string, author: string, rows: readonly HeldRow[]): Promise<string> {
    const { peers, refusals } = this.#ports
    try {
      const ids = rows.map(({ id }) => id)
      const limits = { answerBytes: PULL_ANSWER_BYTES, timeoutMs: answerWaitMs }
      const bytes = await peers
        .request(peer, PULL_REQUEST, encodePullQuery({ author, ids }), limits)
        .catch((error: Error) => {
          throw new FleetError('unreachable', peer, `${peer} gave no digests: ${error.message}`, {
            cause: error,
          })
        })
      const answer = decodePullAnswer(bytes, peer)
      if ('refused' in answer)
        throw new FleetError(
          answer.refused === 'busy' ? 'busy' : 'bad-answer',
          peer,
          `${peer} refuses to give digests: ${answer.refused}`,
        )
      for (const envelope of answer.envelopes) this.#take(envelope, peer, author, rows)
      return ''
    } catch (error) {
      if (!(error instanceof FleetError)) throw error
      refusals.add(error)
      return error.message
    }
  }

  /** Whoever hands over what does not hold is counted for it; for what is wrong in a signed digest, its author. */
  #take(envelope: Uint8Array, from: string, author: string, rows: readonly HeldRow[]): void {
    const { signatures, book, refusals, now } = this.#ports
    let record: ReturnType<Signatures['verify']>
    try {
      record = signatures.verify(envelope)
    } catch {
      refusals.add({ peer: from, reason: 'bad-envelope' })
      return
    }
    if (record.kind !== 'digest' || record.peer !== author) {
      refusals.add({ peer: from, reason: 'not-the-author' })
      return
    }
    try {
      const held = book().take({ ...record, key: '', envelope }, 'pulled', now())
      if (rows.some(({ id }) => id === held.id)) this.#pulled++
      else {
        book().drop(held)
        refusals.add({ peer: from, reason: 'other-profile' })
      }
    } catch (error) {
      if (!(error instanceof FleetError)) throw error
      refusals.add({ peer: error.reason === 'stale' ? from : author, reason: error.reason })
    }
  }

  #stillLacking(author: string, rows: readonly HeldRow[]): HeldRow[] {
    const book = this.#ports.book()
    return rows.filter((row) => {
      const held = book.find(author, row.id)
      return !held || isOlder(held, row)
    })
  }

  /** It answered, and did not give what its inventory says it has: counted once a request. */
  #accuse(author: string, left: readonly HeldRow[]): string {
    const { book, refusals } = this.#ports
    const none = left.filter(({ id }) => book().find(author, id) === undefined)
    refusals.add({ peer: author, reason: none.length > 0 ? 'not-held' : 'stale' })
    return `${author} does not have ${none.length} of the profiles that its inventory names`
  }

  #note(row: HeldRow, failed: boolean): void {
    const key = `${row.peer} ${row.id}`
    const before = this.#failures.get(key)
    this.#failures.delete(key)
    if (!failed) return
    this.#failed++
    const waitMs = before?.made === row.made ? Math.min(againMostMs, before.waitMs * 2) : againMs
    this.#failures.set(key, { made: row.made, again: this.#ports.now() + waitMs, waitMs })
    if (this.#failures.size > failuresMost)
      this.#failures.delete(this.#failures.keys().next().value as string)
  }
}

/** A row says in whole seconds when its digest was made. */
const isOlder = ({ digest }: HeldDigest, row: HeldRow): boolean =>
  Math.floor(digest.made / 1000) + slackSeconds < row.made

const holdersIn = (book: DigestBook, { id }: HeldRow): string[] =>
  [...book.all()].flatMap((held) => (held.id === id ? [held.peer] : []))
