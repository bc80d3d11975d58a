/**
 * Reads canonical CBOR (RFC 8949, 4.2.1), and nothing else, in one pass: shortest heads, definite lengths, keys of maps in the order
 * of their bytes, no key twice, shortest floats, UTF-8. So a value that is read has one spelling, without being encoded again to be
 * compared, which is most of what reading costs with cborg alone. test/property/canonical.test.ts holds it to cborg.
 */
import { isUtf8 } from 'node:buffer'
import { encode, rfc8949EncodeOptions } from 'cborg'

/** Arrays and maps in one another, at most. */
const deepest = 64
const shortText = 8

/** Byte strings are copies, or with `views` parts of `bytes`, for whoever keeps these as long as the value. Throws Error. */
export function decodeCanonical(bytes: Uint8Array, views = false): unknown {
  const reader = new Reader(bytes, views)
  const value = reader.value(0)
  if (reader.at !== bytes.length) throw refuse('bytes follow the value')
  return value
}

const refuse = (why: string): Error => new Error(`not canonical CBOR: ${why}`)

class Reader {
  readonly #bytes: Buffer
  readonly #views: boolean
  at = 0

  constructor(bytes: Uint8Array, views: boolean) {
    this.#views = views
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  }

  value(depth: number): unknown {
    const head = this.#byte()
    const major = head >> 5
    if (major === 7) return this.#simple(head)
    const count = this.#count(head & 31)
    if (major === 0) return count
    if (major === 1)
      return typeof count === 'bigint' || count === Number.MAX_SAFE_INTEGER ? -1n - BigInt(count) : -1 - count
    if (major === 6) throw refuse('a tag')
    // What is counted is here, or it is a lie.
    if (typeof count === 'bigint' || count > this.#bytes.length - this.at) throw refuse('it ends early')
    if (major === 2) return this.#take(count)
    if (major === 3) return this.#text(count)
    if (depth >= deepest) throw refuse(`more than ${deepest} deep`)
    return major === 4 ? this.#array(count, depth + 1) : this.#map(count, depth + 1)
  }

  #byte(): number {
    if (this.at >= this.#bytes.length) throw refuse('it ends early')
    return this.#bytes[this.at++] as number
  }

  /** The argument of a head, in its shortest form; a bigint where a number cannot hold it exactly. */
  #count(info: number): number | bigint {
    if (info < 24) return info
    const bytes = this.#bytes
    const size = info < 28 ? 1 << (info - 24) : 0
    if (size === 0) throw refuse('an indefinite or unknown length')
    const from = this.at
    this.at += size
    if (this.at > bytes.length) throw refuse('it ends early')
    if (size === 8) {
      const value = bytes.readBigUInt64BE(from)
      if (value <= 0xffffffffn) throw refuse('a head that could be shorter')
      return value <= Number.MAX_SAFE_INTEGER ? Number(value) : value
    }
    const value = bytes.readUIntBE(from, size)
    if (value < (size === 1 ? 24 : size === 2 ? 0x100 : 0x10000)) throw refuse('a head that could be shorter')
    return value
  }

  #take(length: number): Uint8Array {
    const { buffer, byteOffset } = this.#bytes
    const view = new Uint8Array(buffer, byteOffset + this.at, length)
    this.at += length
    return this.#views ? view : new Uint8Array(view)
  }

  #text(length: number): string {
    const from = this.at
    this.at += length
    const bytes = this.#bytes
    for (let i = from; i < this.at; i++)
      if ((bytes[i] as number) > 0x7f) {
        if (!isUtf8(bytes.subarray(from, this.at))) throw refuse('text that is not UTF-8')
        return bytes.toString('utf8', from, this.at)
      }
    if (length > shortText) return bytes.toString('latin1', from, this.at)
    // Names of fields, mostly: a call into the runtime costs more than these few.
    let text = ''
    for (let i = from; i < this.at; i++) text += String.fromCharCode(bytes[i] as number)
    return text
  }

  #array(count: number, depth: number): unknown[] {
    const out: unknown[] = []
    for (let i = 0; i < count; i++) out.push(this.value(depth))
    return out
  }

  #map(count: number, depth: number): Record<string, unknown> {
    const out: Record<string, unknown> = {}
    let [before, beforeEnd] = [0, 0]
    for (let i = 0; i < count; i++) {
      const from = this.at
      const head = this.#byte()
      if (head >> 5 !== 3) throw refuse('a key that is no text')
      const length = this.#count(head & 31)
      if (typeof length === 'bigint' || length > this.#bytes.length - this.at) throw refuse('it ends early')
      const key = this.#text(length)
      if (i > 0 && this.#bytes.compare(this.#bytes, before, beforeEnd, from, this.at) <= 0)
        throw refuse('keys out of order, or one twice')
      ;[before, beforeEnd] = [from, this.at]
      // On an object this would be something else than a key.
      if (key === '__proto__') throw refuse('a key that is reserved')
      out[key] = this.value(depth)
    }
    return out
  }

  #simple(head: number): unknown {
    if (head === 0xf4) return false
    if (head === 0xf5) return true
    if (head === 0xf6) return null
    const size = head === 0xf9 ? 2 : head === 0xfa ? 4 : head === 0xfb ? 8 : 0
    if (size === 0) throw refuse('a simple value that is none of false, true, null')
    const from = this.at - 1
    this.at += size
    if (this.at > this.#bytes.length) throw refuse('it ends early')
    const value =
      size === 2
        ? half(this.#bytes.readUInt16BE(from + 1))
        : size === 4
          ? this.#bytes.readFloatBE(from + 1)
          : this.#bytes.readDoubleBE(from + 1)
    // Rare here: which form is the shortest is cborg's to say. It writes whole numbers as such.
    if (
      !Number.isFinite(value) ||
      this.#bytes.compare(encode(value, rfc8949EncodeOptions), undefined, undefined, from, this.at) !== 0
    )
      throw refuse('a float that is not finite, or could be shorter')
    return value
  }
}

/** IEEE 754 binary16. */
function half(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1
  const exponent = (bits >> 10) & 31
  const fraction = bits & 1023
  if (exponent === 0) return sign * fraction * 2 ** -24
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15)
}
