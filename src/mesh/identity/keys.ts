/**
 * Ed25519 keys by node:crypto, whose calls are synchronous and whose key objects can be kept; libp2p gets its own form of the
 * node key. Raw keys: private 64 bytes (seed and public key, as libp2p writes them), public 32 bytes.
 */
import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
  verify,
} from 'node:crypto'
import { privateKeyFromRaw, publicKeyFromRaw } from '@libp2p/crypto/keys'
import { peerIdFromPublicKey, peerIdFromString } from '@libp2p/peer-id'
import { concat } from 'uint8arrays/concat'
import { fromString } from 'uint8arrays/from-string'
import { toString as text } from 'uint8arrays/to-string'

export interface Signer {
  raw: Uint8Array
  publicKey: Uint8Array
  sign(message: Uint8Array): Uint8Array
}

const url = (bytes: Uint8Array) => text(bytes, 'base64url')

export function signerFrom(raw: Uint8Array): Signer {
  if (raw.length !== 64) throw new Error(`an Ed25519 private key has 64 bytes, not ${raw.length}`)
  const publicKey = raw.slice(32)
  const key = createPrivateKey({
    format: 'jwk',
    key: { kty: 'OKP', crv: 'Ed25519', d: url(raw.subarray(0, 32)), x: url(publicKey) },
  })
  return { raw, publicKey, sign: (message) => new Uint8Array(sign(null, message, key)) }
}

export function newSigner(): Signer {
  const jwk = generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' })
  return signerFrom(
    concat([fromString(jwk.d as string, 'base64url'), fromString(jwk.x as string, 'base64url')]),
  )
}

/** Importing a public key costs as much as a verification, so the last ones are kept. */
const kept = new Map<string, KeyObject>()
const keptAtMost = 4096

export function verifySignature(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  const x = url(publicKey)
  let key = kept.get(x)
  if (key === undefined) {
    try {
      key = createPublicKey({ format: 'jwk', key: { kty: 'OKP', crv: 'Ed25519', x } })
    } catch {
      return false
    }
    if (kept.size >= keptAtMost) kept.delete(kept.keys().next().value as string)
    kept.set(x, key)
  }
  return verify(null, message, key, signature)
}

export const peerOf = (publicKey: Uint8Array): string => {
  const key = publicKeyFromRaw(publicKey)
  if (key.type !== 'Ed25519') throw new Error('not an Ed25519 key')
  return peerIdFromPublicKey(key).toString()
}

/** The public key a PeerId text carries. Throws where it is not the one spelling of an Ed25519 PeerId. */
export function publicKeyOf(peer: string): Uint8Array {
  const id = peerIdFromString(peer)
  if (id.type !== 'Ed25519' || id.toString() !== peer) throw new Error(`${peer} is not an Ed25519 PeerId`)
  return id.publicKey.raw
}

/** Bytes as they are signed for a purpose that no record and no certificate has. */
export const purposeful = (purpose: string, bytes: Uint8Array): Uint8Array =>
  concat([fromString(`lymph/v1/bytes/${purpose}\0`), bytes])

/** The node key as libp2p wants it. */
export const hostKey = (signer: Signer) => privateKeyFromRaw(signer.raw)
