/**
 * `/lymph/admin/1`: two members bring one another's admin log and ring up to date. One question, one answer: head, the entries
 * the other is known to lack, the keys held and those the other lacks. Whoever says something new tells every peer; whoever
 * learns it tells, a moment later, those that do not have it yet. Who has it is seen from the answers, and from the `alive` of
 * those further away.
 */
import type { Libp2p } from '@libp2p/interface'
import { z } from 'zod'
import { because } from '../errors.ts'
import { bytes } from '../identity/certificate.ts'
import { type Identity, writeAdminLog, writeRing } from '../identity/identity.ts'
import { inForce, lacking, merged } from '../identity/ring.ts'
import { limits, protocols } from '../limits.ts'
import { askOn, serveOn } from '../members/ask.ts'
import type { Directory, Entry } from '../members/directory.ts'
import { decode, encode, equals } from '../records/codec.ts'
import { ringKey } from '../transport/protector.ts'
import { adminEntries } from './adminlog.ts'
import type { AdminStatement } from './adminstate.ts'

export const adminHead = z.strictObject({ seq: z.int().nonnegative(), hash: bytes(32) })
type Head = z.infer<typeof adminHead>

const ids = z.array(z.string().regex(/^[0-9a-f]{16}$/)).max(16)
const keys = z.array(bytes(32)).max(limits.ringKeys)
/** `held`: ids of the keys in force that the speaker holds. */
const message = z.object({ head: adminHead, entries: adminEntries, keys, held: ids })
type Message = z.infer<typeof message>

const messageBytes = 1 << 20
/** What does not fit comes with the next question. */
export const entryBytesAtOnce = messageBytes / 2
const timeoutMs = 4000
/** How long what was learnt waits before it is passed on, ms; up to twice that. */
const passAfter = 150
/** Questions in a row; whoever still differs then is compared with at the next occasion. */
const rounds = 4

export interface AdministrationOptions {
  host: Libp2p
  identity: Identity
  directory: Directory
  now(): number
  random(): number
  count(reason: string): void
  log: { info(message: string): void; warn(message: string): void }
  /** Admitted peers. */
  peers(): string[]
  /** Entries of the admin log that are new here, or keys. */
  ruled(statements: AdminStatement[]): void
}

export class Administration {
  readonly #options: AdministrationOptions
  readonly #asking = new Set<string>()
  readonly #again = new Set<string>()
  #forkSaid = -1
  #passing: NodeJS.Timeout | undefined
  #catching: NodeJS.Timeout | undefined

  constructor(options: AdministrationOptions) {
    this.#options = options
  }

  async serve(may: (peer: string) => boolean): Promise<void> {
    const { host } = this.#options
    const bounds = {
      requestBytes: messageBytes,
      answerBytes: messageBytes,
      timeoutMs,
      streams: limits.adminStreams,
    }
    await serveOn(host, protocols.admin, bounds, may, async (asked, peer) => {
      const theirs = message.parse(decode(asked))
      this.#take(theirs, peer)
      return encode(this.#message(theirs.head.seq, theirs.held))
    })
  }

  /** Compares with one peer. Resolves whether it answered; never throws. One at a time a peer; what came meanwhile follows. */
  async with(peer: string): Promise<boolean> {
    if (this.#asking.has(peer)) {
      this.#again.add(peer)
      return false
    }
    this.#asking.add(peer)
    try {
      for (let round = 0; round < rounds; round++) {
        this.#again.delete(peer)
        await this.#ask(peer)
        if (!this.#again.has(peer)) break
      }
      return true
    } catch (error) {
      this.#options.log.info(`the admin log was not compared: ${because(error)}`)
      return false
    } finally {
      this.#asking.delete(peer)
      this.#again.delete(peer)
    }
  }

  stop(): void {
    clearTimeout(this.#passing)
    clearTimeout(this.#catching)
  }

  /**
   * Tells the peers that do not have it yet: a moment later, since by then most have said that they heard it from whoever said it
   * first (their `alive` tells).
   */
  #passOn(): void {
    const { random, peers, directory, identity } = this.#options
    clearTimeout(this.#passing)
    this.#passing = setTimeout(
      () => {
        const { seq } = identity.admin.head()
        const held = this.held()
        for (const peer of peers()) {
          const entry = directory.get(peer)
          const has =
            (entry?.adminSeq ?? 0) >= seq && held.every((id) => entry?.ringHeld?.includes(id) !== false)
          if (!has) void this.with(peer)
        }
      },
      passAfter * (1 + random()),
    )
    this.#passing.unref()
  }

  /** Something of this host's own making holds now: kept, obeyed, told. */
  issue(entries: Uint8Array[]): void {
    const { identity } = this.#options
    const statements = entries.map((entry) => identity.admin.append(entry))
    writeAdminLog(identity)
    this.#prune()
    this.#options.ruled(statements)
    for (const peer of this.#options.peers()) void this.with(peer)
  }

  /** A peer's sign of life tells that it knows more: it is asked, unless somebody has told meanwhile. */
  catchUp(entry: Entry): void {
    const { identity, random } = this.#options
    const behind = () => entry.adminSeq > identity.admin.head().seq || this.#lacking().length > 0
    if (this.#catching !== undefined || !behind()) return
    this.#catching = setTimeout(
      () => {
        this.#catching = undefined
        if (behind()) void this.with(entry.certificate.peer)
      },
      passAfter * (1 + random()),
    )
    this.#catching.unref()
  }

  /** Ids of the keys in force that are held here. */
  held(): string[] {
    const { identity, now } = this.#options
    return inForce(identity.ring, identity.admin.rules(now())).map(({ id }) => id)
  }

  /** Takes entries in that a peer has told. Counts and warns where its history is another than ours. */
  learn(head: Head, entries: Uint8Array[]): void {
    const { identity, log, ruled } = this.#options
    const { admin } = identity
    const shared = Math.min(head.seq, admin.head().seq)
    const ours = admin.hashAt(shared)
    if (shared === head.seq) {
      if (ours !== undefined && !equals(ours, head.hash)) this.#fork(shared, head.hash)
      return
    }
    const learnt: AdminStatement[] = []
    for (const entry of entries)
      try {
        const place = admin.place(entry)
        if (place === 'early') break
        if (place === 'next') learnt.push(admin.append(entry))
      } catch (error) {
        log.warn(because(error))
        this.#fork(admin.head().seq + 1, head.hash)
        break
      }
    if (learnt.length === 0) return
    writeAdminLog(identity)
    this.#prune()
    ruled(learnt)
    this.#passOn()
  }

  async #ask(peer: string): Promise<void> {
    const { host, directory } = this.#options
    const entry = directory.get(peer)
    const question = encode(this.#message(entry?.adminSeq ?? Number.POSITIVE_INFINITY, entry?.ringHeld))
    const answer = await askOn(host, protocols.admin, peer, question, {
      answerBytes: messageBytes,
      timeoutMs,
    })
    const theirs = message.parse(decode(answer))
    this.#take(theirs, peer)
    // Only now it is known which keys the other side lacks.
    if (this.held().some((id) => !theirs.held.includes(id))) this.#again.add(peer)
  }

  /** `theirs`: the keys the other side holds; unknown, none is sent. */
  #message(theirSeq: number, theirs: readonly string[] | undefined): Message {
    const { identity, now } = this.#options
    const { admin, ring } = identity
    const standing = inForce(ring, admin.rules(now()))
    return {
      head: admin.head(),
      entries: fitting(admin.since(theirSeq), entryBytesAtOnce),
      keys: standing.filter(({ id }) => theirs?.includes(id) === false).map(({ key }) => key),
      held: standing.map(({ id }) => id),
    }
  }

  #take(theirs: Message, peer: string): void {
    const { identity, directory, now, ruled } = this.#options
    this.learn(theirs.head, theirs.entries)
    const entry = directory.get(peer)
    if (entry !== undefined) {
      // Questions overtake one another: what was asked before something was learnt may come after the answer.
      entry.adminSeq = Math.max(entry.adminSeq, theirs.head.seq)
      entry.ringHeld = theirs.held
    }
    const rules = identity.admin.rules(now())
    const wanted = lacking(identity.ring, rules)
    const news = theirs.keys.map(ringKey).filter(({ id }) => wanted.includes(id))
    if (news.length === 0) return
    writeRing(identity, merged(identity.ring, news, rules))
    ruled([])
    this.#passOn()
  }

  /** Keys that the log wants no more are not kept. The last one stays: without any, this host could not even ask. */
  #prune(): void {
    const { identity, now } = this.#options
    const ring = merged(identity.ring, [], identity.admin.rules(now()))
    if (ring.length > 0 && ring.length < identity.ring.length) writeRing(identity, ring)
  }

  #lacking(): string[] {
    const { identity, now } = this.#options
    return lacking(identity.ring, identity.admin.rules(now()))
  }

  #fork(at: number, hash: Uint8Array): void {
    const { count, log } = this.#options
    count('admin-fork')
    const print = Buffer.from(hash).readInt32BE()
    if (this.#forkSaid === print) return
    this.#forkSaid = print
    log.warn(
      `the admin log of the mesh has forked at entry ${at}: two histories are signed; someone copied or restored an issuer's key. Compare lymph mesh status on the hosts, and revoke the issuer that should not exist`,
    )
  }
}

/** The first entries that fit into `size` bytes. */
export function fitting(entries: Uint8Array[], size: number): Uint8Array[] {
  let taken = 0
  const end = entries.findIndex((entry) => {
    taken += entry.length + 5
    return taken > size
  })
  return end === -1 ? entries : entries.slice(0, end)
}
