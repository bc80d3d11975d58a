/** Hosts with chosen placement in one process, without a mesh: what is published is heard at once, signatures are a word. */
import { decode, encode } from 'cborg'
import {
  type ContentKey,
  type Digest,
  DigestBook,
  digestKey,
  encodeDigest,
  makeDigest,
  PlacedDigests,
  Refusals,
} from '#fleet'
import { encodeProfile } from '#homeostasis'
import { profile, startTime } from '../support.ts'

const day = 24 * 3_600_000

export interface HostOptions {
  neighbours: number
  setting?: 'auto' | 'everywhere' | 'chosen'
}

/** One after another, so that nothing depends on what runs first. */
export class Fleet {
  now = startTime
  readonly hosts = new Map<string, TestHost>()

  add(peer: string, options: HostOptions): TestHost {
    const host = new TestHost(this, peer, options)
    for (const other of this.hosts.values())
      for (const [part, body] of other.told)
        host.placed.take('raised', { key: `${part}`, peer: other.peer, body })
    this.hosts.set(peer, host)
    return host
  }

  /** It is gone, and all know. */
  leave(peer: string): void {
    this.hosts.delete(peer)
    for (const { placed, book } of this.hosts.values()) {
      placed.forget(peer)
      book.forget(peer)
    }
  }

  tell(from: TestHost, part: number, body: unknown): void {
    const change = from.told.has(part) ? 'refreshed' : 'raised'
    if (body === undefined) from.told.delete(part)
    else from.told.set(part, body)
    for (const host of this.hosts.values())
      if (host !== from)
        host.placed.take(body === undefined ? 'cleared' : change, { key: `${part}`, peer: from.peer, body })
  }

  /** Every host does what it does every five seconds, until nothing waits; then what is surplus goes. */
  async settle(): Promise<void> {
    for (let round = 0; round < 4; round++) {
      for (const host of this.hosts.values()) {
        host.placed.settle(this.hosts.size, host.contents.length)
        await host.placed.tell()
      }
      for (let waits = true; waits; ) {
        waits = false
        for (const { placed, contents } of this.hosts.values()) {
          placed.pull(contents)
          await until(() => placed.gauge().pulls.running === 0)
          waits ||= placed.gauge().plan.waiting > 0
        }
        // Sixty requests a minute.
        this.now += 60_000
      }
      this.now += 11 * 60_000
    }
  }
}

export class TestHost {
  readonly refusals = new Refusals()
  readonly book = new DigestBook(this.refusals)
  readonly placed: PlacedDigests
  readonly told = new Map<number, unknown>()
  readonly contents: ContentKey[] = []
  readonly peer: string
  /** Bytes it hands over instead; undefined: as it should. */
  serves: ((request: Uint8Array, from: string) => Uint8Array) | undefined
  alive = true
  asked = 0
  readonly #fleet: Fleet

  constructor(fleet: Fleet, peer: string, { neighbours, setting = 'chosen' }: HostOptions) {
    this.#fleet = fleet
    this.peer = peer
    this.placed = new PlacedDigests({
      ...{ setting, neighbours, refusals: this.refusals },
      now: () => fleet.now,
      self: () => peer,
      peers: {
        peers: () => [...fleet.hosts.values()].map((host) => ({ peer: host.peer, name: host.peer })),
        request: async (to, _, bytes) => {
          const host = fleet.hosts.get(to)
          if (!host?.alive) throw new Error('it is away')
          host.asked++
          return host.serves?.(bytes, peer) ?? host.placed.puller.serve(bytes, { peer, name: peer })
        },
      },
      signatures: { verify: opened },
      book: () => this.book,
      isAlive: (one) => fleet.hosts.get(one)?.alive ?? false,
      publish: async (part, body) => fleet.tell(this, part, body),
      clear: async (part) => fleet.tell(this, part, undefined),
    })
  }

  /** It has learned a program. @returns the digest, signed */
  learn(sha256: string, pairs = 3, binary = '/usr/sbin/nginx'): Uint8Array {
    const digest = digestOf(sha256, this.#fleet.now, pairs, binary)
    const envelope = signed(this.peer, digest, this.#fleet.now)
    const { abi, window } = digest
    if (!this.contents.some(({ content }) => content === sha256))
      this.contents.push({ content: sha256, abi, window })
    this.placed.put(digestKey(digest), digest, envelope)
    return envelope
  }

  /** Whose digests of a content it has. */
  keeps(content: string): string[] {
    return [...this.book.all()]
      .flatMap(({ digest, peer }) => (digest.sha256 === content ? [peer] : []))
      .sort()
  }
}

export function digestOf(sha256: string, made: number, pairs = 3, binary = '/usr/sbin/nginx'): Digest {
  const triples = Array.from({ length: pairs }, (_, n) => [n, 0, 1] as [number, number, number])
  const record = profile({ binary, sha256 }, triples)
  return makeDigest(record, encodeProfile(record), { lost: 0, made })
}

export const signed = (peer: string, digest: Digest, made: number, lasts = day): Uint8Array =>
  encode({ peer, made, expires: made + lasts, body: encodeDigest(digest), sig: `signed by ${peer}` })

function opened(envelope: Uint8Array) {
  const { peer, made, expires, body, sig } = decode(envelope)
  if (sig !== `signed by ${peer}`) throw new Error('the signature does not hold')
  return { kind: 'digest', peer, name: peer, made, expires, body }
}

/** Everything here is done within a few turns. */
async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setImmediate(resolve))
}
