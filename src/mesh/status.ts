/** How much of everything that is bounded is in use: the gauges of `mesh status`. */
import type { Admission } from './hello.ts'
import type { Invites } from './invites.ts'
import type { Ledger } from './ledger.ts'
import type { Neighbours } from './neighbours.ts'
import type { Parts } from './options.ts'
import type { Quota } from './quota.ts'
import type { Relations } from './relations.ts'
import type { Synchroniser } from './synchroniser.ts'

export interface Gauged extends Parts {
  now: number
  ledger: Ledger
  admission: Admission
  invites: Invites
  synchroniser: Synchroniser
  neighbours: Neighbours
  relations: Relations
  questions: Quota
}

export function gaugesOf(parts: Gauged): Record<string, number> {
  const { identity, host, directory, writes, gate, manners, now } = parts
  const { ledger, admission, invites, synchroniser, neighbours, questions, relations } = parts
  const connections = host.getConnections()
  return {
    ...ledger.gauges,
    connections: connections.length,
    streamsInbound: connections.reduce(
      (sum, { streams }) => sum + streams.filter(({ direction }) => direction === 'inbound').length,
      0,
    ),
    pendingPeers: admission.pending,
    pendingWrites: writes.pending,
    dialling: neighbours.dialling,
    invites: invites.outstanding,
    applications: invites.applications().length,
    known: directory.size,
    adminEntries: identity.admin.entries().length,
    ringKeys: identity.ring.length,
    addressesTrying: gate.addresses,
    deaf: relations.deaf,
    banned: manners.count(now),
    askers: questions.size,
    syncs: synchroniser.running,
    syncsWaiting: synchroniser.waiting,
    syncBytesSent: synchroniser.bytesSent,
  }
}
