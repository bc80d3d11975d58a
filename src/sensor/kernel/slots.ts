/**
 * Which profile slots and rows are in use. Fresh ones wait in two queues that the kernel takes from; what is given up
 * comes back only after a grace time, since a program in flight on another CPU may still write to it.
 */
import { insert, keysOf, lookup, popQueue, remove, update } from './bpf.ts'
import { KEY_BYTES, maskOf } from './layout.ts'
import type { SensorMaps } from './maps.ts'
import type { Skeleton } from './skeleton.ts'

/** An executable as the kernel names it. `abi`: 0 the machine's own, 1 the 32-bit one. */
export interface KernelKey {
  device: number
  inode: bigint
  generation: number
  abi: number
  /** Hash of the script that an interpreter runs; 0: none. */
  script: number
}

export const GRACE_MS = 50

export class Slots {
  readonly #maps: SensorMaps
  readonly #word = Buffer.alloc(4)
  readonly #fds: { profiles: number; rows: number; keys: number }
  #mask: number
  /** Waiting out their grace time. */
  #limbo: { id: number; rows: number[]; since: number }[] = []
  evictions = 0
  /** Calls of profiles that were given up. */
  retiredCalls = 0

  constructor(skeleton: Skeleton, maps: SensorMaps, window: number) {
    this.#maps = maps
    this.#mask = maskOf(window)
    this.#fds = {
      profiles: skeleton.maps.get('free_profiles') as number,
      rows: skeleton.maps.get('free_rows') as number,
      keys: skeleton.maps.get('keys') as number,
    }
    maps.set(0, 'generation', 1)
    for (let id = 1; id < maps.profileSlots; id++) this.#fresh(id)
    for (let row = 1; row < maps.rowSlots; row++) this.#push(this.#fds.rows, row)
  }

  /** A slot that any task may take: all that the kernel does not set itself. */
  #fresh(id: number): void {
    const maps = this.#maps
    maps.set(id, 'generation', maps.get(id, 'generation') + 1)
    maps.set(id, 'mask', this.#mask)
    maps.set(id, 'need', this.#mask)
    maps.set(id, 'stride', maps.profileSlots)
    for (const field of ['tasks', 'anomalies', 'dirty', 'announced', 'armed', 'script'] as const)
      maps.set(id, field, 0)
    for (const field of ['trainBase', 'modTotal', 'sequences'] as const) maps.setWide(id, field, 0)
    maps.clearCounts(id)
    this.#push(this.#fds.profiles, id)
  }

  #push(fd: number, value: number): void {
    this.#word.writeUInt32LE(value)
    update(fd, undefined, this.#word)
  }

  setWindow(window: number): void {
    this.#mask = maskOf(window)
    for (let id = 1; id < this.#maps.profileSlots; id++) {
      if (this.#maps.get(id, 'used') !== 0) continue
      this.#maps.set(id, 'mask', this.#mask)
      this.#maps.set(id, 'need', this.#mask)
    }
  }

  /** Of all profiles, those to come too. 0: their units are not watched. */
  setJudge(epoch: number): void {
    for (let id = 1; id < this.#maps.profileSlots; id++) this.#maps.set(id, 'judge', epoch)
  }

  takeRow(): number | undefined {
    return popQueue(this.#fds.rows)
  }

  giveRows(rows: number[]): void {
    for (const row of rows) this.#push(this.#fds.rows, row)
  }

  #keyBytes(key: KernelKey): Buffer {
    const bytes = Buffer.alloc(KEY_BYTES)
    bytes.writeUInt32LE(key.device, 0)
    bytes.writeUInt32LE(key.generation, 4)
    bytes.writeBigUInt64LE(key.inode, 8)
    bytes.writeUInt32LE(key.abi, 16)
    bytes.writeUInt32LE(key.script, 20)
    return bytes
  }

  keyOf(id: number): KernelKey {
    const maps = this.#maps
    return {
      device: maps.get(id, 'device'),
      inode: maps.getInode(id),
      generation: maps.get(id, 'inodeGeneration'),
      abi: maps.get(id, 'abi'),
      script: maps.get(id, 'script'),
    }
  }

  find(key: KernelKey): number | undefined {
    return lookup(this.#fds.keys, this.#keyBytes(key), 4)?.readUInt32LE(0)
  }

  /** Takes a slot for an executable before its first call is seen. Undefined: no slot is free. */
  take(key: KernelKey, restartNumber: number): number | undefined {
    const maps = this.#maps
    const there = this.find(key)
    if (there !== undefined) return there
    const id = popQueue(this.#fds.profiles)
    if (id === undefined) return undefined
    maps.set(id, 'device', key.device)
    maps.set(id, 'inodeGeneration', key.generation)
    maps.setWide(id, 'inode', key.inode)
    maps.set(id, 'abi', key.abi)
    maps.set(id, 'script', key.script)
    maps.set(id, 'restartNumber', restartNumber)
    maps.set(id, 'announced', 1)
    maps.set(id, 'used', 1)
    const word = Buffer.alloc(4)
    word.writeUInt32LE(id)
    if (insert(this.#fds.keys, this.#keyBytes(key), word)) return id
    maps.set(id, 'used', 0)
    maps.set(id, 'announced', 0)
    this.#push(this.#fds.profiles, id)
    return this.find(key)
  }

  /** Slots in use now. */
  used(): number[] {
    const ids: number[] = []
    for (let id = 1; id < this.#maps.profileSlots; id++) if (this.#maps.get(id, 'used') !== 0) ids.push(id)
    return ids
  }

  /** Makes every task of a profile attach again at its next call (where it is announced anew). */
  reattach(id: number): void {
    this.#maps.set(id, 'generation', this.#maps.get(id, 'generation') + 1)
    this.#maps.set(id, 'tasks', 0)
  }

  /** Gives a profile up. Its rows and its slot are free again after the grace time (`settle`). */
  giveUp(id: number, now: number): void {
    const maps = this.#maps
    const rows = maps.rowsOf(id)
    // In this order: no new task finds it, none that found it stays, and only then is it taken apart.
    remove(this.#fds.keys, this.#keyBytes(this.keyOf(id)))
    maps.set(id, 'used', 0)
    maps.set(id, 'armed', 0)
    this.reattach(id)
    this.evictions++
    this.#limbo.push({ id, rows: rows.map(({ row }) => row), since: now })
  }

  /** Frees what has waited long enough. Call often; `now` in ms. */
  settle(now: number): void {
    if (!this.#limbo.some(({ since }) => now - since >= GRACE_MS)) return
    const ready = this.#limbo.filter(({ since }) => now - since >= GRACE_MS)
    this.#limbo = this.#limbo.filter(({ since }) => now - since < GRACE_MS)
    for (const { id, rows } of ready) {
      this.retiredCalls += this.#maps.counted(id)
      // A program in flight may have given it rows after the list was made.
      for (const { slot, row } of this.#maps.rowsOf(id)) {
        this.#maps.setRow(id, slot, 0)
        if (!rows.includes(row)) rows.push(row)
      }
      for (const row of rows) this.#maps.clearRow(row)
      this.giveRows(rows)
      this.#fresh(id)
    }
    // Tasks that found no room try again when slot 0 is of another generation.
    this.#maps.set(0, 'generation', this.#maps.get(0, 'generation') + 1)
    this.#maps.setControl('pressure', 0)
  }

  get waiting(): boolean {
    return this.#limbo.length > 0
  }

  /** Rows in use: those that profiles have. */
  rowsInUse(): number {
    let rows = 0
    for (const id of this.used()) rows += this.#maps.rowsOf(id).length
    return rows
  }

  /** Executables in the kernel's index, to check that it and the slots agree. */
  indexed(): number {
    return keysOf(this.#fds.keys, KEY_BYTES, 2 * this.#maps.profileSlots).length
  }
}
