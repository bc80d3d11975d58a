/**
 * Profile files: 14 bytes of magic, one byte of version, SHA-256 over those and the body, the body. The body is
 * canonical CBOR, so equal profiles are equal files, and it is what a digest of a profile commits to. Reading is
 * strict: limits first, then the hash, then every field; what is not exactly what writing makes is refused.
 */
import { createHash } from 'node:crypto'
import { decode, encode } from 'cborg'
import { ProfileFileError } from './errors.ts'
import { bodyOf, recordOfBody } from './profile-body.ts'
import type { ProfileRecord } from './record.ts'
import type { ProfileKey } from './types.ts'

const MAGIC = new TextEncoder().encode('lymph profile\n')
const VERSION = 1
const HASH_BYTES = 32
const HEADER_BYTES = MAGIC.length + 1 + HASH_BYTES
/** A dense profile of 512 calls takes 1 MiB; a foreign trace's may take more. */
export const PROFILE_FILE_LIMIT = 16 * 1024 * 1024

const DECODE = {
  strict: true,
  allowIndefinite: false,
  allowUndefined: false,
  allowInfinity: false,
  allowNaN: false,
  allowBigInt: false,
  rejectDuplicateMapKeys: true,
}

function hashOf(body: Uint8Array): Buffer {
  return createHash('sha256').update(MAGIC).update(Uint8Array.of(VERSION)).update(body).digest()
}

/** The file's bytes. Throws ProfileFileError `too-large`. */
export function encodeProfile(record: ProfileRecord): Uint8Array {
  const body = encode(bodyOf(record))
  if (HEADER_BYTES + body.length > PROFILE_FILE_LIMIT)
    throw new ProfileFileError(
      'too-large',
      `the profile of ${record.key.binary} would be a file of ${HEADER_BYTES + body.length} bytes; ${PROFILE_FILE_LIMIT} are allowed`,
    )
  const file = new Uint8Array(HEADER_BYTES + body.length)
  file.set(MAGIC)
  file[MAGIC.length] = VERSION
  file.set(hashOf(body), MAGIC.length + 1)
  file.set(body, HEADER_BYTES)
  return file
}

/** What a reader insists on; a field that is absent may be anything. */
export type Expected = Partial<Pick<ProfileKey, 'abi' | 'window'>>

/**
 * A profile out of its file, made wholly by `encodeProfile` or refused. Throws ProfileFileError, whose message speaks
 * of "the file": the caller says which. Safe on hostile input.
 */
export function decodeProfile(file: Uint8Array, expected: Expected = {}): ProfileRecord {
  if (file.length > PROFILE_FILE_LIMIT)
    throw new ProfileFileError(
      'too-large',
      `it has ${file.length} bytes; a profile has at most ${PROFILE_FILE_LIMIT}`,
    )
  if (file.length < MAGIC.length || MAGIC.some((byte, i) => file[i] !== byte))
    throw new ProfileFileError(
      'not-a-profile',
      'it is no lymph profile, its first line is another: give a file that `lymph profile export` or `trace learn` wrote',
    )
  if (file.length <= HEADER_BYTES)
    throw new ProfileFileError(
      'damaged',
      `it was cut short, it has ${file.length} bytes: take another copy of it`,
    )
  const version = file[MAGIC.length]!
  if (version !== VERSION)
    throw new ProfileFileError('version', `it is of format ${version}; this lymph reads format ${VERSION}`)
  const body = file.subarray(HEADER_BYTES)
  if (!hashOf(body).equals(file.subarray(MAGIC.length + 1, HEADER_BYTES)))
    throw new ProfileFileError(
      'damaged',
      'its SHA-256 does not hold, it was cut short or changed: take another copy of it',
    )
  let record: ProfileRecord
  try {
    record = recordOfBody(decode(body, DECODE))
  } catch (error) {
    throw new ProfileFileError('damaged', `its body is no profile: ${(error as Error).message}`)
  }
  if (!Buffer.from(encode(bodyOf(record))).equals(body))
    throw new ProfileFileError('damaged', 'its body is not in the one canonical form')
  const { abi, window } = record.key
  if (expected.window !== undefined && window !== expected.window)
    throw new ProfileFileError(
      'window',
      `it was learned with windows of ${window} calls, and ${expected.window} are wanted: learn it anew, or set window ${window}`,
    )
  if (expected.abi !== undefined && abi !== expected.abi)
    throw new ProfileFileError(
      'abi',
      `its call numbers are ${abi}'s, and ${expected.abi}'s are wanted: numbers of two ABIs cannot be compared`,
    )
  return record
}

/** SHA-256 (hex) over a whole profile file: what a digest names a body by. */
export function profileFileHash(file: Uint8Array): string {
  return createHash('sha256').update(file).digest('hex')
}
