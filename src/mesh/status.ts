/** What `mesh status` tells: who this is, what was refused, and how much of everything that is bounded is in use. */
import type { Admission } from './admission/hello.ts'
import type { Invites } from './admission/invites.ts'
import type { Quota } from './admission/quota.ts'
import type { Relations } from './admission/relations.ts'
import type { MeshStatus } from './interface.ts'
import type { Roster } from './members/roster.ts'
import type { Parts } from './options.ts'
import type { Ledger } from './records/ledger.ts'
import type { Synchroniser } from './sync/synchroniser.ts'
import type { Neighbours } from './transport/neighbours.ts'
import type { Reach } from './transport/reach.ts'

export interface Gauged extends Parts {
  now: number
  ledger: Ledger
  admission: Admission
  invites: Invites
  synchroniser: Synchroniser
  neighbours: Neighbours
  relations: Relations
  questions: Quota
  reach: Reach
  roster: Roster
}

export function statusOf(parts: Gauged): MeshStatus {
  const { identity, reach, roster, admission, counters } = parts
  return {
    id: identity.id,
    peer: identity.peer,
    name: identity.name,
    addresses: reach.addresses(),
    members: roster.size,
    connected: admission.peers().length,
    certificateExpires: identity.certificate.notAfter,
    tags: [...identity.certificate.tags],
    refused: Object.fromEntries(counters),
    gauges: gaugesOf(parts),
  }
}

function gaugesOf(parts: Gauged): Record<string, number> {
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
    nearby: parts.nearby?.size ?? 0,
    relaySlots: parts.relay?.slots ?? 0,
    relayed: parts.relay?.carried ?? 0,
    relays: parts.reach.relays.length,
    syncs: synchroniser.running,
    syncsWaiting: synchroniser.waiting,
    syncBytesSent: synchroniser.bytesSent,
  }
}
