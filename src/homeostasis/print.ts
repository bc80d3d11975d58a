/** Text views of a profile: what pH-print-profile and pH-print-sequences showed. The format is lymph's own. */
import { stateName } from './life.ts'
import { bitCount, distanceMask } from './pairs.ts'
import type { ProfileRecord } from './record.ts'
import { EMPTY, OUT_OF_RANGE, type TableRow } from './types.ts'

/** Names a call number of the profile's ABI. */
export type NameOf = (call: number) => string

/** `nameOf` with the names a profile carries itself, and those of the two slots that are no calls. */
export function namesIn(record: Pick<ProfileRecord, 'names'>, nameOf: NameOf): NameOf {
  return (call) =>
    call === EMPTY ? '(start)' : call === OUT_OF_RANGE ? '(other)' : (record.names.get(call) ?? nameOf(call))
}

const time = (ms: number) => (ms > 0 ? new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z') : '-')

function countPairs(rows: readonly TableRow[], kind: 'train' | 'test'): number {
  let pairs = 0
  for (const row of rows) for (const bits of row[kind]) if (bits !== 0) pairs += bitCount(bits)
  return pairs
}

function header(record: ProfileRecord): string[] {
  const { key, tables } = record
  const set = (kind: 'train' | 'test') =>
    `${countPairs(tables.rows, kind)} pairs, ${tables[kind].sequences} sequences, ` +
    `${tables[kind].trainCount} calls, ${tables[kind].lastModCount} since last change`
  const state = stateName({ normal: tables.normal, frozen: record.frozen })
  return [
    `binary      ${key.binary}`,
    `sha256      ${key.sha256 || '-'}`,
    `abi         ${key.abi}`,
    `window      ${key.window} (the start of a process is ${record.empty === 'symbol' ? 'a symbol' : 'skipped'})`,
    `state       ${state}${record.frozen && !tables.normal ? `, normal after ${time(record.normalTime)}` : ''}`,
    `calls       ${tables.calls}`,
    `anomalies   ${tables.anomalies}`,
    `response    ${record.response ?? 'default'}`,
    `since       ${time(record.since)}`,
    `made        ${time(record.made)}`,
    `train       ${set('train')}`,
    `test        ${set('test')}`,
    ...Object.entries(record.about).map(([name, value]) => `${name.padEnd(11)} ${value}`),
  ]
}

/** Distances as the window shows them: `1.3..` = seen 1 and 3 places before. */
function distances(bits: number, window: number): string {
  let text = ''
  for (let d = 1; d < window; d++) text += (bits & (1 << (d - 1))) !== 0 ? d : '.'
  return text
}

/**
 * pH-print-profile: a header, then one line for each two calls that were seen together: current, previous, at which
 * distances in the training and in the test table. Lines, without their ends; sorted by number, so they diff well.
 */
export function* printProfile(record: ProfileRecord, nameOf: NameOf): Generator<string> {
  const name = namesIn(record, nameOf)
  const { window } = record.key
  yield* header(record)
  yield ''
  const wide = Math.max(window, 6)
  yield `${'current'.padEnd(24)} ${'previous'.padEnd(24)} ${'train'.padEnd(wide)} test`
  for (const row of record.tables.rows)
    for (let previous = 0; previous < row.train.length; previous++) {
      const train = row.train[previous]!
      const test = row.test[previous]!
      if (train !== 0 || test !== 0)
        yield `${name(row.current).padEnd(24)} ${name(previous).padEnd(24)} ${distances(train, window).padEnd(wide)} ${distances(test, window)}`
    }
}

/**
 * pH-print-sequences: for each call the calls that may precede it, one line a distance, nearest first. What a window
 * must be made of to be known. `kind` chooses the table.
 */
export function* printSequences(
  record: ProfileRecord,
  nameOf: NameOf,
  kind: 'train' | 'test' = 'train',
): Generator<string> {
  const name = namesIn(record, nameOf)
  const all = distanceMask(record.key.window)
  for (const row of record.tables.rows) {
    const bytes = row[kind]
    if (!bytes.some((bits) => (bits & all) !== 0)) continue
    yield name(row.current)
    for (let d = 1; d < record.key.window; d++) {
      const before: string[] = []
      for (let previous = 0; previous < bytes.length; previous++)
        if ((bytes[previous]! & (1 << (d - 1))) !== 0) before.push(name(previous))
      if (before.length > 0) yield `  ${d} before: ${before.join(' ')}`
    }
  }
}
