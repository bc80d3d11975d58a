import { createHash, timingSafeEqual } from 'node:crypto'
import { fromCbor, toCbor } from './cbor.ts'

/** Bytes of SHA-256 that are kept: 2^-128 for a damaged record to pass. */
const checksumBytes = 16

/** The key is part of it: a record that turns up under another key does not pass either. */
function checksumOf(key: string, version: number, payload: Uint8Array): Buffer {
  return createHash('sha256')
    .update(`${version}\0${key}\0`)
    .update(payload)
    .digest()
    .subarray(0, checksumBytes)
}

/** Canonical CBOR of `{v, checksum, payload}`. `version` is that of the record's kind. */
export function seal(key: string, version: number, payload: Uint8Array): Uint8Array {
  return toCbor({ v: version, checksum: checksumOf(key, version, payload), payload })
}

export type Opened = { ok: true; payload: Uint8Array } | { ok: false; reason: string }

/** The payload, or why there is none: damage, or a version this program does not know. */
export function open(key: string, version: number, sealed: Uint8Array): Opened {
  let envelope: unknown
  try {
    envelope = fromCbor(sealed)
  } catch (error) {
    return { ok: false, reason: `no envelope (${(error as Error).message})` }
  }
  const { v, checksum, payload } = (envelope ?? {}) as Record<string, unknown>
  if (
    typeof v !== 'number' ||
    !(checksum instanceof Uint8Array) ||
    checksum.length !== checksumBytes ||
    !(payload instanceof Uint8Array)
  )
    return { ok: false, reason: 'no envelope' }
  if (!timingSafeEqual(checksumOf(key, v, payload), checksum))
    return { ok: false, reason: 'checksum does not match' }
  if (v !== version) return { ok: false, reason: `written as version ${v}, this lymph reads ${version}` }
  return { ok: true, payload }
}
