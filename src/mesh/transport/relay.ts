/**
 * Circuit relay v2 (libp2p specs, relay/circuit-v2): members that can be dialled carry connections to those that cannot. What passes
 * is the other two's own pre-shared key and noise, so a relay sees ciphertext; it serves admitted members alone, within bounds.
 * libp2p's part does the talking; who may, how much, and when a slot ends is decided here.
 */
import {
  type CircuitRelayService,
  circuitRelayServer,
  circuitRelayTransport,
  RELAY_V2_HOP_CODEC,
} from '@libp2p/circuit-relay-v2'
import type { ConnectionGater, Libp2p, PeerId } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import { Quota } from '../admission/quota.ts'
import { limits, relayed } from '../limits.ts'

/** What of the transport's own book of slots is used here; the package does not name its type. */
interface Slots {
  addRelay(relay: PeerId, how: 'configured'): Promise<unknown>
  hasReservation(relay: PeerId): boolean
  addEventListener(name: 'relay:removed', listener: () => void): void
}

export interface RelayOptions {
  now(): number
  admitted(peer: string): boolean
  denied(peer: string): boolean
  /** Does this host serve as a relay now? */
  serves(): boolean
  count(reason: string): void
  /** A slot this host had at a relay has ended. */
  lost(): void
}

export class Relay {
  readonly #options: RelayOptions
  readonly #calls = new Quota({ ...relayed.calls, names: limits.members })
  #server: CircuitRelayService | undefined
  #slots: Slots | undefined
  #host: Libp2p | undefined

  constructor(options: RelayOptions) {
    this.#options = options
  }

  /** For `createLibp2p`: what dials through relays, and takes what comes through them. */
  get transport(): ReturnType<typeof circuitRelayTransport> {
    const make = circuitRelayTransport({
      // Relays are chosen in reach.ts, among members; libp2p is to look for none.
      discoveryFilter: { has: () => true, add: () => undefined, remove: () => true },
      maxInboundStopStreams: relayed.callsToOne,
    })
    return (components) => {
      const transport = make(components)
      this.#slots = (transport as unknown as { reservationStore: Slots }).reservationStore
      this.#slots.addEventListener('relay:removed', () => this.#options.lost())
      return transport
    }
  }

  /** For `createLibp2p`: what answers those who want a slot or a connection. */
  get service() {
    const make = circuitRelayServer({
      hopTimeout: relayed.answer,
      maxInboundHopStreams: relayed.callsOfOne,
      maxOutboundStopStreams: relayed.callsToOne,
      reservations: {
        maxReservations: relayed.slots,
        reservationTtl: relayed.slotLifetime,
        defaultDurationLimit: relayed.lifetime,
        defaultDataLimit: BigInt(relayed.bytes),
      },
    })
    return (components: Parameters<typeof make>[0]): CircuitRelayService => {
      this.#server = make(components)
      return this.#server
    }
  }

  get gater(): ConnectionGater {
    const { admitted, denied, serves } = this.#options
    return {
      denyInboundRelayReservation: (source) => {
        const peer = source.toString()
        if (!serves() || !admitted(peer) || denied(peer)) return this.#refuse()
        // libp2p lengthens a slot by a second timer beside the first, which would end it early: begin it anew.
        this.#end(source)
        return false
      },
      denyOutboundRelayedConnection: (source, destination) => {
        const [from, to] = [source.toString(), destination.toString()]
        const may = serves() && [from, to].every((peer) => admitted(peer) && !denied(peer))
        if (may && this.carried <= relayed.calls.inAll && this.#calls.take(from, this.#options.now()))
          return false
        return this.#refuse()
      },
      // Only through a relay this host has asked, and only who would be let in without one.
      denyInboundRelayedConnection: (relay, remote) =>
        !this.has(relay.toString()) || !admitted(relay.toString()) || denied(remote.toString()),
    }
  }

  /** A slot ends with the connection it was asked for on: libp2p would hold it until it runs out. */
  watch(host: Libp2p): void {
    this.#host = host
    host.addEventListener('peer:disconnect', ({ detail }) => this.#end(detail))
  }

  /** Asks a member for a slot. Throws where it gives none. */
  async reserve(relay: string): Promise<void> {
    await this.#slots?.addRelay(peerIdFromString(relay), 'configured')
  }

  /** Has this host a slot there? */
  has(relay: string): boolean {
    return this.#slots?.hasReservation(peerIdFromString(relay)) === true
  }

  /** Slots given to others. */
  get slots(): number {
    return this.#server?.reservations.size ?? 0
  }

  /** Connections of others that pass through this host now, and those asked for. */
  get carried(): number {
    const connections = this.#host?.getConnections() ?? []
    return connections.reduce(
      (sum, { streams }) =>
        sum +
        streams.filter(
          ({ protocol, direction }) => protocol === RELAY_V2_HOP_CODEC && direction === 'inbound',
        ).length,
      0,
    )
  }

  #refuse(): true {
    this.#options.count('relay-refused')
    return true
  }

  #end(peer: PeerId): void {
    const slot = this.#server?.reservations.get(peer)
    if (slot === undefined) return
    slot.signal.clear()
    this.#server?.reservations.delete(peer)
  }
}

const marker = '/p2p-circuit'

/** Does this address lead through another host? */
export const isRelayed = (address: string): boolean => address.includes(marker)

/** Where a host with a slot at `relay` can be reached, at each of the relay's addresses. */
export const through = (relay: string, addresses: readonly string[]): string[] =>
  addresses.filter((address) => !isRelayed(address)).map((address) => `${address}/p2p/${relay}${marker}`)
