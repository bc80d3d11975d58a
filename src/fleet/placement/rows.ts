/** What a host says briefly of a profile where digests are pulled: 18 bytes a row, in up to 16 records. */
import { createHash } from 'node:crypto'
import { z } from 'zod'
import type { ProfileStateName } from '#homeostasis'
import { ABIS, type Abi } from '#syscalls'
import { FleetError } from '../errors.ts'
import type { Digest } from '../types.ts'
import { CONTENT_DIGITS } from './placement.ts'

/** As many digests as the mesh takes of one author. */
export const ROWS_PER_HOST = 2048
export const ROW_BYTES = 18
/** Of these what names the profile: content, name, ABI and window. */
export const ID_BYTES = 13
/** 7,200 bytes: with what is around them an envelope of 8 KiB holds them. */
export const ROWS_PER_PART = 400
export const PARTS_MOST = 16
/** Processes told apart; what is above counts as this many. */
export const PROCESSES_MOST = 63
/** How far another host's clock may be ahead, in seconds. */
const skewSeconds = 120

const states: readonly ProfileStateName[] = ['learning', 'frozen', 'normal']

export interface InventoryRow {
  /** 26 hex digits: the fields below down to the window. Two profiles of a host may share it only by a collision. */
  id: string
  /** First 16 hex digits of the file's SHA-256. */
  content: string
  /** First 32 bits of SHA-256 of the last part of its path. */
  name: number
  abi: Abi
  window: number
  state: ProfileStateName
  /** Learned, 63 at most; 0: not counted. Who has fewer than five is not asked. */
  processes: number
  /** When its digest was made: seconds since the epoch. */
  made: number
}

/** Of a path, or of its last part: the same. */
export function nameHash(path: string): number {
  const base = path.slice(path.lastIndexOf('/') + 1)
  return createHash('sha256').update('lymph inventory\0').update(base).digest().readUInt32BE(0)
}

export function rowOf(
  digest: Pick<Digest, 'binary' | 'sha256' | 'abi' | 'window' | 'state' | 'processes' | 'made'>,
): InventoryRow {
  const { binary, sha256, abi, window, state, processes = 0, made } = digest
  const name = nameHash(binary)
  const content = sha256.slice(0, CONTENT_DIGITS)
  return {
    id: idOf(content, name, abi, window),
    ...{ content, name, abi, window, state },
    processes: Math.min(PROCESSES_MOST, processes),
    made: Math.floor(made / 1000),
  }
}

export const kindOf = (abi: Abi, window: number): number => (ABIS.indexOf(abi) << 4) | window

export function idOf(content: string, name: number, abi: Abi, window: number): string {
  return `${content}${hex(name, 8)}${hex(kindOf(abi, window), 2)}`
}

const hex = (value: number, digits: number): string => value.toString(16).padStart(digits, '0')

/**
 * The parts a host publishes, by number. Which part a row is in follows from its content, so that a change touches one;
 * of more than 2,048 rows the first are taken.
 */
export function partsOf(rows: readonly InventoryRow[]): InventoryRow[][] {
  const taken = rows.slice(0, ROWS_PER_HOST)
  for (let parts = 1; ; parts *= 2) {
    const split: InventoryRow[][] = Array.from({ length: parts }, () => [])
    for (const row of taken)
      (split[Number.parseInt(row.content.slice(0, 2), 16) % parts] as typeof taken).push(row)
    if (parts < PARTS_MOST && split.some(({ length }) => length > ROWS_PER_PART)) continue
    return split.map((part) =>
      part.sort((a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0)).slice(0, ROWS_PER_PART),
    )
  }
}

/** The body of a part's record. */
export function encodePart(rows: readonly InventoryRow[]): { v: number; r: Uint8Array } {
  const bytes = Buffer.alloc(rows.length * ROW_BYTES)
  for (const [place, { id, state, processes, made }] of rows.entries()) {
    const at = place * ROW_BYTES
    bytes.write(id, at, ID_BYTES, 'hex')
    bytes.writeUInt8((states.indexOf(state) << 6) | processes, at + ID_BYTES)
    bytes.writeUInt32BE(made, at + ID_BYTES + 1)
  }
  return { v: 1, r: bytes }
}

/** Fields that are not known are passed over: a newer lymph may say more. */
const schema = z.object({
  v: z.number().int().min(1).max(255),
  r: z
    .instanceof(Uint8Array)
    .refine(({ length }) => length % ROW_BYTES === 0 && length <= ROWS_PER_PART * ROW_BYTES),
})

/**
 * A part out of what another host said. Throws FleetError `bad-inventory`.
 * @param now ms since the epoch: a row made later would be pulled for ever
 */
export function decodePart(
  key: string,
  body: unknown,
  peer: string,
  now: number,
): { part: number; rows: InventoryRow[] } {
  const refuse = (why: string): never => {
    throw new FleetError('bad-inventory', peer, `the inventory does not hold: ${why}`)
  }
  const part = Number(key)
  if (!/^\d{1,2}$/.test(key) || String(part) !== key || part >= PARTS_MOST) refuse(`part "${key}"`)
  const parsed = schema.safeParse(body)
  if (!parsed.success) return refuse(`no rows of ${ROW_BYTES} bytes, ${ROWS_PER_PART} at most`)
  const { r } = parsed.data
  const bytes = Buffer.from(r.buffer, r.byteOffset, r.length)
  const rows: InventoryRow[] = []
  for (let at = 0; at < bytes.length; at += ROW_BYTES) {
    const id = bytes.toString('hex', at, at + ID_BYTES)
    const kind = bytes.readUInt8(at + ID_BYTES - 1)
    const facts = bytes.readUInt8(at + ID_BYTES)
    const abi = ABIS[kind >> 4]
    const window = kind & 15
    const state = states[facts >> 6]
    const made = bytes.readUInt32BE(at + ID_BYTES + 1)
    if (!abi || !state || window < 2 || window > 9)
      return refuse(`no such ABI, window or state in row ${rows.length}`)
    if (rows.length > 0 && id <= (rows.at(-1) as InventoryRow).id) refuse('its rows are not in order')
    if (made > now / 1000 + skewSeconds) refuse(`row ${rows.length} is of the future`)
    const content = id.slice(0, CONTENT_DIGITS)
    const name = bytes.readUInt32BE(at + CONTENT_DIGITS / 2)
    rows.push({ id, content, name, abi, window, state, processes: facts & PROCESSES_MOST, made })
  }
  return { part, rows }
}
