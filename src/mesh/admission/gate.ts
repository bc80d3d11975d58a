/**
 * What is asked before a connection is let through: has its IP address failed too often, is its peer revoked or kept out, and
 * which key of the ring opened it. A key that only recovers opens a connection on which the newer one is asked for, no more.
 */
import type { Connection, ConnectionGater, MultiaddrConnection, PeerId } from '@libp2p/interface'
import { handshakes, limits } from '../limits.ts'
import { Quota } from './quota.ts'

export interface GateOptions {
  now(): number
  denied(peer: string): boolean
  /** Is this a key that only recovers? */
  recovers(keyId: string): boolean
  count(reason: string): void
}

export class Gate {
  readonly #options: GateOptions
  /** An inbound connection takes a token of its address and gives it back when it has led to a member. */
  readonly #tries = new Quota({ ...handshakes, names: limits.handshakeAddresses })
  /** By `timeline`, the one object that a transport's connection and the connection made of it share. */
  readonly #keys = new WeakMap<object, string>()

  constructor(options: GateOptions) {
    this.#options = options
  }

  /** Is this peer kept out? */
  readonly denied = (peer: string): boolean => this.#options.denied(peer)

  get gater(): ConnectionGater {
    return {
      denyDialPeer: (peer: PeerId) => this.#options.denied(peer.toString()),
      denyInboundConnection: (connection) => !this.#admits(connection),
      denyInboundEncryptedConnection: (peer: PeerId) => this.#options.denied(peer.toString()),
    }
  }

  /** A connection was opened by this key. */
  opened(connection: MultiaddrConnection, keyId: string): void {
    this.#keys.set(connection.timeline, keyId)
  }

  recovering(connection: Connection): boolean {
    const id = this.#keys.get(connection.timeline)
    return id !== undefined && this.#options.recovers(id)
  }

  proved(connection: Connection): void {
    const ip = ipOf(connection)
    if (ip !== undefined) this.#tries.give(ip, this.#options.now())
  }

  get addresses(): number {
    return this.#tries.size
  }

  #admits(connection: MultiaddrConnection): boolean {
    const ip = ipOf(connection)
    if (ip === undefined || this.#tries.take(ip, this.#options.now())) return true
    this.#options.count('throttled')
    return false
  }
}

function ipOf({ remoteAddr, direction }: MultiaddrConnection | Connection): string | undefined {
  if (direction !== 'inbound') return undefined
  const components = remoteAddr.getComponents()
  const [first] = components
  if (first?.name !== 'ip4' && first?.name !== 'ip6') return undefined
  // Who comes through a relay must not use up what the relay itself has.
  return components.some(({ name }) => name === 'p2p-circuit') ? `${first.value} relayed` : first.value
}
