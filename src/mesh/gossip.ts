/** What gossip brings goes to the ledger, and the ledger's word decides whether gossip passes it on. */
import { TopicValidatorResult } from '@libp2p/gossipsub'
import { topic } from './limits.ts'
import type { Ledger } from './records/ledger.ts'
import type { MeshHost } from './transport/host.ts'

const results = {
  accept: TopicValidatorResult.Accept,
  ignore: TopicValidatorResult.Ignore,
  reject: TopicValidatorResult.Reject,
}

export interface GossipCourt {
  host: MeshHost
  ledger: Ledger
  admitted(peer: string): boolean
  count(reason: string): void
  /** What `peer` passed on was refused. */
  refused(peer: string, reason: string): void
}

export function validateGossip({ host, ledger, admitted, count, refused }: GossipCourt): void {
  host.services.pubsub.topicValidators.set(topic, async (from, message) => {
    const peer = from.toString()
    // Their score keeps pending peers from hearing; what they send would still be handled.
    if (!admitted(peer)) {
      count('pending')
      return TopicValidatorResult.Ignore
    }
    // Bytes of its own: what is kept would keep the whole of a message of 4 MiB that it came in.
    const verdict = await ledger.receive(message.data.slice(), 'gossip', peer)
    if (verdict.result !== 'accept') refused(peer, verdict.reason)
    return results[verdict.result]
  })
}
