import { pairCode } from '#homeostasis'
import type { HashedPairs, PairHash } from '../pair-hash.ts'
import { currentOf, distanceOf, previousOf } from '../profile.ts'
import type { Candidate, Random } from './whom.ts'

export interface Screening<Who> {
  /** Pairs that fewer than k of those drawn could know: `unfamiliar`, and no question need be sent. */
  unfamiliar: number[]
  /** Those who may know some pair: only they are asked. The others' answer is no to all, as certain as their digest. */
  ask: Who[]
  /** For each of `ask`'s counterparts that denies all: how many were not asked. */
  denied: number
}

/** What the digests held already say. A Bloom filter's no is certain as of its digest. */
export function screen<Who extends Pick<Candidate, 'sketch'>>(
  pairs: HashedPairs,
  drawn: readonly Who[],
  quorum: number,
): Screening<Who> {
  const perhaps = new Uint16Array(pairs.codes.length)
  const ask: Who[] = []
  for (const one of drawn) {
    let any = false
    for (let place = 0; place < perhaps.length; place++)
      if (!one.sketch || one.sketch.hasHashed(pairs, place)) {
        perhaps[place]!++
        any = true
      }
    if (any) ask.push(one)
  }
  const unfamiliar = Array.from(pairs.codes).filter((_, place) => perhaps[place]! < quorum)
  return { unfamiliar, ask, denied: drawn.length - ask.length }
}

/** How many places are tried for one decoy. */
const TRIES = 64

/**
 * Pairs of calls the binary uses that neither this host nor, as far as can be, any of those asked knows: a yes to one
 * is a lie. They look as the real ones do: current call and distance are those of a novel pair, or the calls of the
 * program. Where sketches leave no pair that all deny, those that most deny.
 * @param own the pairs this host has
 * @param novel the pairs that are really asked for
 */
export function chooseDecoys(
  own: ReadonlyMap<number, unknown>,
  novel: readonly number[],
  drawn: readonly Pick<Candidate, 'sketch'>[],
  hash: PairHash,
  count: number,
  random: Random,
): number[] {
  const pick = <T>(items: readonly T[]): T => items[Math.floor(random() * items.length)]!
  const calls = [...new Set([...own.keys(), ...novel].flatMap((code) => [currentOf(code), previousOf(code)]))]
  const distances = [...new Set([...novel, ...own.keys()].map(distanceOf))]
  if (calls.length === 0) return []
  const taken = new Set(novel)
  const tried = new Set<number>()
  for (let i = 0; i < count * TRIES; i++) {
    // Half of them share a call with a novel pair.
    const near = novel.length > 0 && random() < 0.5 ? pick(novel) : undefined
    const current = near !== undefined && random() < 0.5 ? currentOf(near) : pick(calls)
    const previous = near !== undefined && random() < 0.5 ? previousOf(near) : pick(calls)
    const code = pairCode(current, previous, near !== undefined ? distanceOf(near) : pick(distances))
    if (!taken.has(code) && !own.has(code)) tried.add(code)
  }
  const hashed = hash.hash(tried)
  const rated = Array.from(hashed.codes, (code, place) => {
    let perhaps = 0
    for (const { sketch } of drawn) if (sketch?.hasHashed(hashed, place)) perhaps++
    return { code, perhaps }
  })
  rated.sort((a, b) => a.perhaps - b.perhaps)
  return rated.slice(0, count).map(({ code }) => code)
}
