/** This host's digests on an open mesh, and those of others: gossiped, or told of in an inventory and pulled by name. */
import {
  ANSWER_BYTES,
  BODY_REQUEST,
  type Digest,
  DigestBook,
  DigestExchange,
  type OwnProfiles,
  PlacedDigests,
  type PlacementSetting,
  PULL_ANSWER_BYTES,
  PULL_REQUEST,
  PULL_REQUEST_BYTES,
  REQUEST_BYTES,
  type Refusals,
  type SketchKey,
} from '#fleet'
import type { Mesh, MeshEvent, MeshRecord } from '#mesh'

export interface MeshDigestsPorts {
  mesh: Mesh
  own: OwnProfiles
  refusals: Refusals
  now: () => number
  sketchKey: () => SketchKey | undefined
  /** Other members that have not left. */
  others: () => { peer: string; name: string }[]
  placement: { placement: PlacementSetting; neighbours: number }
}

export class MeshDigests {
  readonly #ports: MeshDigestsPorts
  readonly #self: string
  readonly book: DigestBook
  readonly exchange: DigestExchange
  readonly placed: PlacedDigests
  /** Own digests that stand as gossip, by key: only these are to be taken back. */
  readonly #gossiped = new Set<string>()

  constructor(ports: MeshDigestsPorts) {
    this.#ports = ports
    this.#self = ports.mesh.status().peer
    const { mesh, now, own, refusals, sketchKey, others, placement } = ports
    this.book = new DigestBook(refusals)
    const peers = { peers: others, request: mesh.request.bind(mesh) }
    this.placed = new PlacedDigests({
      ...{ now, peers, refusals, setting: placement.placement, neighbours: placement.neighbours },
      self: () => this.#self,
      signatures: { verify: (envelope) => mesh.verify(envelope) },
      book: () => this.book,
      isAlive: (peer) => mesh.stateOf(peer) === 'alive',
      publish: async (part, body, ttlMs) => void (await mesh.publish('inventory', `${part}`, body, ttlMs)),
      clear: (part) => mesh.clear('inventory', `${part}`),
    })
    this.exchange = new DigestExchange({
      ...{ now, own, refusals, sketchKey, peers },
      signatures: {
        sign: (key, body, ttlMs) => mesh.sign('digest', key, body, ttlMs).envelope,
        verify: (envelope) => mesh.verify(envelope),
      },
      publisher: {
        publish: (key, body, ttlMs, digest) => this.#publish(key, body, ttlMs, digest),
        clear: (key) => this.#clear(key),
      },
    })
    mesh.serve(BODY_REQUEST, (request, from) => this.exchange.serve(request, from), {
      requestBytes: REQUEST_BYTES,
      answerBytes: ANSWER_BYTES,
    })
    mesh.serve(PULL_REQUEST, async (request, from) => this.placed.puller.serve(request, from), {
      requestBytes: PULL_REQUEST_BYTES,
      answerBytes: PULL_ANSWER_BYTES,
    })
  }

  /** A record of kind `digest` or `inventory`. */
  take(change: Extract<MeshEvent, { type: 'record' }>['change'], record: MeshRecord): void {
    const { now } = this.#ports
    if (record.peer !== this.#self) {
      if (record.kind === 'digest') this.book.apply(change, record, now())
      else this.placed.take(change, record)
    } else if (change === 'raised') {
      // Told before a restart: to be told anew or taken back.
      if (record.kind === 'digest') this.#gossiped.add(record.key)
      else this.placed.shelf.stands(Number(record.key), now())
    }
  }

  forget(peer: string): void {
    this.book.forget(peer)
    this.placed.forget(peer)
  }

  /** Gossiped, or signed and kept for whoever asks; what is gossiped can be asked for as well. */
  async #publish(key: string, body: unknown, ttlMs: number, digest: Digest): Promise<void> {
    const { mesh } = this.#ports
    if (this.placed.placement.gossipsDigests) {
      const { envelope } = await mesh.publish('digest', key, body, ttlMs)
      this.#gossiped.add(key)
      this.placed.put(key, digest, envelope)
    } else this.placed.put(key, digest, mesh.sign('digest', key, body, ttlMs).envelope)
  }

  async #clear(key: string): Promise<void> {
    if (this.#gossiped.delete(key)) await this.#ports.mesh.clear('digest', key)
    this.placed.shelf.delete(key)
  }
}
