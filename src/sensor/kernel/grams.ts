/** The gram slots of the profiles: what a daemon had made of what it learned, in chunks of the kernel's map. */
import { CHUNK_SLOTS } from './layout.ts'
import type { SensorMaps } from './maps.ts'
import { GRACE_MS } from './slots.ts'

interface Table {
  version: number
  chunk: number
  slots: number
}

export interface GramGauge {
  chunks: number
  limit: number
  /** Tables that found no room: their profiles are told of window by window. */
  refused: number
}

export class GramSlots {
  readonly #maps: SensorMaps
  readonly #tables = new Map<number, Table>()
  readonly #taken: Uint8Array
  #limbo: { table: Table; since: number }[] = []
  #refused = 0

  constructor(maps: SensorMaps) {
    this.#maps = maps
    this.#taken = new Uint8Array(maps.gramChunks)
  }

  /**
   * Puts a table in place. One of the same version and size is written over where it differs: its places are the same.
   * False when there is no room; then the profile has none, and all its windows are told of.
   */
  write(id: number, version: number, slots: Uint32Array, now: number): boolean {
    const there = this.#tables.get(id)
    if (there && there.version === version && there.slots === slots.length) {
      const memory = this.#maps.gramSlots(there.chunk, slots.length)
      for (let i = 0; i < slots.length; i++)
        if (memory[i] !== slots[i]) Atomics.store(memory, i, slots[i] as number)
      return true
    }
    this.forget(id, now)
    if (slots.length === 0) return true
    const chunk = this.#take(slots.length / CHUNK_SLOTS)
    if (chunk === undefined) {
      this.#refused++
      return false
    }
    this.#maps.gramSlots(chunk, slots.length).set(slots)
    this.#tables.set(id, { version, chunk, slots: slots.length })
    const word = (BigInt(version) << 32n) | (BigInt(chunk) << 8n) | BigInt(Math.log2(slots.length))
    this.#maps.setWide(id, 'grams', BigInt.asIntN(64, word))
    return true
  }

  /** The profile has no table any more. Its memory is free after the grace time. */
  forget(id: number, now: number): void {
    const table = this.#tables.get(id)
    if (!table) return
    this.#maps.setWide(id, 'grams', 0)
    this.#tables.delete(id)
    this.#limbo.push({ table, since: now })
  }

  settle(now: number): void {
    if (this.#limbo.length === 0) return
    for (const { table } of this.#limbo.filter(({ since }) => now - since >= GRACE_MS))
      this.#taken.fill(0, table.chunk, table.chunk + table.slots / CHUNK_SLOTS)
    this.#limbo = this.#limbo.filter(({ since }) => now - since < GRACE_MS)
  }

  gauge(): GramGauge {
    let chunks = 0
    for (const one of this.#taken) chunks += one
    return { chunks, limit: this.#taken.length, refused: this.#refused }
  }

  /** First fit. */
  #take(chunks: number): number | undefined {
    let free = 0
    for (let at = 0; at < this.#taken.length; at++) {
      free = this.#taken[at] === 0 ? free + 1 : 0
      if (free < chunks) continue
      const first = at - chunks + 1
      this.#taken.fill(1, first, at + 1)
      return first
    }
    return undefined
  }
}
