/** Every bound and every period of the room, in one place. Sizes in bytes, times in ms. */

const second = 1000
const minute = 60 * second
const hour = 60 * minute
const day = 24 * hour

export const limits = {
  envelopeBytes: 8192,
  keyBytes: 256,
  nameBytes: 64,
  /** Live records of one author; above it the oldest numbers give way, on every host the same ones. */
  recordsPerAuthor: 2048,
  /** Live records in all; above it the author who holds most gives way. */
  recordsInAll: 65_536,
  members: 4096,
  addresses: 8,
  addressBytes: 256,
  tokenAddresses: 3,
  /** Invites that have not run out, used ones included (they are kept to be able to say "used"). */
  invites: 64,
  /** Keys that open connections at one time. */
  ringKeys: 3,
  /** A removed key still opens a connection on which the newer one is asked for. */
  keyRecovery: 30 * day,
  /** Connections whose hello is not done yet. */
  pendingPeers: 64,
  /** Hosts that have asked to be let in and wait for an operator. */
  applications: 64,
  /** IP addresses whose handshakes are counted. */
  handshakeAddresses: 4096,
  adminStreams: 8,
  equivocations: 256,
  /** Sequence numbers remembered behind the highest one. */
  window: 64,
  adminEntries: 4096,
  adminEntryBytes: 4096,
  checkpointBytes: 384 * 1024,
  /** The issuer sums the admin log up after this many entries. */
  checkpointEvery: 256,
  helloBytes: 1 << 20,
  enrolBytes: 4 << 20,
  syncMessageBytes: 1 << 20,
  syncBatchBytes: 65_536,
  /** Records that can never be valid, in one sync, before it is broken off. */
  syncBad: 16,
  syncStreams: 4,
  askStreams: 16,
  certificatesAsked: 64,
  /** Gossip takes what is at most this old; older statements come by sync alone. */
  maxAge: 10 * minute,
  /** How far ahead of this host's clock a statement may be made. */
  maxFuture: 2 * minute,
  maxLifetime: 30 * day,
  memberLifetime: 90 * day,
  issuerLifetime: 365 * day,
  inviteLifetime: hour,
  maxInviteLifetime: 7 * day,
  /** A cleared statement is remembered at least this long; a leave too. */
  leaveLifetime: day,
} as const

/** Token bucket of one author, by kind: `perMinute` refills, `burst` holds. Checked for gossip; sync is bounded by the caps. */
export const rates = {
  semaphore: { perMinute: 10, burst: 30 },
  digest: { perMinute: 60, burst: 600 },
  /** Sixteen parts at most: all of them at once, and then each every few minutes. */
  inventory: { perMinute: 10, burst: 40 },
  alive: { perMinute: 5, burst: 10 },
  manifest: { perMinute: 5, burst: 20 },
} as const

/** Inbound connections of one IP address that have not led to a member: a stranger has these tries, then waits. */
export const handshakes = { perMinute: 30, burst: 128 } as const

/**
 * What a forwarder may send that is refused: 10 times what an author may say, since each honest one has its own idea of who is
 * over rate. Then it is kept out, twice as long each time, until it has behaved for an hour.
 */
export const misdeeds = {
  perMinute: 100,
  burst: 300,
  firstBan: minute,
  longestBan: 30 * minute,
  forgottenAfter: hour,
} as const

/** Questions of one peer (admin log, certificates, renewals, syncs, other rooms' questions together). */
export const questions = { perMinute: 240, burst: 400, names: limits.members } as const

/** What a host that serves as a relay gives, and what one that needs a relay asks for. Sizes in bytes, times in ms. */
export const relayed = {
  /** Members with a slot at one relay. */
  slots: 64,
  /** A slot is asked for again 5 min before it ends. */
  slotLifetime: hour,
  /** One relayed connection: then it is cut, and may be made anew. */
  lifetime: hour,
  bytes: 64 << 20,
  /** Connections asked of a relay by one member, and all it carries at one time. */
  calls: { perMinute: 30, burst: 60, inAll: 128 },
  /** Streams of one connection: what one member asks for, and what may lead to one. */
  callsOfOne: 32,
  callsToOne: 64,
  answer: 5 * second,
  /** Slots a host that cannot be dialled wants. */
  relays: 2,
  /** Members asked to dial back; and how often a member is dialled back at its asking. */
  asked: 3,
  probes: { perMinute: 2, burst: 4 },
} as const

/** Between two questions on the local network, and between two dials of one peer found there, ms. */
export const mdnsEvery = 10 * second

/** What the operation of a host depends on in time. Tests and simulations shorten some. */
export interface Timing {
  /** Period of the alive record. */
  alive: number
  /** A member not heard for this long is silent: two periods and a half. */
  silent: number
  sync: number
  /** Gossip caches scores for 1 s, so what was published right after admission is fetched by a second sync. */
  settle: number
  sweep: number
  hello: number
  dialTick: number
  dial: number
  backoffMin: number
  /** Longest wait between dials of a member heard within `recent`, so that a healed partition is found in seconds. */
  backoffRecent: number
  backoffMax: number
  recent: number
  exchange: number
  /** How long gossip remembers a message it has seen; at least `maxAge`, or validators alone stand against a replay. */
  seen: number
  /** Every so often a member outside the chosen neighbours is dialled: joins halves that lost one another. */
  wander: number
  /** Between attempts at renewing a certificate that is due. */
  renew: number
  /** Between looks at whether this host can be dialled, and how long what a member found holds. */
  reach: number
  reachAgain: number
  /** How long an operator's command waits for the members to have it. */
  acknowledge: number
}

export const timing: Timing = {
  alive: minute,
  silent: 150 * second,
  sync: minute,
  settle: 1500,
  sweep: second,
  hello: 5 * second,
  dialTick: 500,
  dial: 3 * second,
  backoffMin: second,
  backoffRecent: 2 * second,
  backoffMax: 5 * minute,
  recent: hour,
  exchange: 30 * second,
  seen: 12 * minute,
  wander: 5 * minute,
  renew: 10 * minute,
  reach: 2 * second,
  reachAgain: 10 * minute,
  acknowledge: 5 * second,
}

/** Up to this many members everyone is connected to everyone. */
export const fullMesh = 16
/** Above it each host keeps this many links of its own. */
export const neighbours = 8

export const topic = '/lymph/records/1'
export const protocols = {
  hello: '/lymph/hello/1',
  sync: '/lymph/sync/1',
  certificates: '/lymph/certs/1',
  admin: '/lymph/admin/1',
  renew: '/lymph/renew/1',
  reach: '/lymph/reach/1',
  enrol: '/lymph/enrol/1',
  ask: (name: string) => `/lymph/ask/${name}/1`,
} as const
