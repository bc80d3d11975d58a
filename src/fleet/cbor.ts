import { decode, encode, rfc8949EncodeOptions } from 'cborg'

/** Canonical CBOR (RFC 8949 section 4.2.1). Properties that are undefined are left out. */
export function toCbor(value: unknown): Uint8Array {
  return encode(value, { ...rfc8949EncodeOptions, ignoreUndefinedProperties: true })
}

/** The value of canonical CBOR, and of no other bytes: what decodes must encode to the same. Throws otherwise. */
export function fromCbor(bytes: Uint8Array): unknown {
  const value: unknown = decode(bytes, {
    strict: true,
    allowIndefinite: false,
    allowUndefined: false,
    allowInfinity: false,
    allowNaN: false,
    allowBigInt: false,
    rejectDuplicateMapKeys: true,
  })
  if (!Buffer.from(toCbor(value)).equals(bytes)) throw new Error('it is not in the one canonical form')
  return value
}
