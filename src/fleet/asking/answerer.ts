import type { PairHash } from '../pair-hash.ts'
import type { FleetProfile } from '../profile.ts'
import type { Sketch } from '../sketch.ts'
import { CONTRADICTION_AGE } from './liars.ts'
import type { AskSettings } from './settings.ts'
import { answersOf, KNOWN, NOT_VOUCHED, type PairAnswer } from './verdict.ts'

export interface AnswerLimits {
  /** Questions a minute, of all members and of one. */
  perMinute: number
  perPeerMinute: number
  /** Pairs an hour of one member: a determined one reads a profile out, but slowly. */
  pairsPerPeerHour: number
  /** Members counted apart; the longest silent is forgotten first. */
  peers: number
}

export const answerLimits: AnswerLimits = {
  perMinute: 60,
  perPeerMinute: 10,
  pairsPerPeerHour: 4096,
  peers: 4096,
}

interface Spent {
  minute: number
  questions: number
  hour: number
  pairs: number
}

/** Whether a question is answered at all: over a limit the answer is `busy`, which counts as no reply. */
export class AnswerGate {
  readonly #limits: AnswerLimits
  readonly #peers = new Map<string, Spent>()
  #minute = 0
  #questions = 0
  #busy = 0

  constructor(limits: Partial<AnswerLimits> = {}) {
    this.#limits = { ...answerLimits, ...limits }
  }

  /** Counts the question if it is let in. */
  admit(peer: string, pairs: number, now: number): boolean {
    const minute = Math.floor(now / 60_000)
    const hour = Math.floor(now / 3_600_000)
    if (minute !== this.#minute) {
      this.#minute = minute
      this.#questions = 0
    }
    const spent = this.#peers.get(peer) ?? { minute, questions: 0, hour, pairs: 0 }
    if (spent.minute !== minute) Object.assign(spent, { minute, questions: 0 })
    if (spent.hour !== hour) Object.assign(spent, { hour, pairs: 0 })
    // Newest last, so that the first is the longest silent.
    this.#peers.delete(peer)
    this.#peers.set(peer, spent)
    if (this.#peers.size > this.#limits.peers) this.#peers.delete(this.#peers.keys().next().value as string)
    const { perMinute, perPeerMinute, pairsPerPeerHour } = this.#limits
    if (
      this.#questions >= perMinute ||
      spent.questions >= perPeerMinute ||
      spent.pairs + pairs > pairsPerPeerHour
    ) {
      this.#busy++
      return false
    }
    this.#questions++
    spent.questions++
    spent.pairs += pairs
    return true
  }

  gauge(): { peers: number; limit: number; busy: number } {
    return { peers: this.#peers.size, limit: this.#limits.peers, busy: this.#busy }
  }
}

/** A digest this host has announced. */
export interface Announced {
  made: number
  sketch: Sketch
}

/**
 * This host's word on each pair. A pair that one of its own digests of the last 24 hours denies is not vouched for,
 * whatever the table says: it may have come into force since, and the answer would contradict the digest.
 */
export function wordOn(
  profile: Pick<FleetProfile, 'pairs'>,
  codes: readonly number[],
  announced: readonly Announced[],
  hash: PairHash,
  now: number,
  settings?: Pick<AskSettings, 'pairAge' | 'borrowedAge' | 'borrowedProcesses'>,
): PairAnswer[] {
  const word = answersOf(profile, codes, now, settings)
  const hashed = hash.hash(codes)
  const recent = announced.filter(({ made }) => now - made <= CONTRADICTION_AGE)
  return word.map((one, place) =>
    one === KNOWN && recent.some(({ sketch }) => !sketch.hasHashed(hashed, place)) ? NOT_VOUCHED : one,
  )
}
