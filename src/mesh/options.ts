/** What a host is opened with. */
import type { KeyValue } from '#store'
import type { Gate } from './admission/gate.ts'
import type { Manners } from './admission/manners.ts'
import type { Identity } from './identity/identity.ts'
import type { JournalMark } from './interface.ts'
import type { Timing } from './limits.ts'
import type { Directory } from './members/directory.ts'
import type { Writes } from './records/writes.ts'
import type { MeshHost } from './transport/host.ts'
import type { Nearby } from './transport/nearby.ts'
import type { Relay } from './transport/relay.ts'

/** As an operator says it, or as it is found. */
export type Choice = 'yes' | 'no' | 'auto'

export interface MeshLog {
  info(message: string): void
  warn(message: string): void
}

export interface OpenOptions {
  folder: string
  /** Multiaddrs, e.g. /ip4/0.0.0.0/tcp/7946. None: this host dials and is not dialled. */
  listen: string[]
  keyValue: KeyValue
  /** Version of lymph, told to members. */
  version: string
  log: MeshLog
  /** How far this host's journal reaches now. */
  journal?: () => JournalMark | undefined
  now?: () => number
  random?: () => number
  /** Told by `listen` where not given. */
  transport?: 'tcp' | 'memory'
  /** Where invites are honoured: the interfaces of `listen`, any port, where not given. */
  enrolListen?: string[]
  /** Periods to shorten, in tests and simulations. */
  timing?: Partial<Timing>
  /** Peers not to talk to: how simulations part a mesh. */
  deny?: (peer: string) => boolean
  /** Relays are used and offered where this is given: does this host serve as one, and can it be dialled itself? */
  relay?: { serves: Choice; reachable: Choice }
  /** Looks for members on the local network by multicast DNS. */
  mdns?: boolean
  /** Listens and says nothing: for a host that only completes its joining. */
  quiet?: boolean
}

/** What `openNode` has made ready. */
export interface Parts {
  options: OpenOptions
  identity: Identity
  host: MeshHost
  directory: Directory
  writes: Writes
  counters: Map<string, number>
  epoch: number
  gate: Gate
  manners: Manners
  relay: Relay | undefined
  nearby: Nearby | undefined
}
