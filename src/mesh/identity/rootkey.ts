/**
 * The root key at rest: its seed in AES-256-GCM under scrypt of a passphrase that lymph makes itself and prints once. Whoever
 * copies the file alone has nothing; whoever loses the passphrase can let hosts in until the issuer's certificate runs out.
 */
import { createCipheriv, createDecipheriv, randomBytes, scryptSync } from 'node:crypto'
import { z } from 'zod'
import { MeshError } from '../errors.ts'
import { concat, decode, encode } from '../records/codec.ts'
import { bytes, someBytes } from './certificate.ts'
import { type Signer, signerFrom } from './keys.ts'

/** 32 MiB and a tenth of a second; the passphrase alone has 125 bits. */
const cost = { N: 1 << 15, r: 8, p: 1 } as const
const maxmem = 256 * 1024 * 1024
/** Crockford's base 32: no letter is taken for a digit. */
const alphabet = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'
const groups = 5
const tagBytes = 16

const file = z.strictObject({
  v: z.literal(1),
  kdf: z.literal('scrypt'),
  N: z
    .int()
    .min(1 << 14)
    .max(1 << 20),
  r: z.int().min(8).max(16),
  p: z.int().min(1).max(4),
  salt: bytes(16),
  nonce: bytes(12),
  box: someBytes(256),
})

/** Five groups of five letters and digits, 125 bits. */
export function newPassphrase(): string {
  const letters = [...randomBytes(groups * 5)].map((byte) => alphabet[byte & 31])
  return Array.from({ length: groups }, (_, i) => letters.slice(i * 5, i * 5 + 5).join('')).join('-')
}

/** As typed by hand: case, spaces and dashes do not matter, nor O for 0 and I or L for 1. */
const plain = (passphrase: string): string =>
  passphrase.toUpperCase().replaceAll(/[\s-]/g, '').replaceAll('O', '0').replaceAll(/[IL]/g, '1')

const keyOf = (passphrase: string, salt: Uint8Array, { N, r, p }: { N: number; r: number; p: number }) =>
  scryptSync(plain(passphrase), salt, 32, { N, r, p, maxmem })

export function sealRootKey(root: Signer, passphrase: string): Uint8Array {
  const salt = new Uint8Array(randomBytes(16))
  const nonce = new Uint8Array(randomBytes(12))
  const cipher = createCipheriv('aes-256-gcm', keyOf(passphrase, salt, cost), nonce)
  const box = concat([cipher.update(root.raw), cipher.final(), cipher.getAuthTag()])
  return encode({ v: 1, kdf: 'scrypt', ...cost, salt, nonce, box })
}

/** Throws MeshError 'damaged' or 'bad-passphrase'. */
export function openRootKey(content: Uint8Array, passphrase: string): Signer {
  const read = file.safeParse(safely(() => decode(content)))
  if (!read.success)
    throw new MeshError('damaged', 'the file of the root key cannot be read; restore it from a copy')
  const { salt, nonce, box } = read.data
  const decipher = createDecipheriv('aes-256-gcm', keyOf(passphrase, salt, read.data), nonce)
  decipher.setAuthTag(box.subarray(-tagBytes))
  const raw = safely(() => concat([decipher.update(box.subarray(0, -tagBytes)), decipher.final()]))
  if (raw === undefined)
    throw new MeshError(
      'bad-passphrase',
      'the passphrase does not open the root key; it is the one lymph mesh init printed, five groups of five letters',
    )
  return signerFrom(new Uint8Array(raw))
}

function safely<T>(work: () => T): T | undefined {
  try {
    return work()
  } catch {
    return undefined
  }
}
