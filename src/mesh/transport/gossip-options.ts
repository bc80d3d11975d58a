/** How gossip is set up, with every option that was found to matter (docs/reference/mesh.md, Transport). */
import type { GossipsubOpts } from '@libp2p/gossipsub'
import { topic } from '../limits.ts'
import { sha256 } from '../records/codec.ts'

export interface GossipOptions {
  /** 0 for an admitted peer, -60 for one that is not: it may neither inject nor hear, and keeps its subscription. */
  score(peer: string): number
  seen: number
}

/**
 * Every copy of a message costs both sides, so there are few: its author tells all it is connected to, each that hears it tells
 * four more, and three others hear that it exists. A member that keeps silent is got round by these, and by sync in the end.
 */
const degrees = { D: 4, Dlo: 3, Dhi: 6, Dscore: 2, Dout: 1, Dlazy: 3 } as const

/** Saying that a copy is not wanted costs as much as a copy of this many bytes; most records are far below it. */
const unwantedFrom = 4096

export const gossipOptions = (gossip: GossipOptions): Partial<GossipsubOpts> => ({
  // Each envelope carries its author's signature, which the validator looks at once. Gossip's own would be looked at in every
  // copy, before it is known for one, and says only who handed it in.
  globalSignaturePolicy: 'StrictNoSign',
  allowedTopics: [topic],
  // The same envelope is the same message, whoever hands it in.
  msgIdFn: (message) => sha256(message.data).subarray(0, 20),
  ignoreDuplicatePublishError: true,
  allowPublishToZeroTopicPeers: true,
  seenTTL: gossip.seen,
  doPX: false,
  fallbackToFloodsub: false,
  floodPublish: true,
  ...degrees,
  idontwantMinDataSize: unwantedFrom,
  // maxInboundDataLength stays 4 MiB: below 1 MiB one large answer kills the stream for good, unseen.
  scoreParams: {
    appSpecificScore: gossip.score,
    appSpecificWeight: 1,
    // A mesh behind one address, or on one machine, would otherwise empty itself above 10 peers.
    IPColocationFactorWeight: 0,
    topics: { [topic]: { ...unweighed, ...topicScore } },
  },
  scoreThresholds: { gossipThreshold: -10, publishThreshold: -50, graylistThreshold: -80 },
})

const topicScore = {
  topicWeight: 1,
  timeInMeshWeight: 0,
  firstMessageDeliveriesWeight: 0,
  meshMessageDeliveriesWeight: 0,
  meshFailurePenaltyWeight: 0,
  invalidMessageDeliveriesWeight: -20,
  invalidMessageDeliveriesDecay: 0.9,
}

/** What a topic's score must hold though its weight is 0. */
const unweighed = {
  timeInMeshQuantum: 1,
  timeInMeshCap: 1,
  firstMessageDeliveriesDecay: 0.5,
  firstMessageDeliveriesCap: 1,
  meshMessageDeliveriesDecay: 0.5,
  meshMessageDeliveriesCap: 1,
  meshMessageDeliveriesThreshold: 1,
  meshMessageDeliveriesWindow: 10,
  meshMessageDeliveriesActivation: 5000,
  meshFailurePenaltyDecay: 0.5,
}
