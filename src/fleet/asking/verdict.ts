import type { FleetProfile, PairFacts } from '../profile.ts'
import { type AskSettings, askDefaults } from './settings.ts'

/** What a peer says of a pair: unknown; known; known, but young or borrowed. */
export const UNKNOWN = 0
export const KNOWN = 1
export const NOT_VOUCHED = 2
export type PairAnswer = typeof UNKNOWN | typeof KNOWN | typeof NOT_VOUCHED

/** What a host says of one of its pairs. Two liars and one convinced host would else make three, and a worm vouch for itself. */
export function answerOf(
  facts: PairFacts | undefined,
  now: number,
  settings: Pick<AskSettings, 'pairAge' | 'borrowedAge' | 'borrowedProcesses'> = askDefaults,
): PairAnswer {
  if (!facts) return UNKNOWN
  const age = now - facts.since
  if (facts.first === 0 || age < settings.pairAge) return NOT_VOUCHED
  if (facts.borrowed && (age < settings.borrowedAge || facts.seen < settings.borrowedProcesses))
    return NOT_VOUCHED
  return KNOWN
}

/** The answers to a question, in its order. */
export function answersOf(
  profile: Pick<FleetProfile, 'pairs'>,
  codes: ArrayLike<number>,
  now: number,
  settings?: Pick<AskSettings, 'pairAge' | 'borrowedAge' | 'borrowedProcesses'>,
): PairAnswer[] {
  return Array.from(codes, (code) => answerOf(profile.pairs.get(code), now, settings))
}

/**
 * `familiar`: every pair is known to k peers. `unfamiliar`: some pair is not. `not-asked-enough`: too few replied, and
 * the host decides as if it had no fleet.
 */
export type VerdictKind = 'familiar' | 'unfamiliar' | 'not-asked-enough'

export interface Verdict {
  kind: VerdictKind
  /** Peers whose word was counted. */
  asked: number
  /** How many of them know the pair that fewest know: `familiarity known/asked`. */
  known: number
  /** Pairs that fewer than k know. */
  unfamiliar: number[]
  /** Peers that know each pair, in the order of the question. */
  knownBy: number[]
}

/** One peer's word on each pair of a question. */
export type Word = readonly PairAnswer[]

/**
 * The verdict. Every pair must be known to k: at nine tenths of them detection fell to .97. No reply is no word, never
 * a no. Answers are not weighed by what peers say of themselves: that let liars count double.
 */
export function verdictOf(
  codes: ArrayLike<number>,
  words: readonly Word[],
  settings: Pick<AskSettings, 'quorum' | 'repliesLeast'> = askDefaults,
): Verdict {
  const knownBy = Array.from(codes, (_, place) => {
    let known = 0
    for (const word of words) if (word[place] === KNOWN) known++
    return known
  })
  const unfamiliar = Array.from(codes).filter((_, place) => knownBy[place]! < settings.quorum)
  const kind =
    words.length < Math.max(settings.repliesLeast, settings.quorum)
      ? 'not-asked-enough'
      : unfamiliar.length === 0
        ? 'familiar'
        : 'unfamiliar'
  return {
    kind,
    asked: words.length,
    known: knownBy.length === 0 ? 0 : Math.min(...knownBy),
    unfamiliar,
    knownBy,
  }
}

/** For the incident's line: `14 of 15 know it`. */
export function verdictText({ kind, asked, known, unfamiliar, knownBy }: Verdict): string {
  if (kind === 'not-asked-enough') return `not asked enough: ${asked} answered`
  if (kind === 'familiar') return `${known} of ${asked} know it`
  return `${known} of ${asked} know it: ${unfamiliar.length} of ${knownBy.length} pairs are known to too few`
}
