import { EMPTY, OUT_OF_RANGE, type Pair, SLOTS } from './types.ts'

/** One number for (current, previous, distance): current and previous below 4096, distance 1..8. */
export function pairCode(current: number, previous: number, distance: number): number {
  return (current * 4096 + previous) * 8 + distance - 1
}

/** Call numbers of a foreign trace end below this; what is beyond shares the slot OUT_OF_RANGE. */
export const CALL_LIMIT = 4096
/** A window's previous calls are kept in a ring of this many; the longest window needs 9. */
export const RING = 16

/** The slot a call number is counted under. -1, 9999 and the number that means "no call yet" are OUT_OF_RANGE. */
export function slotOf(call: number): number {
  return call >= 0 && call < CALL_LIMIT && call !== EMPTY ? call : OUT_OF_RANGE
}

/** All distances of a window, as bits: distance d is bit d-1. */
export function distanceMask(window: number): number {
  return (1 << (window - 1)) - 1
}

/** How many bits are set in a byte. */
export function bitCount(byte: number): number {
  let rest = byte - ((byte >> 1) & 0x55)
  rest = (rest & 0x33) + ((rest >> 2) & 0x33)
  return (rest + (rest >> 4)) & 0x0f
}

/**
 * pH's lookahead pairs: for each current call a row with a byte for each previous call, whose bit d-1 says that the
 * two were seen d places apart. Rows exist once they are needed. `index[call]` is where the call's row begins in
 * `slab`; row 0 is never written, so that a call without a row reads zeros and inner loops need no test for it.
 * Both arrays are replaced when the table grows: loops over them take them anew after `add`.
 */
export class PairTable {
  /** Slots of a row: 512, more only for foreign traces (up to 4096). */
  width = SLOTS
  index: Uint32Array
  slab: Uint8Array
  #rows = 0
  #pairs = 0

  constructor(width: number = SLOTS) {
    while (this.width < width) this.width *= 2
    if (this.width > CALL_LIMIT) throw new RangeError(`a pair table has at most ${CALL_LIMIT} slots`)
    this.index = new Uint32Array(this.width)
    this.slab = new Uint8Array(this.width * 4)
  }

  /** Distinct (current, previous, distance). */
  get pairs(): number {
    return this.#pairs
  }

  /** Rows in use. */
  get rowCount(): number {
    return this.#rows
  }

  /** The byte of (current, previous): bit d-1 = seen at distance d. */
  bits(current: number, previous: number): number {
    if (current >= this.width || previous >= this.width) return 0
    return this.slab[this.index[current]! + previous]!
  }

  has(current: number, previous: number, distance: number): boolean {
    return (this.bits(current, previous) & (1 << (distance - 1))) !== 0
  }

  /** Adds one pair (slots, distance 1..8); tells whether it was new. */
  add(current: number, previous: number, distance: number): boolean {
    return this.addBits(current, previous, 1 << (distance - 1)) !== 0
  }

  /** Adds several distances at once; gives back the bits that were new. */
  addBits(current: number, previous: number, bits: number): number {
    const base = this.#rowFor(current, previous)
    const place = base + previous
    const fresh = bits & ~this.slab[place]! & 0xff
    this.slab[place] = this.slab[place]! | bits
    this.#pairs += bitCount(fresh)
    return fresh
  }

  /**
   * pH_test_seq: which pairs of a window are unknown, as bits. `ring[at]` is the current call, `ring[at - d]` (modulo
   * RING) the one d places before; only distances in `mask` are looked at.
   */
  missing(ring: Uint16Array, at: number, mask: number): number {
    const current = ring[at]!
    const { slab, width } = this
    if (current >= width) return mask
    const base = this.index[current]!
    let missing = 0
    for (let bit = 1, place = at - 1; bit <= mask; bit <<= 1, place--) {
      const previous = ring[place & (RING - 1)]!
      if (previous >= width || (slab[base + previous]! & bit) === 0) missing |= bit
    }
    return missing & mask
  }

  /** Unknown pairs of a window given as slots, nearest previous first: pH's number of misses. */
  misses(current: number, previous: ArrayLike<number>): number {
    let misses = 0
    for (let distance = 1; distance <= previous.length; distance++)
      if (!this.has(current, previous[distance - 1]!, distance)) misses++
    return misses
  }

  /** pH_add_seq: learns those pairs of a window whose bits are set. Arguments as for `missing`. */
  learn(ring: Uint16Array, at: number, bits: number): void {
    const current = ring[at]!
    for (let bit = 1, place = at - 1; bit <= bits; bit <<= 1, place--)
      if ((bits & bit) !== 0) this.addBits(current, ring[place & (RING - 1)]!, bit)
  }

  /** Rows in ascending order of the current call. The bytes are the table's own: `width` of them, not to be kept. */
  *rows(): Generator<{ current: number; bytes: Uint8Array }> {
    for (let current = 0; current < this.width; current++) {
      const base = this.index[current]!
      if (base !== 0) yield { current, bytes: this.slab.subarray(base, base + this.width) }
    }
  }

  /** Pairs in ascending order of current, previous, distance. */
  *entries(): Generator<Pair> {
    for (const { current, bytes } of this.rows())
      for (let previous = 0; previous < bytes.length; previous++)
        for (let rest = bytes[previous]!; rest !== 0; rest &= rest - 1)
          yield { current, previous, distance: 32 - Math.clz32(rest & -rest) }
  }

  clear(): void {
    this.index.fill(0)
    this.slab = new Uint8Array(this.width * 4)
    this.#rows = 0
    this.#pairs = 0
  }

  clone(): PairTable {
    const copy = new PairTable(this.width)
    copy.index.set(this.index)
    copy.slab = this.slab.slice()
    copy.#rows = this.#rows
    copy.#pairs = this.#pairs
    return copy
  }

  /** The same pairs, whatever the width. */
  equals(other: PairTable): boolean {
    if (this.#pairs !== other.#pairs) return false
    for (const { current, bytes } of this.rows())
      for (let previous = 0; previous < bytes.length; previous++)
        if (bytes[previous] !== 0 && bytes[previous] !== other.bits(current, previous)) return false
    return true
  }

  /** The pairs of this table that `other` has not. */
  difference(other: PairTable): PairTable {
    return this.#where((current, previous, bits) => bits & ~other.bits(current, previous))
  }

  /** The pairs of both. */
  union(other: PairTable): PairTable {
    const all = this.clone()
    for (const { current, bytes } of other.rows()) all.addRow(current, bytes)
    return all
  }

  /** The pairs that both have. */
  intersection(other: PairTable): PairTable {
    return this.#where((current, previous, bits) => bits & other.bits(current, previous))
  }

  /** Adds a whole row: a byte for each previous slot. */
  addRow(current: number, bytes: Uint8Array): void {
    for (let previous = 0; previous < bytes.length; previous++)
      if (bytes[previous] !== 0) this.addBits(current, previous, bytes[previous]!)
  }

  #where(select: (current: number, previous: number, bits: number) => number): PairTable {
    const chosen = new PairTable(this.width)
    for (const { current, bytes } of this.rows())
      for (let previous = 0; previous < bytes.length; previous++) {
        const bits = bytes[previous] === 0 ? 0 : select(current, previous, bytes[previous]!)
        if (bits !== 0) chosen.addBits(current, previous, bits)
      }
    return chosen
  }

  /** Where the row of `current` begins; made, and the table widened, when it must be. */
  #rowFor(current: number, previous: number): number {
    if (current >= this.width || previous >= this.width) this.#widen(Math.max(current, previous) + 1)
    const base = this.index[current]!
    if (base !== 0) return base
    const fresh = (this.#rows + 1) * this.width
    if (fresh + this.width > this.slab.length) {
      const larger = new Uint8Array(this.slab.length * 2)
      larger.set(this.slab)
      this.slab = larger
    }
    this.#rows++
    this.index[current] = fresh
    return fresh
  }

  #widen(slots: number): void {
    const wide = new PairTable(slots)
    for (const { current, bytes } of this.rows()) wide.addRow(current, bytes)
    this.width = wide.width
    this.index = wide.index
    this.slab = wide.slab
    this.#rows = wide.#rows
    this.#pairs = wide.#pairs
  }
}
