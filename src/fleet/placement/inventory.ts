import type { Abi } from '#syscalls'
import { ABIS } from '#syscalls'

/** Rows a host may announce: as many digests as the mesh takes of one author. */
export const ROWS_PER_HOST = 2048
/** In all: 10,000 hosts of 500. */
export const ROWS_MOST = 8 * 1024 * 1024
const PREFIX = 8
const START = 1024
/** Slots in use at most before the table grows: three quarters. */
const FULL = 0.75

/** What a member says of one profile where digests are pulled: that it has it, at most 28 bytes on the wire. */
export interface InventoryRow {
  /** SHA-256 of the file, hex. */
  sha256: string
  abi: Abi
  window: number
  /** Processes learned: who has fewer than five is not asked. */
  processes: number
}

/**
 * Who has which binary. Kept as 16 bytes a row in flat arrays, so that a fleet of 10,000 hosts with 500 profiles each
 * fits into one process: 8 bytes of the hash, the member's number, and one word of ABI, window and processes.
 */
export class Inventory {
  readonly #members = new Map<string, number>()
  readonly #names: (string | undefined)[] = []
  readonly #free: number[] = []
  /** Rows of each member, by its number: places in the arrays. */
  readonly #rowsOf: Uint32Array[] = []
  #high = new Uint32Array(START)
  #low = new Uint32Array(START)
  #member = new Uint32Array(START)
  #facts = new Uint32Array(START)
  /** First row of each bucket (place + 1), and the next of each row. */
  #bucket = new Uint32Array(START)
  #following = new Uint32Array(START)
  #used = 0
  readonly #freeRows: number[] = []
  #refused = 0

  /** Replaces what a member announces. Rows beyond 2,048, or beyond what is kept in all, are refused and counted. */
  announce(peer: string, rows: readonly InventoryRow[]): number {
    this.forget(peer)
    const number = this.#free.pop() ?? this.#names.length
    this.#names[number] = peer
    this.#members.set(peer, number)
    const taken = rows.slice(0, Math.min(ROWS_PER_HOST, Math.max(0, ROWS_MOST - this.#rows())))
    this.#refused += rows.length - taken.length
    this.#rowsOf[number] = Uint32Array.from(taken, (row) => this.#add(number, row))
    return taken.length
  }

  /** A member that left, or whose word ran out. */
  forget(peer: string): void {
    const number = this.#members.get(peer)
    if (number === undefined) return
    for (const place of this.#rowsOf[number] ?? []) this.#remove(place)
    this.#rowsOf[number] = new Uint32Array(0)
    this.#names[number] = undefined
    this.#members.delete(peer)
    this.#free.push(number)
  }

  /** Members that have a binary, with `least` processes or more. */
  holders(binary: Pick<InventoryRow, 'sha256' | 'abi' | 'window'>, least = 0): string[] {
    const [high, low] = prefixOf(binary.sha256)
    const kind = kindOf(binary)
    const found: string[] = []
    for (let at = this.#bucket[this.#slot(high, low)]!; at !== 0; at = this.#following[at - 1]!) {
      const place = at - 1
      const facts = this.#facts[place]!
      if (this.#high[place] !== high || this.#low[place] !== low || facts >>> 24 !== kind) continue
      if ((facts & 0xff_ffff) >= least) found.push(this.#names[this.#member[place]!]!)
    }
    return found
  }

  gauge(): { rows: number; members: number; limit: number; refused: number; bytes: number } {
    const arrays = [this.#high, this.#low, this.#member, this.#facts, this.#bucket, this.#following]
    return {
      rows: this.#rows(),
      members: this.#members.size,
      limit: ROWS_MOST,
      refused: this.#refused,
      bytes:
        arrays.reduce((sum, { byteLength }) => sum + byteLength, 0) +
        this.#rowsOf.reduce((sum, { byteLength }) => sum + byteLength, 0),
    }
  }

  #rows(): number {
    return this.#used - this.#freeRows.length
  }

  #slot(high: number, low: number): number {
    return (high ^ low) & (this.#bucket.length - 1)
  }

  #add(number: number, row: InventoryRow): number {
    if (this.#freeRows.length === 0 && this.#used >= this.#high.length * FULL) this.#grow()
    const place = this.#freeRows.pop() ?? this.#used++
    const [high, low] = prefixOf(row.sha256)
    this.#high[place] = high
    this.#low[place] = low
    this.#member[place] = number
    this.#facts[place] = ((kindOf(row) << 24) | Math.min(0xff_ffff, row.processes)) >>> 0
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
    this.#member = larger(this.#member)
    this.#facts = larger(this.#facts)
    this.#following = new Uint32Array(size)
    this.#bucket = new Uint32Array(size)
    for (let place = 0; place < this.#used; place++) {
      const slot = this.#slot(this.#high[place]!, this.#low[place]!)
      this.#following[place] = this.#bucket[slot]!
      this.#bucket[slot] = place + 1
    }
  }
}

function prefixOf(sha256: string): [number, number] {
  return [Number.parseInt(sha256.slice(0, PREFIX), 16), Number.parseInt(sha256.slice(PREFIX, 2 * PREFIX), 16)]
}

const kindOf = ({ abi, window }: Pick<InventoryRow, 'abi' | 'window'>): number =>
  (ABIS.indexOf(abi) << 4) | window
