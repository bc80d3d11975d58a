/** The libp2p hosts of this room, with every option that was found to matter (docs/reference/mesh.md, Transport). */
import { noise } from '@chainsafe/libp2p-noise'
import { type GossipSub, gossipsub } from '@libp2p/gossipsub'
import { identify } from '@libp2p/identify'
import type { Connection, ConnectionGater, Libp2p, MultiaddrConnection } from '@libp2p/interface'
import { memory } from '@libp2p/memory'
import { peerIdFromString } from '@libp2p/peer-id'
import { ping } from '@libp2p/ping'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'
import { because, MeshError } from '../errors.ts'
import { hostKey, type Signer } from '../identity/keys.ts'
import { limits } from '../limits.ts'
import { type GossipOptions, gossipOptions } from './gossip-options.ts'
import type { Nearby } from './nearby.ts'
import { pskRing, type RingKey } from './protector.ts'
import { isRelayed, type Relay } from './relay.ts'

export interface HostOptions {
  key: Signer
  meshId: Uint8Array
  listen: string[]
  memory: boolean
  /** Keys that open a connection, the one to dial with first. */
  ring(): RingKey[]
  opened?(connection: MultiaddrConnection, keyId: string): void
  gater?: ConnectionGater
  relay?: Relay | undefined
  /** Finds members on the local network, or is found by them. */
  nearby?: Nearby | undefined
}

export type MeshHost = Libp2p<{ pubsub: GossipSub }>

function base(options: HostOptions) {
  return {
    privateKey: hostKey(options.key),
    addresses: { listen: options.listen },
    transports: [
      options.memory ? memory() : tcp(),
      ...(options.relay === undefined ? [] : [options.relay.transport]),
    ],
    connectionEncrypters: [noise({ prologueBytes: options.meshId })],
    streamMuxers: [yamux()],
    connectionProtector: pskRing(options.ring, options.opened),
    connectionGater: options.gater ?? {},
    connectionManager: {
      // A fleet that restarts behind one address must not refuse itself: 5 a second is the default.
      inboundConnectionThreshold: 50,
      maxIncomingPendingConnections: 50,
      maxConnections: 300,
      // Redialling is ours (neighbours.ts); libp2p's gives up for ever after a while.
      reconnectRetries: 0,
    },
    start: false,
  }
}

/** Not started yet. */
export async function createMeshHost(options: HostOptions, gossip: GossipOptions): Promise<MeshHost> {
  return createLibp2p({
    ...base(options),
    services: {
      identify: identify(),
      ping: ping(),
      ...(options.relay === undefined ? {} : { relay: options.relay.service }),
      ...(options.nearby === undefined ? {} : { nearby: options.nearby.service }),
      pubsub: gossipsub(gossipOptions(gossip)),
    },
  })
}

/** A host that knows enrolment alone: a stranger with an invite reaches no other protocol. Not started yet. */
export const createEnrolHost = (options: HostOptions): Promise<Libp2p> => createLibp2p(base(options))

/** Throws MeshError 'port-in-use' or 'bad-address'. */
export async function startHost(host: Libp2p, listen: string[]): Promise<void> {
  try {
    await host.start()
  } catch (error) {
    await host.stop()
    const all = listen.join(', ')
    if (/EADDRINUSE|already in use/.test(because(error)))
      throw new MeshError(
        'port-in-use',
        `cannot listen on ${all}: the port is taken by another program; stop that one, or give another with lymph up --listen`,
        { cause: error },
      )
    if (/EACCES|EPERM/.test(because(error)))
      throw new MeshError('bad-address', `cannot listen on ${all}: no permission; choose a port above 1023`, {
        cause: error,
      })
    throw new MeshError(
      'bad-address',
      `cannot listen on ${all}: no such address on this host, or not one of TCP; give another with --listen`,
      { cause: error },
    )
  }
}

export const onMemory = (addresses: string[]): boolean =>
  addresses.length > 0 && addresses.every((address) => address.startsWith('/memory/'))

/** Throws MeshError 'bad-address' where one is no multiaddr of a transport that is spoken here. */
export function checkAddresses(addresses: string[]): void {
  for (const address of addresses)
    try {
      const [first, second] = multiaddr(address).getComponents()
      if (first?.name !== 'memory' && second?.name !== 'tcp') throw new Error('not TCP')
    } catch {
      throw new MeshError(
        'bad-address',
        `${address} is not an address to listen on; write it as /ip4/0.0.0.0/tcp/7946`,
      )
    }
}

const loopback = /^\/(ip4\/127\.|ip6\/::1\/)/

/** Where the host can be reached, those that other machines can use first. */
export function reachable(host: Libp2p, atMost: number = limits.addresses): string[] {
  const all = host.getMultiaddrs().map((address) => address.decapsulate('/p2p').toString())
  const outside = all.filter((address) => !loopback.test(address))
  const inside = all.filter((address) => loopback.test(address))
  // Keep room for one address that works on this machine itself.
  return [...outside.slice(0, inside.length > 0 ? atMost - 1 : atMost), ...inside].slice(0, atMost)
}

/**
 * Dials one peer at some addresses, relays last, within `ms`. Throws what libp2p throws, or where none of them is one. Members
 * tell their addresses themselves, so what is no address is passed over.
 */
export async function dial(host: Libp2p, peer: string, addresses: string[], ms: number): Promise<Connection> {
  const [direct, relayed] = [addresses.filter((one) => !isRelayed(one)), addresses.filter(isRelayed)]
  const ways = [direct, relayed].map((some) => readable(peer, some)).filter(({ length }) => length > 0)
  const [first, second] = ways
  if (first === undefined) throw new Error('none of its addresses can be read')
  if (second === undefined) return host.dial(first, { signal: AbortSignal.timeout(ms) })
  // An address behind somebody's NAT answers nothing at all: leave time for the way round.
  return host
    .dial(first, { signal: AbortSignal.timeout(ms * 0.4) })
    .catch(() => host.dial(second, { signal: AbortSignal.timeout(ms * 0.6) }))
}

/** Can a peer that is connected be dialled at these addresses? It shows its key there, and the connection is closed. */
export async function dialBack(
  host: Libp2p,
  peer: string,
  addresses: string[],
  ms: number,
): Promise<boolean> {
  try {
    const connection = await host.dial(readable(peer, addresses), {
      signal: AbortSignal.timeout(ms),
      force: true,
    })
    await connection.close().catch(() => connection.abort(new Error('only looking')))
    return true
  } catch {
    return false
  }
}

function readable(peer: string, addresses: string[]) {
  return addresses.flatMap((address) => {
    try {
      return [multiaddr(`${address}/p2p/${peer}`)]
    } catch {
      return []
    }
  })
}

/** The open connection to a peer; one without a relay, where there is one. */
export function connectionTo(host: Libp2p, peer: string): Connection | undefined {
  const open = host.getConnections(peerIdFromString(peer)).filter(({ status }) => status === 'open')
  return open.find(({ limits: bounds }) => bounds === undefined) ?? open[0]
}

/** The interfaces of `listen` with any free port, for a second host beside the first. */
export function enrolListen(listen: string[]): string[] {
  if (onMemory(listen)) return listen.map((address) => `${address}-enrol`)
  const some = listen.length > 0 ? listen : ['/ip4/0.0.0.0/tcp/0']
  return some.map((address) => address.replace(/\/tcp\/\d+$/, '/tcp/0'))
}
