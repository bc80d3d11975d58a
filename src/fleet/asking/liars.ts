import type { HashedPairs } from '../pair-hash.ts'
import { KNOWN, type Word } from './verdict.ts'
import type { Candidate } from './whom.ts'

/** How old a digest may be to be held against an answer "known for 24 hours". */
export const CONTRADICTION_AGE = 24 * 3_600_000

export interface LiarFinding {
  peer: string
  /** Pairs it says it has known for 24 hours, and its digest denies. */
  codes: number[]
  /** Some of them are decoys. */
  decoys: number
  /** Its own digest, at most 24 hours old, proves it; else its word is only left out. */
  proven: boolean
}

/**
 * Whether an answer contradicts the digest of who gave it. A 1 says "known for 24 hours", so a digest made within them
 * must hold the pair: two signed objects prove the lie. An older digest proves nothing, but a yes to a decoy is enough
 * to leave the word out. A 2 contradicts nothing: the pair may be younger than the digest.
 * @param pairs the question's, decoys included, in its order
 */
export function contradiction(
  from: Pick<Candidate, 'peer' | 'sketch' | 'made'>,
  pairs: HashedPairs,
  decoys: ReadonlySet<number>,
  word: Word,
  now: number,
): LiarFinding | undefined {
  const { sketch, made } = from
  if (!sketch || made === undefined) return undefined
  const codes: number[] = []
  let yesToDecoys = 0
  for (let place = 0; place < pairs.codes.length; place++) {
    if (word[place] !== KNOWN || sketch.hasHashed(pairs, place)) continue
    const code = pairs.codes[place]!
    codes.push(code)
    if (decoys.has(code)) yesToDecoys++
  }
  const proven = codes.length > 0 && now - made <= CONTRADICTION_AGE
  if (!proven && yesToDecoys === 0) return undefined
  return { peer: from.peer, codes, decoys: yesToDecoys, proven }
}
