/** The mapped memory of the maps, by name instead of by offset. Both sides write; each word says whose it is. */
import { mapArray } from './bpf.ts'
import { CHUNK_BYTES, CHUNK_SLOTS, Cpu, Ctl, Profile, ROW_BYTES, SLOTS, State, Unit } from './layout.ts'
import type { Skeleton } from './skeleton.ts'

type Field = Exclude<keyof typeof Profile, 'bytes' | 'row'>
type CpuField = Exclude<keyof typeof Cpu, 'bytes'>
type CtlField = Exclude<keyof typeof Ctl, 'bytes'>

export class SensorMaps {
  readonly profileSlots: number
  readonly rowSlots: number
  readonly cpus: number
  /** Bytes of kernel memory mapped here. */
  readonly mappedBytes: number
  readonly #profiles: Int32Array
  readonly #wide: BigInt64Array
  readonly #words: number
  readonly #rows: Uint8Array
  readonly #rowWords: BigUint64Array
  readonly #counts: BigUint64Array
  readonly #cpus: BigUint64Array
  readonly #ctl: Int32Array
  readonly #states: Int32Array
  readonly #grams: Uint32Array
  readonly gramChunks: number

  constructor(skeleton: Skeleton, cpus: number) {
    const open = (name: string, bytes: number) => {
      const map = mapArray(skeleton.maps.get(name) as number)
      if (map.stride !== bytes)
        throw new Error(
          `map '${name}' has elements of ${map.stride} bytes, not ${bytes}; run scripts/build-bpf`,
        )
      return map
    }
    const profiles = open('profiles', Profile.bytes)
    const rows = open('rows', ROW_BYTES)
    const counts = open('counts', 8)
    const cpuMap = open('cpus', Cpu.bytes)
    const ctl = open('ctl', Ctl.bytes)
    const states = open('states', State.bytes)
    const grams = open('grams', CHUNK_BYTES)
    const units = open('units', Unit.bytes)
    this.profileSlots = profiles.entries
    this.rowSlots = rows.entries
    this.cpus = cpus
    this.mappedBytes = [profiles, rows, counts, cpuMap, ctl, states, grams, units].reduce(
      (sum, map) => sum + map.memory.byteLength,
      0,
    )
    this.#profiles = new Int32Array(profiles.memory)
    this.#wide = new BigInt64Array(profiles.memory)
    this.#words = Profile.bytes / 4
    this.#rows = new Uint8Array(rows.memory)
    this.#rowWords = new BigUint64Array(rows.memory)
    this.#counts = new BigUint64Array(counts.memory)
    this.#cpus = new BigUint64Array(cpuMap.memory)
    this.#ctl = new Int32Array(ctl.memory)
    this.#states = new Int32Array(states.memory)
    this.#grams = new Uint32Array(grams.memory)
    this.gramChunks = grams.entries
  }

  get(id: number, field: Field): number {
    return Atomics.load(this.#profiles, id * this.#words + Profile[field] / 4) >>> 0
  }

  set(id: number, field: Field, value: number): void {
    Atomics.store(this.#profiles, id * this.#words + Profile[field] / 4, value)
  }

  /** A field of 8 bytes; bases can be below 0. */
  getWide(id: number, field: Field): number {
    return Number(Atomics.load(this.#wide, (id * this.#words) / 2 + Profile[field] / 8))
  }

  getInode(id: number): bigint {
    return BigInt.asUintN(64, Atomics.load(this.#wide, (id * this.#words) / 2 + Profile.inode / 8))
  }

  setWide(id: number, field: Field, value: number | bigint): void {
    Atomics.store(this.#wide, (id * this.#words) / 2 + Profile[field] / 8, BigInt(value))
  }

  rowOf(id: number, slot: number): number {
    return Atomics.load(this.#profiles, id * this.#words + Profile.row / 4 + slot) >>> 0
  }

  setRow(id: number, slot: number, row: number): void {
    Atomics.store(this.#profiles, id * this.#words + Profile.row / 4 + slot, row)
  }

  /** Puts a row in place unless the kernel has put one there: answers the row that is there then. */
  claimRow(id: number, slot: number, row: number): number {
    const was = Atomics.compareExchange(this.#profiles, id * this.#words + Profile.row / 4 + slot, 0, row)
    return was === 0 ? row : was
  }

  /** Slots that have a row, with the row. */
  rowsOf(id: number): { slot: number; row: number }[] {
    const rows: { slot: number; row: number }[] = []
    for (let slot = 0; slot < SLOTS; slot++) {
      const row = this.rowOf(id, slot)
      if (row !== 0) rows.push({ slot, row })
    }
    return rows
  }

  /** The bytes of a row: training at even places, test at odd ones. */
  row(row: number): Uint8Array {
    return this.#rows.subarray(row * ROW_BYTES, (row + 1) * ROW_BYTES)
  }

  clearRow(row: number): void {
    this.#rowWords.fill(0n, (row * ROW_BYTES) / 8, ((row + 1) * ROW_BYTES) / 8)
  }

  /** Calls of a profile that the kernel counted since its slot was taken. */
  counted(id: number): number {
    let sum = 0n
    for (let cpu = 0; cpu < this.cpus; cpu++) sum += Atomics.load(this.#counts, cpu * this.profileSlots + id)
    return Number(sum)
  }

  clearCounts(id: number): void {
    for (let cpu = 0; cpu < this.cpus; cpu++) Atomics.store(this.#counts, cpu * this.profileSlots + id, 0n)
  }

  /** Calls counted for any profile. */
  countedAll(): number {
    let sum = 0n
    for (let cpu = 0; cpu < this.cpus; cpu++)
      for (let id = 1; id < this.profileSlots; id++)
        sum += this.#counts[cpu * this.profileSlots + id] as bigint
    return Number(sum)
  }

  /** Slots from a chunk on. */
  gramSlots(chunk: number, slots: number): Uint32Array {
    return this.#grams.subarray(chunk * CHUNK_SLOTS, chunk * CHUNK_SLOTS + slots)
  }

  /** A counter of `struct cpu`, over all CPUs. */
  total(field: CpuField): number {
    let sum = 0n
    for (let cpu = 0; cpu < this.cpus; cpu++)
      sum += Atomics.load(this.#cpus, (cpu * Cpu.bytes) / 8 + Cpu[field])
    return Number(sum)
  }

  /** Tasks that have a slot now: a gauge of what a flood of processes left behind. */
  tasksHeld(): number[] {
    const tids: number[] = []
    for (let at = State.tid / 4; at < this.#states.length; at += State.bytes / 4) {
      const tid = Atomics.load(this.#states, at)
      if (tid !== 0) tids.push(tid)
    }
    return tids
  }

  control(field: CtlField): number {
    return Atomics.load(this.#ctl, Ctl[field]) >>> 0
  }

  setControl(field: CtlField, value: number): void {
    Atomics.store(this.#ctl, Ctl[field], value)
  }
}
