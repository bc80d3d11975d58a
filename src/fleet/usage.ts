import { judgementDigest, type Pair, type PairTable, type ProfileRecord, pairCode } from '#homeostasis'
import type { CallShare, JudgementFacts } from './types.ts'

/** Calls named in a digest at most. */
export const USAGE_CALLS = 12

/** The codes (`pairCode`) of a table's pairs, ascending by call. */
export function codesOf(table: Pick<PairTable, 'entries'>): number[] {
  return Array.from(table.entries(), ({ current, previous, distance }) =>
    pairCode(current, previous, distance),
  )
}

/**
 * Which calls a profile is made of: of its pairs, the share whose later call is this one, in 255ths. The sensor counts
 * calls by program and not by number, so this says how varied the use of a call is, not how often it is made.
 */
export function usageOf(table: Pick<PairTable, 'entries' | 'pairs'>): CallShare[] {
  const pairs = new Map<number, number>()
  for (const { current } of table.entries()) pairs.set(current, (pairs.get(current) ?? 0) + 1)
  return [...pairs]
    .map(([call, count]) => ({ call, share: Math.max(1, Math.round((255 * count) / table.pairs)) }))
    .sort((a, b) => b.share - a.share || a.call - b.call)
    .slice(0, USAGE_CALLS)
}

/** `pairCode` undone, in the order of the codes. */
export function pairsOfCodes(codes: Iterable<number>): Pair[] {
  return [...codes]
    .sort((a, b) => a - b)
    .map((code) => {
      const calls = Math.floor(code / 8)
      return { current: Math.floor(calls / 4096), previous: calls % 4096, distance: (code % 8) + 1 }
    })
}

/** Undefined: the profile is not judged. */
export function judgementFacts({ judgement }: Pick<ProfileRecord, 'judgement'>): JudgementFacts | undefined {
  if (!judgement) return undefined
  const { units, learned, settled, m, calibration } = judgementDigest(judgement)
  return { units, learned, settled, m, q: Math.round(1000 * (calibration?.q ?? 0)) }
}
