import { createHash, hash, timingSafeEqual } from 'node:crypto'
import { fromCbor, toCbor } from './cbor.ts'

/** Bytes of SHA-256 that are kept: 2^-128 for a damaged record to pass. */
const checksumBytes = 16
const smallBytes = 16_384

/** The key is part of it: a record that turns up under another key does not pass either. */
function checksumOf(key: string, version: number, payload: Uint8Array): Buffer {
  const head = Buffer.from(`${version}\0${key}\0`)
  // A copy and one call cost half of what a hash in pieces does, where there is little to copy.
  const digest =
    payload.length <= smallBytes
      ? hash('sha256', Buffer.concat([head, payload]), 'buffer')
      : createHash('sha256').update(head).update(payload).digest()
  return digest.subarray(0, checksumBytes)
}

/** Canonical CBOR of `{v, checksum, payload}`, as `toCbor` would write it. `version` is that of the record's kind. */
export function seal(key: string, version: number, payload: Uint8Array): Uint8Array {
  const checksum = checksumOf(key, version, payload)
  return Buffer.concat([
    mapAndV,
    toCbor(version),
    payloadKey,
    lengthOf(payload),
    payload,
    checksumKey,
    checksum,
  ])
}

// Every write passes here: the three parts are put together, not looked at one by one.
const mapAndV = Buffer.from('a36176', 'hex')
const payloadKey = Buffer.from('677061796c6f6164', 'hex')
/** With the head of 16 bytes. */
const checksumKey = Buffer.from('68636865636b73756d50', 'hex')

/** The head of a byte string, in its shortest form. */
function lengthOf({ length }: Uint8Array): Buffer {
  if (length < 24) return Buffer.from([0x40 | length])
  const [head, bytes] = length < 0x100 ? [0x58, 1] : length < 0x1_0000 ? [0x59, 2] : [0x5a, 4]
  const out = Buffer.from([head, 0, 0, 0, 0])
  out.writeUIntBE(length, 1, bytes)
  return out.subarray(0, 1 + bytes)
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
