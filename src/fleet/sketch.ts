import { cellOf, type HashedPairs, isSampled, type PairHash } from './pair-hash.ts'

/** Bytes and bits of a sketch, and bits a pair sets at most. */
export const SKETCH_BYTES = 640
export const SKETCH_CELLS = SKETCH_BYTES * 8
export const SKETCH_HASHES = 3
/** A sketch holds about so many pairs at most: of more, a sample of 1 in 2, 4, 8, ... */
export const SKETCH_PAIRS = 1400
/** How far the share of set bits may be from what that many pairs set. */
export const FILL_TOLERANCE = 0.04

/** Variance of a number that is whole, told by one that need not be. */
const WHOLE = 0.25

/** What a digest carries. */
export interface SketchData {
  /** Pairs of the profile, of which the sketch is. */
  pairs: number
  /** One pair in 2^level is in it. */
  level: number
  /** 640 bytes */
  bits: Uint8Array
}

/** A number of pairs, with one standard error. The truth is within 2 errors in 95 %, within 4 in 99.9 % of cases. */
export interface Estimate {
  value: number
  error: number
}

/** What has no place in any sketch: `data` holds a word that says why. */
export class SketchError extends Error {
  static override readonly name = 'SketchError'
}

/** The level of a profile of so many pairs: the least with pairs / 2^level <= 1,400. */
export function levelOf(pairs: number): number {
  let level = 0
  while (pairs / 2 ** level > SKETCH_PAIRS) level++
  return level
}

/** The share of set bits that is expected of so many pairs in the sketch. */
export function expectedFill(sampled: number): number {
  return 1 - Math.exp((-SKETCH_HASHES * sampled) / SKETCH_CELLS)
}

/**
 * Bloom filter over a profile's pairs: 640 bytes, 3 hashes keyed with the mesh's secret. A no is certain, a yes is not.
 * Of more than 1,400 pairs it holds those whose hash ends in `level` zero bits; a pair outside the sample counts as
 * perhaps. Only sketches made under one key can be compared.
 */
export class Sketch implements SketchData {
  readonly pairs: number
  readonly level: number
  readonly bits: Uint8Array
  readonly #cells: Uint32Array
  /** Bits that are not set. */
  readonly #zeros: number

  private constructor(data: SketchData) {
    this.pairs = data.pairs
    this.level = data.level
    this.bits = data.bits
    // The bytes as words: `bits` are the sketch's own. Their order does not matter to a count.
    this.#cells = new Uint32Array(data.bits.buffer, data.bits.byteOffset, SKETCH_BYTES / 4)
    this.#zeros = SKETCH_CELLS - ones(this.#cells, this.#cells)
  }

  static of(pairs: HashedPairs): Sketch {
    const count = pairs.codes.length
    const level = levelOf(count)
    const bits = new Uint8Array(SKETCH_BYTES)
    for (let at = 0; at < count * 4; at += 4)
      if (isSampled(pairs.words[at + 3]!, level))
        for (let hash = 0; hash < SKETCH_HASHES; hash++) {
          const cell = cellOf(pairs.words[at + hash]!, SKETCH_CELLS)
          bits[cell >> 3]! |= 1 << (cell & 7)
        }
    return new Sketch({ pairs: count, level, bits })
  }

  /** Another host's sketch. Throws SketchError where it cannot be one of that many pairs (all ones would know everything). */
  static from({ pairs, level, bits }: SketchData): Sketch {
    if (bits.length !== SKETCH_BYTES)
      throw new SketchError(`a sketch of ${bits.length} bytes: it has ${SKETCH_BYTES}`)
    if (!Number.isSafeInteger(pairs) || pairs < 0) throw new SketchError(`a sketch of ${pairs} pairs`)
    if (level !== levelOf(pairs))
      throw new SketchError(`a sketch of ${pairs} pairs at level ${level}: its level is ${levelOf(pairs)}`)
    const sketch = new Sketch({ pairs, level, bits: new Uint8Array(bits) })
    const expected = expectedFill(pairs / 2 ** level)
    if (Math.abs(sketch.fill - expected) > FILL_TOLERANCE)
      throw new SketchError(
        `${(100 * sketch.fill).toFixed(1)} % of its bits are set, of ${pairs} pairs ${(100 * expected).toFixed(1)} % are`,
      )
    return sketch
  }

  /** Share of bits set, 0..1. */
  get fill(): number {
    return 1 - this.#zeros / SKETCH_CELLS
  }

  /** How often a pair that is in the sample and not in the profile is taken for one that is. */
  get falseYes(): number {
    return this.fill ** SKETCH_HASHES
  }

  /** Whether the profile has the pair: no (certain), or perhaps. */
  has(code: number, hash: PairHash): boolean {
    return this.hasHashed(hash.hash([code]), 0)
  }

  /** The same of the pair at a place of `pairs`. */
  hasHashed(pairs: HashedPairs, place: number): boolean {
    const { words } = pairs
    const at = place * 4
    return !isSampled(words[at + 3]!, this.level) || this.#perhaps(words, at)
  }

  /** How many of `pairs` this profile certainly lacks. Those outside the sample are not among them. */
  lacks(pairs: HashedPairs): number {
    let misses = 0
    for (let place = 0; place < pairs.codes.length; place++) if (!this.hasHashed(pairs, place)) misses++
    return misses
  }

  /**
   * How many of `own` this profile lacks: |own \ this|. Error: sqrt((d + 2^level) (2^level / (1-f) - 1) + 1/4), f the
   * rate of false yes; 2^level stands for what no miss at all can hide, 1/4 for there being no half pairs.
   */
  missingOf(own: HashedPairs): Estimate {
    const scale = 2 ** this.level
    const hit = 1 - this.falseYes
    const value = Math.min(own.codes.length, (this.lacks(own) / hit) * scale)
    return { value, error: Math.sqrt((value + scale) * (scale / hit - 1) + WHOLE) }
  }

  /** |own and this|, |own \ this|, |this \ own| and Jaccard's distance, of a set held and this sketch. */
  compareOwn(own: HashedPairs): SketchComparison {
    const missing = this.missingOf(own)
    return comparison(own.codes.length, this.pairs, missing)
  }

  /**
   * The same of two sketches, the first set being this one's. How many pairs of the finer sampled profile the other
   * lacks shows in the bits that it adds to the other's; the announced numbers of pairs give the rest.
   */
  compare(other: Sketch): SketchComparison {
    const both = SKETCH_CELLS - ones(this.#cells, other.#cells)
    const difference = this.pairs - other.pairs
    if (this.level > other.level)
      return comparison(this.pairs, other.pairs, added(other.#zeros, both, this.level))
    const there = added(this.#zeros, both, other.level)
    const byThere = { value: there.value + difference, error: there.error }
    if (this.level < other.level) return comparison(this.pairs, other.pairs, byThere)
    // Of one level: two estimates of |this \ other|, the better counts for more.
    const here = added(other.#zeros, both, this.level)
    const [a, b] = [here.error ** 2, there.error ** 2]
    const value = (here.value * b + byThere.value * a) / (a + b)
    return comparison(this.pairs, other.pairs, { value, error: Math.min(here.error, there.error) })
  }

  #perhaps(words: Uint32Array, at: number): boolean {
    for (let hash = 0; hash < SKETCH_HASHES; hash++) {
      const cell = cellOf(words[at + hash]!, SKETCH_CELLS)
      if ((this.bits[cell >> 3]! & (1 << (cell & 7))) === 0) return false
    }
    return true
  }
}

export interface SketchComparison {
  both: Estimate
  onlyFirst: Estimate
  onlySecond: Estimate
  /** Jaccard's, 0..1; two empty profiles are 0 apart. */
  distance: Estimate
}

/** Everything that follows from two sizes, which are known, and |first \ second|, which is estimated. */
function comparison(first: number, second: number, missing: Estimate): SketchComparison {
  const { error } = missing
  const value = Math.max(0, first - second, Math.min(first, missing.value))
  const both = first - value
  const either = second + value
  const distance = either === 0 ? 0 : 1 - both / either
  return {
    both: { value: both, error },
    onlyFirst: { value, error },
    onlySecond: { value: second - both, error },
    distance: { value: distance, error: either === 0 ? 0 : (error * (first + second)) / either ** 2 },
  }
}

/**
 * How many pairs one sketch adds to another of `zeros` unset bits, of which `left` stay so in both: (m/3) ln(zeros /
 * left). Variance of the occupancy: (m/3)^2 ((1-q)/(zeros q) - 3d/m^2), q = left / zeros; d (2^level - 1) of the sample;
 * 1/4 for there being no half pairs.
 */
function added(zeros: number, left: number, level: number): Estimate {
  const per = SKETCH_CELLS / SKETCH_HASHES
  const scale = 2 ** level
  const sampled = per * Math.log(zeros / Math.max(1, left))
  const d = Math.max(1, sampled)
  const q = Math.exp(-d / per)
  const variance = per ** 2 * ((1 - q) / (zeros * q) - d / per / SKETCH_CELLS)
  return {
    value: sampled * scale,
    error: Math.sqrt(scale ** 2 * Math.max(0, variance) + d * scale * (scale - 1) + WHOLE),
  }
}

/** Bits set in either. */
function ones(a: Uint32Array, b: Uint32Array): number {
  let count = 0
  for (let i = 0; i < a.length; i++) {
    let word = a[i]! | b[i]!
    word -= (word >>> 1) & 0x5555_5555
    word = (word & 0x3333_3333) + ((word >>> 2) & 0x3333_3333)
    count += (((word + (word >>> 4)) & 0x0f0f_0f0f) * 0x0101_0101) >>> 24
  }
  return count
}
