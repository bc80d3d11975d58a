import { existsSync } from 'node:fs'
import { Rates } from './rates.ts'
import { count, Draft } from './reading.ts'
import type { Moment, Places, Probe, Reading } from './types.ts'

/** /proc/diskstats counts in sectors of 512 bytes, whatever the disk's own are. */
const sectorsPerMebibyte = 2048
const columns = { io_reads: 0, io_writes: 1, io_readdata: 2, io_writtendata: 3 } as const
const names = Object.keys(columns).join(', ')
const stacked = /^(loop|ram|zram|dm-|md|sr|fd|nbd)/

export interface DiskCounters {
  disk: string
  /** Reads, writes, sectors read, sectors written since boot. */
  counters: readonly [number, number, number, number]
}

/** Reads and writes a second, MiB a second, of the whole physical disks together: partitions and LVM would count twice. */
export class DiskProbe implements Probe {
  readonly name = 'disks'
  readonly #path: string
  readonly #block: string
  readonly #rates = new Rates()
  readonly #physical = new Map<string, boolean>()

  constructor({ proc, sys }: Places) {
    this.#path = `${proc}/diskstats`
    this.#block = `${sys}/block`
  }

  read({ monotonicMs }: Moment): Reading {
    const draft = new Draft()
    const disks = draft.parse(this.#path, names, parseDisks)?.filter(({ disk }) => this.#isPhysical(disk))
    for (const [name, column] of Object.entries(columns)) {
      const parts = (disks ?? []).map(({ disk, counters }) => [`${name} ${disk}`, counters[column]!] as const)
      const rate = this.#rates.sumPerSecond(parts, monotonicMs)
      draft.put(name, rate !== undefined && column >= 2 ? rate / sectorsPerMebibyte : rate)
    }
    return draft
  }

  /** A disk of its own has a folder in /sys/block (a partition has none), and no other disk below it. */
  #isPhysical(disk: string): boolean {
    const known = this.#physical.get(disk)
    if (known !== undefined) return known
    if (this.#physical.size >= 4096) this.#physical.clear()
    const physical =
      !stacked.test(disk) &&
      (!existsSync(this.#block) || existsSync(`${this.#block}/${disk.replaceAll('/', '!')}`))
    this.#physical.set(disk, physical)
    return physical
  }
}

export function parseDisks(text: string): DiskCounters[] | undefined {
  const disks: DiskCounters[] = []
  for (const line of text.split('\n')) {
    if (line === '') continue
    const [, , disk, reads, , sectorsRead, , writes, , sectorsWritten] = line.trim().split(/ +/)
    const counters = [reads, writes, sectorsRead, sectorsWritten].map(count)
    if (disk === undefined || counters.includes(undefined)) return undefined
    disks.push({ disk, counters: counters as [number, number, number, number] })
  }
  // A host without a block device has an empty file.
  return disks
}
