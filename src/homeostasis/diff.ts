import type { PairTable } from './pairs.ts'
import { tableFrom } from './tables.ts'
import type { Pair, ProfileTables } from './types.ts'

export interface ProfileDiff {
  onlyFirst: Pair[]
  onlySecond: Pair[]
  /** Pairs of both. */
  common: number
  /** Jaccard distance of the pair sets: 0 equal, 1 nothing in common (0 when both are empty). */
  distance: number
}

/** Pairs that one table has and the other has not, in ascending order. */
export function diffTables(first: PairTable, second: PairTable): ProfileDiff {
  const onlyFirst = [...first.difference(second).entries()]
  const onlySecond = [...second.difference(first).entries()]
  const common = first.pairs - onlyFirst.length
  const all = common + onlyFirst.length + onlySecond.length
  return { onlyFirst, onlySecond, common, distance: all === 0 ? 0 : 1 - common / all }
}

/** What two profiles of one ABI and window have learned, compared. */
export function diffProfiles(
  first: Pick<ProfileTables, 'rows'>,
  second: Pick<ProfileTables, 'rows'>,
  kind: 'train' | 'test' = 'train',
): ProfileDiff {
  return diffTables(tableFrom(first.rows, kind), tableFrom(second.rows, kind))
}
