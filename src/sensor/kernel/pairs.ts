/** The pair tables of the profiles, as their operator and their store see them: read, merged, copied, dropped. */
import type { ProfileCounters, ProfileTables, ProfileVerb, TableRow } from '../interface.ts'
import { SLOTS } from './layout.ts'
import type { SensorMaps } from './maps.ts'

/** What of a profile the kernel does not need. */
interface Beside {
  /** Calls before the slot was taken: those of tables that were loaded. */
  callsBefore: number
  test: ProfileTables['test']
}

/** Where free rows come from and go to: the kernel takes them from the same queue. */
export interface RowStock {
  take(): number | undefined
  give(rows: number[]): void
}

const NOTHING = { sequences: 0, trainCount: 0, lastModCount: 0 }

export class PairTables {
  readonly #maps: SensorMaps
  readonly #stock: RowStock
  readonly #beside = new Map<number, Beside>()
  /** Pairs of loaded tables that found no row. */
  rowsRefused = 0

  constructor(maps: SensorMaps, stock: RowStock) {
    this.#maps = maps
    this.#stock = stock
  }

  #of(id: number): Beside {
    let beside = this.#beside.get(id)
    if (!beside) {
      beside = { callsBefore: 0, test: { ...NOTHING } }
      this.#beside.set(id, beside)
    }
    return beside
  }

  counters(id: number): Omit<ProfileCounters, 'delayUnitMs'> {
    const maps = this.#maps
    const counted = maps.counted(id)
    return {
      profile: id,
      calls: counted + this.#of(id).callsBefore,
      trainCount: counted - maps.getWide(id, 'trainBase'),
      lastModCount: counted - maps.getWide(id, 'modTotal'),
      sequences: maps.getWide(id, 'sequences'),
      anomalies: maps.get(id, 'anomalies'),
      normal: this.normal(id),
      tasks: maps.get(id, 'tasks'),
    }
  }

  normal(id: number): boolean {
    return this.#maps.get(id, 'need') >>> 8 !== 0
  }

  tables(id: number): ProfileTables {
    const { calls, sequences, trainCount, lastModCount, anomalies, normal } = this.counters(id)
    const rows: TableRow[] = []
    for (const { slot, row } of this.#maps.rowsOf(id)) {
      const bytes = this.#maps.row(row)
      const train = new Uint8Array(SLOTS)
      const test = new Uint8Array(SLOTS)
      let any = 0
      for (let previous = 0; previous < SLOTS; previous++) {
        any |= train[previous] = bytes[2 * previous] as number
        any |= test[previous] = bytes[2 * previous + 1] as number
      }
      if (any !== 0) rows.push({ current: slot, train, test })
    }
    return {
      calls,
      train: { sequences, trainCount, lastModCount },
      test: { ...this.#of(id).test },
      anomalies,
      normal,
      rows,
    }
  }

  /**
   * Adds saved tables to what was learned since the profile was first seen. Where training found nothing that the
   * saved table lacks, it is as if it had never been interrupted.
   */
  load(id: number, saved: ProfileTables): void {
    const maps = this.#maps
    const now = this.counters(id)
    const learnedMore = this.#learnedBeyond(id, saved)
    for (const { current, train, test } of saved.rows) this.#mergeRow(id, current, train, test)
    const beside = this.#of(id)
    beside.callsBefore += saved.calls
    beside.test = now.normal ? beside.test : { ...saved.test }
    const counted = maps.counted(id)
    const trainCount = saved.train.trainCount + now.trainCount
    const lastMod = learnedMore ? now.lastModCount : saved.train.lastModCount + now.trainCount
    maps.setWide(id, 'trainBase', counted - trainCount)
    maps.setWide(id, 'modTotal', counted - lastMod)
    maps.setWide(id, 'sequences', saved.train.sequences + (learnedMore ? now.sequences : 0))
    maps.set(id, 'dirty', 1)
    maps.set(id, 'anomalies', now.anomalies + saved.anomalies)
    if (saved.normal) this.#setNormal(id, true)
  }

  #learnedBeyond(id: number, saved: ProfileTables): boolean {
    const known = new Map(saved.rows.map((row) => [row.current, row.train]))
    for (const { slot, row } of this.#maps.rowsOf(id)) {
      const bytes = this.#maps.row(row)
      const train = known.get(slot)
      for (let previous = 0; previous < SLOTS; previous++)
        if ((bytes[2 * previous] as number) & ~(train?.[previous] ?? 0)) return true
    }
    return false
  }

  #mergeRow(id: number, slot: number, train: Uint8Array, test: Uint8Array): void {
    const mask = this.#maps.get(id, 'mask')
    let row = this.#maps.rowOf(id, slot)
    if (row === 0) {
      const free = this.#stock.take()
      if (free === undefined) {
        this.rowsRefused++
        return
      }
      row = this.#maps.claimRow(id, slot, free)
      if (row !== free) this.#stock.give([free])
    }
    const bytes = this.#maps.row(row)
    for (let previous = 0; previous < SLOTS; previous++) {
      const both = (train[previous] as number) | (test[previous] as number)
      if (both === 0) continue
      bytes[2 * previous] = (bytes[2 * previous] as number) | ((train[previous] as number) & mask)
      bytes[2 * previous + 1] = (bytes[2 * previous + 1] as number) | ((test[previous] as number) & mask)
    }
  }

  #setNormal(id: number, normal: boolean): void {
    const mask = this.#maps.get(id, 'mask')
    this.#maps.set(id, 'need', normal ? mask | (mask << 8) : mask)
  }

  /** False when training has changed since `lastModified` was read. */
  act(id: number, verb: ProfileVerb, lastModified?: number): boolean {
    const maps = this.#maps
    const { calls, lastModCount } = this.counters(id)
    if (lastModified !== undefined && calls - lastModCount !== lastModified) return false
    if (verb === 'normalize') this.#startNormal(id)
    else if (verb === 'tolerize') this.#setNormal(id, false)
    else if (verb === 'sensitize') {
      for (const { row } of maps.rowsOf(id)) clearHalf(maps.row(row), 0)
      this.#forgetTraining(id)
    } else this.empty(id)
    return true
  }

  /** pH_start_normal. Its other half, the reset of the frame of the task that triggered it, has no task here. */
  #startNormal(id: number): void {
    const maps = this.#maps
    const { sequences, trainCount, lastModCount } = this.counters(id)
    // Out of force while it is copied: a half-copied table would accuse.
    this.#setNormal(id, false)
    for (const { row } of maps.rowsOf(id)) {
      const bytes = maps.row(row)
      for (let at = 0; at < bytes.length; at += 2) bytes[at + 1] = bytes[at] as number
    }
    this.#of(id).test = { sequences, trainCount, lastModCount }
    const counted = maps.counted(id)
    maps.setWide(id, 'trainBase', counted)
    maps.setWide(id, 'modTotal', counted)
    maps.set(id, 'anomalies', 0)
    this.#setNormal(id, true)
  }

  #forgetTraining(id: number): void {
    const counted = this.#maps.counted(id)
    this.#maps.setWide(id, 'sequences', 0)
    this.#maps.setWide(id, 'trainBase', counted)
    this.#maps.setWide(id, 'modTotal', counted)
    this.#maps.set(id, 'dirty', 0)
  }

  /** Forgets everything learned; its rows stay with the profile, since its program will want them again. */
  empty(id: number): void {
    this.#setNormal(id, false)
    for (const { row } of this.#maps.rowsOf(id)) this.#maps.clearRow(row)
    this.#forgetTraining(id)
    this.#maps.set(id, 'anomalies', 0)
    this.#beside.set(id, { callsBefore: -this.#maps.counted(id), test: { ...NOTHING } })
  }

  /** Another window: what was learned with the old one is of no use. */
  setMask(id: number, mask: number): void {
    this.#maps.set(id, 'mask', mask)
    this.empty(id)
  }

  forget(id: number): void {
    this.#beside.delete(id)
  }
}

/** Clears the training (0) or the test (1) half of a row. */
function clearHalf(bytes: Uint8Array, half: 0 | 1): void {
  for (let at = half; at < bytes.length; at += 2) bytes[at] = 0
}
