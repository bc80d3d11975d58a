import { PairTable } from './pairs.ts'
import type { DataSet, ProfileTables, TableRow } from './types.ts'

/** A profile's part that is saved and loaded: its tables with their counters. */
export interface Learned extends Pick<ProfileTables, 'calls' | 'anomalies' | 'normal'> {
  train: DataSet<PairTable>
  test: DataSet<PairTable>
}

/** Rows for two tables: those calls that have a row in either. Bytes are copies, all of one width. */
export function rowsOf(train: PairTable, test: PairTable): TableRow[] {
  const width = Math.max(train.width, test.width)
  const rows = new Map<number, TableRow>()
  for (const [table, kind] of [
    [train, 'train'],
    [test, 'test'],
  ] as const)
    for (const { current, bytes } of table.rows()) {
      let row = rows.get(current)
      if (!row) {
        row = { current, train: new Uint8Array(width), test: new Uint8Array(width) }
        rows.set(current, row)
      }
      row[kind].set(bytes)
    }
  return [...rows.values()].sort((a, b) => a.current - b.current)
}

/** The training or the test table out of rows. */
export function tableFrom(rows: readonly TableRow[], kind: 'train' | 'test'): PairTable {
  const table = new PairTable()
  for (const row of rows) table.addRow(row.current, row[kind])
  return table
}

export function tablesOf(profile: Learned): ProfileTables {
  const counters = ({ sequences, trainCount, lastModCount }: DataSet<PairTable>) => ({
    sequences,
    trainCount,
    lastModCount,
  })
  return {
    calls: profile.calls,
    train: counters(profile.train),
    test: counters(profile.test),
    anomalies: profile.anomalies,
    normal: profile.normal,
    rows: rowsOf(profile.train.table, profile.test.table),
  }
}

/** Puts saved tables and counters into a profile, in place of what it has. */
export function takeTables(profile: Learned, tables: ProfileTables): void {
  profile.calls = tables.calls
  profile.train = { ...tables.train, table: tableFrom(tables.rows, 'train') }
  profile.test = { ...tables.test, table: tableFrom(tables.rows, 'test') }
  profile.anomalies = tables.anomalies
  profile.normal = tables.normal
}

/** No pairs, no calls. */
export function emptyTables(): ProfileTables {
  const none = { sequences: 0, trainCount: 0, lastModCount: 0 }
  return { calls: 0, train: { ...none }, test: { ...none }, anomalies: 0, normal: false, rows: [] }
}

/**
 * What a profile has learned, added to what was saved of it: pairs are united, counts added. The table last changed
 * when learning brought a pair that was not saved; else when the saved one did.
 */
export function mergeTables(saved: ProfileTables, learned: ProfileTables): ProfileTables {
  const merge = (kind: 'train' | 'test') => {
    const before = tableFrom(saved.rows, kind)
    const after = before.union(tableFrom(learned.rows, kind))
    return {
      table: after,
      sequences: saved[kind].sequences + learned[kind].sequences,
      trainCount: saved[kind].trainCount + learned[kind].trainCount,
      lastModCount:
        after.pairs > before.pairs
          ? learned[kind].lastModCount
          : saved[kind].lastModCount + learned[kind].trainCount,
    }
  }
  const { table: train, ...trainCounters } = merge('train')
  const { table: test, ...testCounters } = merge('test')
  return {
    calls: saved.calls + learned.calls,
    train: trainCounters,
    test: testCounters,
    anomalies: saved.anomalies + learned.anomalies,
    normal: saved.normal || learned.normal,
    rows: rowsOf(train, test),
  }
}

/** Counters of a profile, without its pairs. */
export interface ProfileCounts {
  calls: number
  anomalies: number
  sequences: number
  trainCount: number
  lastModCount: number
}

/** The same tables with other counters: for pairs that did not change while calls were counted. */
export function withCounts(tables: ProfileTables, counts: ProfileCounts): ProfileTables {
  const { calls, anomalies, sequences, trainCount, lastModCount } = counts
  return { ...tables, calls, anomalies, train: { sequences, trainCount, lastModCount } }
}

export function countsOf({ calls, anomalies, train }: ProfileTables): ProfileCounts {
  return { calls, anomalies, ...train }
}

/** Tables less what was counted elsewhere as well; the table still last changed when it did. Never below 0. */
export function withoutCounts(tables: ProfileTables, other: ProfileCounts): ProfileTables {
  const less = (a: number, b: number): number => Math.max(0, a - b)
  const trainCount = less(tables.train.trainCount, other.trainCount)
  return withCounts(tables, {
    calls: less(tables.calls, other.calls),
    anomalies: less(tables.anomalies, other.anomalies),
    sequences: less(tables.train.sequences, other.sequences),
    trainCount,
    lastModCount: Math.min(trainCount, tables.train.lastModCount),
  })
}
