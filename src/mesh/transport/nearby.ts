/**
 * Members on the local network, by multicast DNS. Found means told of by somebody: an address to dial once, nothing more; admission
 * is as ever. The service's name is a hash of the mesh's, so whoever listens can tell hosts of one mesh from those of another, and
 * not which mesh it is; it does see PeerIds, private addresses and ports.
 */
import { type PeerInfo, start, stop } from '@libp2p/interface'
import { type MulticastDNSComponents, mdns } from '@libp2p/mdns'
import { limits, mdnsEvery } from '../limits.ts'
import { concat, fromString, hex, sha256 } from '../records/codec.ts'

/** A DNS label has 63 letters at most. */
export const serviceTag = (meshId: Uint8Array): string =>
  `_${hex(sha256(concat([fromString('lymph-mdns\0'), meshId])).subarray(0, 16))}._udp.local`

export interface NearbyOptions {
  meshId: Uint8Array
  now(): number
  /** Is it of no use to dial this peer? */
  known(peer: string): boolean
  dial(peer: string, addresses: string[]): void
}

export class Nearby {
  readonly #options: NearbyOptions
  /** When each of those found was dialled last; whoever was found longest ago gives way. */
  readonly #tried = new Map<string, number>()

  constructor(options: NearbyOptions) {
    this.#options = options
  }

  /** For `createLibp2p`. Started and stopped with the host; libp2p itself is not told whom it finds, since it would keep them all. */
  get service() {
    return (components: MulticastDNSComponents) => {
      const serviceName = serviceTag(this.#options.meshId)
      const inner = mdns({ serviceTag: serviceName, interval: mdnsEvery })(components)
      inner.addEventListener('peer', ({ detail }) => this.found(detail))
      return { start: () => start(inner), stop: () => stop(inner) }
    }
  }

  /** Somebody says that a peer is at these addresses. */
  found({ id, multiaddrs }: Pick<PeerInfo, 'id' | 'multiaddrs'>): void {
    const { now, known, dial } = this.#options
    const peer = id.toString()
    const last = this.#tried.get(peer)
    if (multiaddrs.length === 0 || known(peer) || (last !== undefined && now() - last < mdnsEvery)) return
    this.#tried.delete(peer)
    this.#tried.set(peer, now())
    if (this.#tried.size > limits.pendingPeers) this.#tried.delete(this.#tried.keys().next().value as string)
    dial(
      peer,
      multiaddrs.slice(0, limits.addresses).map((address) => address.toString()),
    )
  }

  get size(): number {
    return this.#tried.size
  }
}
