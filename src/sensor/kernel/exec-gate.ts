/**
 * The kernel's half of suspended execs: two programs of the BPF LSM (`bpf/exec-gate.bpf.c`) and their maps. A process is
 * put under leases; while one of them is in force, an exec of it, or of what it forked since, stops it and is made again
 * when it goes on. The programs are gone when this process is; who waits then is in a map that another has open too.
 */
import { closeSync } from 'node:fs'
import { attachTracepoint, keysOf, lookup, mapInfo, openMap, remove, update } from './bpf.ts'
import { ticksOf } from './proc.ts'
import { loadSkeleton, type Skeleton } from './skeleton.ts'

export { activeModules, whyNoLsm } from './lsm.ts'

/** Processes that wait at a time; beyond that an exec is refused (EPERM). */
export const WAITING_LIMIT = 256
/** Leases at a time. */
export const EXEC_LEASES_LIMIT = 256
/** As in the C source. */
const EACH = 4
const MARK_BYTES = 4 * EACH
const PROGRAMS = ['check_exec', 'mark_child']

export interface WaitingExec {
  pid: number
  /** Clock ticks since boot: with the pid, the name of a process. */
  startTicks: number
}

/** Whose execs wait, as any process of root's can see it that opened the map. It holds what its maker left in it. */
export class WaitingExecs {
  readonly #fd: number

  /** @param of the map's id, or its fd where this process made it */
  constructor(of: { id: number } | { fd: number }) {
    this.#fd = 'id' in of ? openMap(of.id) : of.fd
  }

  get id(): number {
    return mapInfo(this.#fd).id
  }

  all(): WaitingExec[] {
    const all = new Map<number, WaitingExec>()
    for (const key of keysOf(this.#fd, 4, 4 * WAITING_LIMIT)) {
      const start = lookup(this.#fd, key, 8)
      const pid = key.readUInt32LE(0)
      if (start) all.set(pid, { pid, startTicks: ticksOf(Number(start.readBigUInt64LE(0))) })
    }
    return [...all.values()]
  }

  /** Before it is continued: an exec that asks again after that is entered anew. */
  forget(pid: number): void {
    remove(this.#fd, word(pid))
  }

  close(): void {
    closeSync(this.#fd)
  }
}

export interface ExecTotals {
  held: number
  refused: number
  /** Forks that failed because the child could not be put under its parent's leases. */
  forksRefused: number
}

export class ExecGate {
  readonly waiting: WaitingExecs
  readonly #skeleton: Skeleton
  readonly #links: number[] = []

  /** Loads both programs and attaches neither. @throws LoadError, SystemCallError where the kernel refuses */
  constructor() {
    this.#skeleton = loadSkeleton(new URL('./bpf/exec-gate', import.meta.url), {
      waiting: WAITING_LIMIT,
      in_force: EXEC_LEASES_LIMIT,
    })
    this.waiting = new WaitingExecs({ fd: this.#map('waiting') })
  }

  /** Children first: whoever is forked under a lease must have its mark before it can start anything. */
  attach(): void {
    for (const name of [...PROGRAMS].reverse())
      this.#links.push(attachTracepoint(this.#skeleton.programs.get(name) as number))
  }

  /** @param untilNs of the monotonic clock; said anew before then, or it is over by itself, whatever became of us */
  inForce(lease: number, untilNs: bigint): void {
    const until = Buffer.alloc(8)
    until.writeBigUInt64LE(untilNs)
    update(this.#map('in_force'), word(lease), until)
  }

  end(lease: number): void {
    remove(this.#map('in_force'), word(lease))
  }

  /** Leases that a process is under, ended ones among them. */
  leasesOf(pidfd: number): number[] {
    const mark = lookup(this.#map('marks'), word(pidfd), MARK_BYTES)
    return mark ? Array.from({ length: EACH }, (_, i) => mark.readUInt32LE(4 * i)).filter(Boolean) : []
  }

  /** Puts a process, and what it forks from now on, under these leases: the first four. */
  mark(pidfd: number, leases: readonly number[]): void {
    const mark = Buffer.alloc(MARK_BYTES)
    leases.slice(0, EACH).forEach((lease, i) => {
      mark.writeUInt32LE(lease, 4 * i)
    })
    update(this.#map('marks'), word(pidfd), mark)
  }

  totals(): ExecTotals {
    const totals = lookup(this.#map('exec_counts'), word(0), 24) as Buffer
    const at = (i: number) => Number(totals.readBigUInt64LE(8 * i))
    return { held: at(0), refused: at(1), forksRefused: at(2) }
  }

  /** Nobody is asked any more. Who waits, waits until it is continued. */
  detach(): void {
    for (const link of this.#links.splice(0)) closeSync(link)
  }

  close(): void {
    this.detach()
    this.#skeleton.close()
  }

  #map(name: string): number {
    return this.#skeleton.maps.get(name) as number
  }
}

function word(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value)
  return bytes
}
