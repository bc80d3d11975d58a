import { decode, encode, rfc8949EncodeOptions } from 'cborg'

/** Canonical CBOR (RFC 8949 section 4.2.1): the same value is the same bytes. Properties that are undefined are left out. */
export function toCbor(value: unknown): Uint8Array {
  return encode(value, options)
}

const options = { ...rfc8949EncodeOptions, ignoreUndefinedProperties: true }

/** Throws on what is not strict CBOR. */
export function fromCbor(bytes: Uint8Array): unknown {
  return decode(bytes, { strict: true, rejectDuplicateMapKeys: true, allowIndefinite: false })
}
