/**
 * The table that a kernel sensor looks 8-grams up in: what `supports` learned as slots of 32 bits. Its form is the
 * eBPF program's (src/sensor/kernel/bpf/grams.h); which bytes stand where is decided here alone.
 */

import { gramSlots } from './events.ts'
import { GRAMS_LIMIT } from './grams.ts'
import type { Supports } from './supports.ts'

/** Slots that are looked at for one hash. */
const PROBES = 3
/** Slots that a probe does not leave: an element of the kernel's map. */
const CHUNK = 512
export const SLOTS_LEAST = CHUNK
/** 64 KiB. */
export const SLOTS_MOST = 16_384
const GRAM = 8
const RARE = 0x100
/** Tables that were replaced and are remembered still, for units that began with them. */
const OLD_TABLES = 8
/** Share of its entries that may go without a slot before a table is made larger: they are told of one by one. */
const HOMELESS_SHARE = 0.01

const MASK = (1n << 64n) - 1n
/** What no call is: the hash of a pair is not that of a gram. */
const NO_CALL = 0xffffn

/** As in grams.h: the hash of 8 calls, the last one lowest. */
function hashOf(near: bigint, far: bigint): { home: number; print: number } {
  let hash = (near * 0x9e3779b97f4a7c15n) & MASK
  hash ^= hash >> 32n
  hash = (((hash + far) & MASK) * 0xc2b2ae3d27d4eb4fn) & MASK
  hash ^= hash >> 32n
  return { home: Number(hash >> 50n), print: Number((hash >> 9n) & 0x7fffffn) || 1 }
}

function gramHash(gram: Uint16Array): { home: number; print: number } {
  const word = (at: number) =>
    BigInt(gram[at]!) |
    (BigInt(gram[at - 1]!) << 16n) |
    (BigInt(gram[at - 2]!) << 32n) |
    (BigInt(gram[at - 3]!) << 48n)
  return hashOf(word(7), word(3))
}

/** Of the pair at distance 8, which no 8-gram holds. */
function pairHash(current: number, previous: number): { home: number; print: number } {
  return hashOf(BigInt(current) | (BigInt(previous) << 16n) | (NO_CALL << 32n), 0n)
}

const nameOf = (gram: Uint16Array) => String.fromCharCode(...gram)

interface Entry {
  home: number
  print: number
  /** Its calls; undefined for a pair, which no unit is said to have touched. */
  gram: Uint16Array | undefined
}

export interface SlotGauge {
  slots: number
  used: number
  /** Learned, and without a slot: told of one by one. */
  homeless: number
}

/** The slots of one profile. Places stay as they are until the table is replaced, which changes its version. */
export class SlotTable {
  #version: number
  #slots = new Uint32Array(0)
  #places = new Map<string, number>()
  #grams: (Uint16Array | undefined)[] = []
  readonly #old = new Map<number, (Uint16Array | undefined)[]>()
  readonly #hashes = new Map<string, Entry>()
  #homeless = 0

  /** @param version any number of 32 bits that the sensor has had no table of this profile by */
  constructor(version: number) {
    this.#version = version >>> 0
  }

  get version(): number {
    return this.#version
  }

  /** As the kernel has them; empty while there is nothing. Not to be changed. */
  get slots(): Uint32Array {
    return this.#slots
  }

  gauge(): SlotGauge {
    return { slots: this.#slots.length, used: this.#places.size, homeless: this.#homeless }
  }

  /**
   * Writes what was learned into the slots.
   * @param until see `gramSlots`
   */
  write(supports: Supports, until: number): void {
    const wanted = new Map<string, { entry: Entry; low: number }>()
    for (const { gram, cost, rare } of gramSlots(supports, until)) {
      const name = nameOf(gram)
      wanted.set(name, { entry: this.#entry(name, gram), low: cost | (rare ? RARE : 0) })
    }
    if (supports.window === 9)
      for (const { current, bytes } of supports.pairs.rows())
        for (let previous = 0; previous < bytes.length; previous++)
          if (bytes[previous]! & 0x80) {
            const name = String.fromCharCode(current, previous)
            wanted.set(name, { entry: this.#pair(name, current, previous), low: 0 })
          }
    if (this.#hashes.size > 2 * GRAMS_LIMIT)
      for (const name of this.#hashes.keys()) if (!wanted.has(name)) this.#hashes.delete(name)
    const crowded = wanted.size * 2 > this.#slots.length && this.#slots.length < SLOTS_MOST
    if (crowded || !this.#fits(wanted)) this.#replace(wanted)
    for (const [name, { entry, low }] of wanted) {
      const place = this.#places.get(name)
      if (place !== undefined) this.#slots[place] = entry.print * 0x200 + low
    }
  }

  #entry(name: string, gram: Uint16Array): Entry {
    const known = this.#hashes.get(name)
    if (known) return known
    const entry = { ...gramHash(gram), gram: gram.slice() }
    this.#hashes.set(name, entry)
    return entry
  }

  #pair(name: string, current: number, previous: number): Entry {
    const known = this.#hashes.get(name)
    if (known) return known
    const entry = { ...pairHash(current, previous), gram: undefined }
    this.#hashes.set(name, entry)
    return entry
  }

  /** Gives new entries places where they are. False: too many found none, and a larger table would have them. */
  #fits(wanted: ReadonlyMap<string, { entry: Entry }>): boolean {
    this.#homeless = 0
    for (const [name, { entry }] of wanted)
      if (!this.#places.has(name) && !this.#settle(name, entry)) this.#homeless++
    const gone = this.#places.size + this.#homeless - wanted.size
    if (gone > wanted.size / 8) return false
    return this.#slots.length === SLOTS_MOST || this.#homeless <= wanted.size * HOMELESS_SHARE
  }

  #settle(name: string, entry: Entry): boolean {
    const home = entry.home & (this.#slots.length - 1)
    for (let probe = 0; probe < PROBES; probe++) {
      const place = (home & ~(CHUNK - 1)) | ((home + probe) & (CHUNK - 1))
      if (this.#slots[place] !== 0) continue
      this.#slots[place] = entry.print * 0x200
      this.#grams[place] = entry.gram
      this.#places.set(name, place)
      return true
    }
    return false
  }

  #replace(wanted: ReadonlyMap<string, { entry: Entry }>): void {
    if (this.#slots.length > 0) {
      this.#old.set(this.#version, this.#grams)
      for (const version of this.#old.keys()) if (this.#old.size > OLD_TABLES) this.#old.delete(version)
    }
    this.#version = (this.#version + 1) >>> 0
    let size = SLOTS_LEAST
    while (size < SLOTS_MOST && size < 2 * wanted.size) size *= 2
    for (; ; size *= 2) {
      this.#slots = new Uint32Array(size)
      this.#grams = new Array(size)
      this.#places = new Map()
      this.#homeless = 0
      // By home: who can move least far comes first.
      const sorted = [...wanted].sort(
        ([, a], [, b]) => (a.entry.home & (size - 1)) - (b.entry.home & (size - 1)),
      )
      for (const [name, { entry }] of sorted) if (!this.#settle(name, entry)) this.#homeless++
      if (size >= SLOTS_MOST || this.#homeless <= wanted.size * HOMELESS_SHARE) return
    }
  }

  /**
   * The grams of the slots that a unit touched. Undefined: of a table that is not remembered any more.
   * @param bits a bit for each slot, lowest first
   */
  touched(version: number, bits: Uint8Array): Uint16Array[] | undefined {
    const grams = version === this.#version ? this.#grams : this.#old.get(version)
    if (!grams) return undefined
    const found: Uint16Array[] = []
    for (let byte = 0; byte < bits.length; byte++)
      for (let rest = bits[byte]!; rest !== 0; rest &= rest - 1) {
        const gram = grams[byte * 8 + 31 - Math.clz32(rest & -rest)]
        if (gram) found.push(gram)
      }
    return found
  }
}

/** How many units may be learned before the slots are written anew: max(16, n / 8). */
export function rewriteEvery(n: number): number {
  return Math.max(2 * GRAM, Math.floor(n / 8))
}
