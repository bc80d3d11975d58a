import type { DamageReport } from './damage.ts'
import type { Database } from './engine.ts'
import { open } from './envelope.ts'
import { keyOf, partsOf } from './keys.ts'

/** Kind of the records that say how many there are of each counted kind. */
export const countKind = 'count'
export const journalKind = 'journal'
/** Kinds whose names are not held in memory: they may have very many. */
const uncounted = (kind: string): boolean =>
  kind === countKind || kind === journalKind || kind.startsWith('kv.')

/** What was found on the disk at start-up. */
export interface Census {
  /** Names of the records of each counted kind, damaged ones included. */
  names: Map<string, Set<string>>
  /** Records of each kind. */
  records: Map<string, number>
  /** How many records of a counted kind are not there though the last batch written said there were. */
  missing: Map<string, number>
  journal: { first: number; last: number; holes: [number, number][]; holesCut: number }
}

/** Ranges of lost sequence numbers kept; more are only counted. */
const holesLimit = 100

export function emptyCensus(): Census {
  return {
    names: new Map(),
    records: new Map(),
    missing: new Map(),
    journal: { first: 0, last: 0, holes: [], holesCut: 0 },
  }
}

/**
 * Reads every record once. LevelDB opens "fine" with a byte of its log flipped and whole batches gone from the
 * middle; the counts written with each batch, the journal's dense numbers and the checksums show it.
 * @param versions of the kinds this program knows; records of other kinds are counted only
 */
export async function takeCensus(
  database: Database,
  versions: (kind: string) => number | undefined,
  damage: DamageReport,
): Promise<Census> {
  const census = emptyCensus()
  const promised = new Map<string, number>()
  for await (const [key, sealed] of database.iterator()) {
    const parts = partsOf(key)
    if (!parts) continue
    const { kind, name } = parts
    census.records.set(kind, (census.records.get(kind) ?? 0) + 1)
    if (!uncounted(kind)) namesOf(census, kind).add(name)
    if (kind === journalKind) seeNumber(census.journal, Number(name))
    const version = versions(kind)
    if (version === undefined) continue
    const opened = open(key, version, sealed)
    if (!opened.ok) damage.add(kind, name, opened.reason)
    else if (kind === countKind) promised.set(name, readCount(opened.payload))
  }
  for (const [kind, count] of promised) {
    const lost = count - (census.names.get(kind)?.size ?? 0)
    if (lost > 0) census.missing.set(kind, lost)
  }
  return census
}

function namesOf(census: Census, kind: string): Set<string> {
  let names = census.names.get(kind)
  if (!names) {
    names = new Set()
    census.names.set(kind, names)
  }
  return names
}

function seeNumber(journal: Census['journal'], number: number): void {
  if (journal.first === 0) journal.first = number
  else if (number !== journal.last + 1) {
    if (journal.holes.length < holesLimit) journal.holes.push([journal.last + 1, number - 1])
    else journal.holesCut++
  }
  journal.last = number
}

/** A count is 8 bytes, big-endian. */
export function writeCount(count: number): Uint8Array {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64BE(BigInt(count))
  return bytes
}

function readCount(bytes: Uint8Array): number {
  return bytes.length === 8 ? Number(Buffer.from(bytes).readBigUInt64BE()) : 0
}

export const countKeyOf = (kind: string): string => keyOf(countKind, kind)
