/**
 * How peers behave as forwarders. An honest member passes on what it has accepted itself, so hardly anything of it is refused;
 * whoever keeps sending what is refused is cut off and kept out for a while, longer each time. The bill for its messages
 * (each may cost a signature check) is then no more than its bucket. `now` is passed in.
 */
import { limits, misdeeds } from '../limits.ts'
import { Quota } from './quota.ts'

/** What a refusal costs the forwarder. Lag explains the rest: they cost nothing. */
const costs: Partial<Record<string, number>> = {
  size: 5,
  encoding: 5,
  mesh: 5,
  signature: 5,
  lifetime: 2,
  rate: 1,
  future: 1,
  // An honest forwarder in trouble (a machine that slept, a link that stood) has a backlog of these.
  stale: 0.1,
  equivocation: 1,
  'unknown-author': 1,
}

interface Ban {
  until: number
  lasts: number
}

export class Manners {
  readonly #quota = new Quota({ ...misdeeds, names: limits.members })
  readonly #bans = new Map<string, Ban>()

  /** A message of `peer` was refused. True where that was one too many: the peer is to be cut off. */
  refused(peer: string, reason: string, now: number): boolean {
    const cost = costs[reason]
    if (cost === undefined || this.banned(peer, now) || this.#quota.take(peer, now, cost)) return false
    const before = this.#bans.get(peer)
    const again = before !== undefined && now - before.until < misdeeds.forgottenAfter
    const lasts = again ? Math.min(before.lasts * 2, misdeeds.longestBan) : misdeeds.firstBan
    this.#bans.delete(peer)
    this.#bans.set(peer, { until: now + lasts, lasts })
    if (this.#bans.size > limits.members) this.#bans.delete(this.#bans.keys().next().value as string)
    return true
  }

  banned(peer: string, now: number): boolean {
    const ban = this.#bans.get(peer)
    return ban !== undefined && now < ban.until
  }

  count(now: number): number {
    return [...this.#bans.values()].filter(({ until }) => now < until).length
  }
}
