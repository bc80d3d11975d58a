import type { ProfileStateName } from '#homeostasis'
import { ABIS, type Abi } from '#syscalls'
import { CONTENT_DIGITS } from './placement.ts'
import { type InventoryRow, idOf, kindOf, ROWS_PER_HOST } from './rows.ts'

/** In all: 10,000 hosts of 500. */
export const ROWS_MOST = 8 * 1024 * 1024
const START = 1024
/** Slots in use at most before the table grows: three quarters. */
const FULL = 0.75
const states: readonly ProfileStateName[] = ['learning', 'frozen', 'normal']

/** A row with whose it is. */
export type HeldRow = InventoryRow & { peer: string }

/** A content under one ABI and window. `content`: 16 hex digits or the whole SHA-256. */
export interface ContentKey {
  content: string
  abi: Abi
  window: number
}

/**
 * Who has which program. Kept as 32 bytes a row in flat arrays, so that a fleet of 10,000 hosts with 500 profiles each
 * fits into one process: 8 bytes of the content's hash, 4 of the name's, the member's number, when its digest was made,
 * and one word of ABI, window, state and processes; chained by content.
 */
export class Inventory {
  readonly #members = new Map<string, number>()
  readonly #names: (string | undefined)[] = []
  readonly #free: number[] = []
  /** Rows of each member, by its number and part: places in the arrays. */
  readonly #rowsOf: Map<number, Uint32Array>[] = []
  readonly #limit: number
  #high = new Uint32Array(START)
  #low = new Uint32Array(START)
  #name = new Uint32Array(START)
  #member = new Uint32Array(START)
  #facts = new Uint32Array(START)
  #made = new Uint32Array(START)
  /** First row of each bucket (place + 1), and the next of each row. */
  #bucket = new Uint32Array(START)
  #following = new Uint32Array(START)
  #used = 0
  readonly #freeRows: number[] = []
  #refused = 0

  constructor(limit = ROWS_MOST) {
    this.#limit = limit
  }

  /**
   * Replaces what a member announces in one of its parts. Rows beyond 2,048 of it, or beyond what is kept in all, are
   * refused and counted.
   * @returns how many were taken
   */
  announce(peer: string, rows: readonly InventoryRow[], part = 0): number {
    this.forget(peer, part)
    const number = this.#numberOf(peer)
    const parts = this.#rowsOf[number] as Map<number, Uint32Array>
    let already = 0
    for (const { length } of parts.values()) already += length
    const room = Math.max(0, Math.min(ROWS_PER_HOST - already, this.#limit - this.#rows()))
    const taken = rows.slice(0, room)
    this.#refused += rows.length - taken.length
    parts.set(
      part,
      Uint32Array.from(taken, (row) => this.#add(number, row)),
    )
    return taken.length
  }

  /** A member that left, or one part of what it said that is no more. */
  forget(peer: string, part?: number): void {
    const number = this.#members.get(peer)
    if (number === undefined) return
    const parts = this.#rowsOf[number] as Map<number, Uint32Array>
    for (const [one, places] of parts)
      if (part === undefined || one === part) {
        for (const place of places) this.#remove(place)
        parts.delete(one)
      }
    if (parts.size > 0) return
    this.#names[number] = undefined
    this.#members.delete(peer)
    this.#free.push(number)
  }

  /** Rows of a content, one or more a member that has it. */
  of({ content, abi, window }: ContentKey): HeldRow[] {
    const high = Number.parseInt(content.slice(0, 8), 16)
    const low = Number.parseInt(content.slice(8, CONTENT_DIGITS), 16)
    const kind = kindOf(abi, window)
    const found: HeldRow[] = []
    for (let at = this.#bucket[this.#slot(high, low)]!; at !== 0; at = this.#following[at - 1]!) {
      const place = at - 1
      if (this.#high[place] === high && this.#low[place] === low && this.#facts[place]! >>> 24 === kind)
        found.push(this.#row(place))
    }
    return found
  }

  /** Members that have a content, with `least` processes or more. */
  holders(key: ContentKey, least = 0): string[] {
    const found = this.of(key).filter(({ processes }) => processes >= least)
    return [...new Set(found.map(({ peer }) => peer))]
  }

  /** Rows whose program has a name of this hash. O(all rows): 5 ms for 500,000. */
  named(name: number): HeldRow[] {
    const found: HeldRow[] = []
    for (const parts of this.#rowsOf)
      for (const places of parts.values())
        for (const place of places) if (this.#name[place] === name) found.push(this.#row(place))
    return found
  }

  *rows(peer?: string): Generator<HeldRow> {
    const number = peer === undefined ? undefined : this.#members.get(peer)
    if (peer !== undefined && number === undefined) return
    const of = number === undefined ? this.#rowsOf : [this.#rowsOf[number] as Map<number, Uint32Array>]
    for (const parts of of)
      for (const places of parts.values()) for (const place of places) yield this.#row(place)
  }

  /** Of one part of what a member announces. */
  ids(peer: string, part: number): string[] {
    const places = this.#rowsOf[this.#members.get(peer) ?? -1]?.get(part) ?? new Uint32Array()
    return Array.from(places, (place) => this.#row(place).id)
  }

  members(): string[] {
    return [...this.#members.keys()]
  }

  gauge(): { rows: number; members: number; limit: number; refused: number; bytes: number } {
    const arrays = [
      ...[this.#high, this.#low, this.#name, this.#member],
      ...[this.#facts, this.#made, this.#bucket, this.#following],
    ]
    return {
      rows: this.#rows(),
      members: this.#members.size,
      limit: this.#limit,
      refused: this.#refused,
      bytes: arrays.reduce((sum, { byteLength }) => sum + byteLength, 0) + 4 * this.#rows(),
    }
  }

  #numberOf(peer: string): number {
    const known = this.#members.get(peer)
    if (known !== undefined) return known
    const number = this.#free.pop() ?? this.#names.length
    this.#names[number] = peer
    this.#rowsOf[number] = new Map()
    this.#members.set(peer, number)
    return number
  }

  #rows(): number {
    return this.#used - this.#freeRows.length
  }

  #row(place: number): HeldRow {
    const facts = this.#facts[place]!
    const content = hex(this.#high[place]!) + hex(this.#low[place]!)
    const abi = ABIS[facts >>> 28] as Abi
    const window = (facts >>> 24) & 15
    const name = this.#name[place]!
    return {
      peer: this.#names[this.#member[place]!]!,
      id: idOf(content, name, abi, window),
      ...{ content, name, abi, window, made: this.#made[place]! },
      state: states[(facts >>> 6) & 3] as ProfileStateName,
      processes: facts & 63,
    }
  }

  #slot(high: number, low: number): number {
    return (high ^ low) & (this.#bucket.length - 1)
  }

  #add(number: number, row: InventoryRow): number {
    if (this.#freeRows.length === 0 && this.#used >= this.#high.length * FULL) this.#grow()
    const place = this.#freeRows.pop() ?? this.#used++
    const high = Number.parseInt(row.content.slice(0, 8), 16)
    const low = Number.parseInt(row.content.slice(8, CONTENT_DIGITS), 16)
    this.#high[place] = high
    this.#low[place] = low
    this.#name[place] = row.name
    this.#member[place] = number
    this.#made[place] = row.made
    this.#facts[place] =
      ((kindOf(row.abi, row.window) << 24) |
        (states.indexOf(row.state) << 6) |
        Math.min(63, row.processes)) >>>
      0
    const slot = this.#slot(high, low)
    this.#following[place] = this.#bucket[slot]!
    this.#bucket[slot] = place + 1
    return place
  }

  #remove(place: number): void {
    const slot = this.#slot(this.#high[place]!, this.#low[place]!)
    if (this.#bucket[slot] === place + 1) this.#bucket[slot] = this.#following[place]!
    else {
      let before = this.#bucket[slot]! - 1
      while (this.#following[before] !== place + 1) before = this.#following[before]! - 1
      this.#following[before] = this.#following[place]!
    }
    this.#freeRows.push(place)
  }

  #grow(): void {
    const size = this.#high.length * 2
    const larger = (from: Uint32Array): Uint32Array<ArrayBuffer> => {
      const to = new Uint32Array(size)
      to.set(from)
      return to
    }
    this.#high = larger(this.#high)
    this.#low = larger(this.#low)
    this.#name = larger(this.#name)
    this.#member = larger(this.#member)
    this.#facts = larger(this.#facts)
    this.#made = larger(this.#made)
    this.#following = new Uint32Array(size)
    this.#bucket = new Uint32Array(size)
    // Rows that were given back are in no chain.
    const free = new Set(this.#freeRows)
    for (let place = 0; place < this.#used; place++) {
      if (free.has(place)) continue
      const slot = this.#slot(this.#high[place]!, this.#low[place]!)
      this.#following[place] = this.#bucket[slot]!
      this.#bucket[slot] = place + 1
    }
  }
}

const hex = (word: number): string => word.toString(16).padStart(8, '0')
