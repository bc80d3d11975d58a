/** The eBPF program loaded and attached: fds in, calls watched; fds closed, nothing left. */
import { closeSync } from 'node:fs'
import type { SensorSettings } from '../interface.ts'
import { attachIterator, attachTracepoint, enableStats, iterate, programInfo, remove, update } from './bpf.ts'
import { TaskRecord } from './layout.ts'
import { SensorMaps } from './maps.ts'
import { possibleCpus } from './proc.ts'
import { Ring } from './ring.ts'
import { loadSkeleton, type Skeleton } from './skeleton.ts'

/** How much the sensor can hold. Memory is taken at the start: rows * 1 KiB, profiles * 2.2 KiB, the ring. */
export interface Sizes {
  profiles: number
  rows: number
  ringBytes: number
  /** Processes that may be delayed at once. */
  delayed: number
  /** Gram slots in chunks of 2 KiB; a profile has 1 to 32 of them. */
  gramChunks: number
  /** Tasks whose units are watched at once; 2.7 KiB each. */
  units: number
  unitRingBytes: number
}

export const DEFAULT_SIZES: Sizes = {
  profiles: 1024,
  rows: 8192,
  ringBytes: 1 << 21,
  delayed: 64,
  gramChunks: 4096,
  units: 2048,
  unitRingBytes: 1 << 22,
}

/** In this order: whoever is forked or begins while we attach must not be seen first by its calls. */
const TRACEPOINTS = ['on_fork', 'on_exec', 'on_exit', 'sys_enter']

export interface TaskState {
  pid: number
  tid: number
  profile: number
  generation: number
  calls: number
  anomalous: number
  lfc: number
  maxLfc: number
}

export class KernelProgram {
  readonly skeleton: Skeleton
  readonly maps: SensorMaps
  readonly ring: Ring
  /** What is told of units. */
  readonly unitRing: Ring
  readonly #links: number[] = []
  readonly #programs: number[]
  #iterator = -1
  #stats = -1
  #missedAtEnd = 0
  #open = true

  constructor(sizes: Sizes) {
    const cpus = possibleCpus()
    this.skeleton = loadSkeleton(new URL('./bpf/core', import.meta.url), {
      profiles: sizes.profiles,
      rows: sizes.rows,
      counts: sizes.profiles * cpus,
      cpus,
      free_profiles: sizes.profiles,
      free_rows: sizes.rows,
      keys: sizes.profiles,
      stopping: sizes.delayed,
      events: sizes.ringBytes,
      grams: sizes.gramChunks,
      units: sizes.units,
      free_units: sizes.units,
      unit_events: sizes.unitRingBytes,
    })
    this.maps = new SensorMaps(this.skeleton, cpus)
    this.maps.setControl('cpus', cpus)
    this.ring = new Ring(this.skeleton.maps.get('events') as number, sizes.ringBytes)
    this.unitRing = new Ring(this.unitRingFd, sizes.unitRingBytes)
    const word = Buffer.alloc(4)
    for (let id = 1; id < sizes.units; id++) {
      word.writeUInt32LE(id)
      update(this.skeleton.maps.get('free_units') as number, undefined, word)
    }
    this.#programs = TRACEPOINTS.map((name) => this.skeleton.programs.get(name) as number)
  }

  get ringFd(): number {
    return this.skeleton.maps.get('events') as number
  }

  get unitRingFd(): number {
    return this.skeleton.maps.get('unit_events') as number
  }

  attach(): void {
    this.#iterator = attachIterator(this.skeleton.programs.get('list_tasks') as number)
    for (const program of this.#programs) this.#links.push(attachTracepoint(program))
  }

  /** What the program must know of pH's constants; the window is in each profile. */
  limit(settings: SensorSettings): void {
    for (const name of ['anomalyLimit', 'tolerizeLimit', 'localityWindow'] as const)
      this.maps.setControl(name, settings[name])
  }

  /** Run times, while measured, cost every program run two readings of the clock: off unless asked for. */
  measure(on: boolean): void {
    if (on && this.#stats < 0) this.#stats = enableStats()
    else if (!on && this.#stats >= 0) {
      closeSync(this.#stats)
      this.#stats = -1
    }
  }

  runs(): { runTimeNs: number; runs: number; missed: number } {
    const sum = { runTimeNs: 0, runs: 0, missed: this.#missedAtEnd }
    if (!this.#open) return sum
    this.#programs.forEach((fd, i) => {
      const info = programInfo(fd)
      sum.runTimeNs += info.runTimeNs
      sum.runs += info.runs
      // A call that the kernel did not run us for; forks and exits missed are no calls.
      if (TRACEPOINTS[i] === 'sys_enter') sum.missed += info.missed
    })
    return sum
  }

  tasks(): TaskState[] {
    const bytes = iterate(this.#iterator)
    const tasks: TaskState[] = []
    for (let at = 0; at + TaskRecord.bytes <= bytes.length; at += TaskRecord.bytes)
      tasks.push({
        pid: bytes.readUInt32LE(at + TaskRecord.tgid),
        tid: bytes.readUInt32LE(at + TaskRecord.tid),
        profile: bytes.readUInt32LE(at + TaskRecord.profile),
        generation: bytes.readUInt32LE(at + TaskRecord.generation),
        calls: Number(bytes.readBigUInt64LE(at + TaskRecord.calls)),
        anomalous: Number(bytes.readBigUInt64LE(at + TaskRecord.anomalous)),
        lfc: bytes.readUInt32LE(at + TaskRecord.lfc),
        maxLfc: bytes.readUInt32LE(at + TaskRecord.maxLfc),
      })
    return tasks
  }

  #pid(pid: number): Buffer {
    const key = Buffer.alloc(4)
    key.writeUInt32LE(pid)
    return key
  }

  /** The process may be stopped again. */
  release(pid: number): void {
    if (this.#open) remove(this.skeleton.maps.get('stopping') as number, this.#pid(pid))
  }

  setExempt(pid: number, exempt: boolean): void {
    const fd = this.skeleton.maps.get('exempt') as number
    if (exempt) update(fd, this.#pid(pid), Buffer.from([1, 0, 0, 0]))
    else remove(fd, this.#pid(pid))
  }

  /** No call is seen after this; the maps can still be read. */
  detach(): void {
    for (const link of this.#links.splice(0)) closeSync(link)
    if (this.#iterator >= 0) closeSync(this.#iterator)
    this.#iterator = -1
  }

  close(): void {
    if (!this.#open) return
    this.detach()
    this.#missedAtEnd = this.runs().missed
    this.#open = false
    this.measure(false)
    this.skeleton.close()
  }
}
