import {
  type EmptyRule,
  emptyTables,
  type PairSupport,
  PairTable,
  type ProfileKey,
  type ProfileRecord,
  rowsOf,
} from '#homeostasis'
import { currentOf, distanceOf, previousOf } from '../profile.ts'
import type { Adoption } from './adopt.ts'

/**
 * The profile file of what is adopted: normal at once, its pairs all borrowed, its provenance in `about`.
 * @param empty the donors' rule: profiles of another one hold other pairs
 */
export function adoptedRecord(
  key: ProfileKey,
  empty: EmptyRule,
  from: Pick<Adoption, 'window' | 'pairs' | 'quorum' | 'donors'>,
  now: number,
): ProfileRecord {
  if (key.window !== from.window)
    throw new RangeError(`pairs of a window of ${from.window} in a profile of ${key.window}`)
  const table = new PairTable()
  const support = new Map<number, PairSupport>()
  for (const code of from.pairs.keys()) {
    table.add(currentOf(code), previousOf(code), distanceOf(code))
    support.set(code, { first: 1, seen: 1, borrowed: true })
  }
  return {
    key,
    empty,
    tables: { ...emptyTables(), normal: true, rows: rowsOf(table, table) },
    frozen: false,
    normalTime: now,
    since: now,
    made: now,
    names: new Map(),
    about: {
      adopted: `${from.pairs.size} pairs that ${from.quorum} of ${from.donors.length} donors have`,
      donors: from.donors
        .map(({ name }) => name)
        .join(' ')
        .slice(0, 1000),
    },
    support,
  }
}
