/**
 * Members whose gossip does not arrive any more: their stream has died (one message too large is enough) while the connection
 * and both sides' idea of the mesh live on. Nobody else notices, so their connection is closed, and made anew.
 */
import type { MeshHost } from '../transport/host.ts'

/** A stream is made shortly after the connection, and again when it ends: for so long it may be missing. */
const patienceMs = 10_000

export class Deaf {
  readonly #since = new Map<string, number>()

  /** Peers among `admitted` that have sent nothing for too long, for want of a stream. At most as many are kept as are admitted. */
  look(host: MeshHost, admitted: string[], now: number): string[] {
    const { streamsInbound } = host.services.pubsub as unknown as { streamsInbound?: Map<string, unknown> }
    if (streamsInbound === undefined) return []
    const without = new Set(admitted.filter((peer) => !streamsInbound.has(peer)))
    for (const peer of this.#since.keys()) if (!without.has(peer)) this.#since.delete(peer)
    const late: string[] = []
    for (const peer of without) {
      const since = this.#since.get(peer)
      if (since === undefined) this.#since.set(peer, now)
      else if (now - since > patienceMs) {
        late.push(peer)
        this.#since.delete(peer)
      }
    }
    return late
  }

  get size(): number {
    return this.#since.size
  }
}
