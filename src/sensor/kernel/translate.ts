/** From records of the ring to what the sensor tells: clocks, ABIs, paths. */
import { readlinkSync } from 'node:fs'
import type { Abi } from '#syscalls'
import type { Executable, SensorEvent } from '../interface.ts'
import { decodePrevious, type ExecutableRecord, type TaskRecordHead } from './decode.ts'
import { EventType } from './layout.ts'
import { scriptHash, scriptPath } from './script.ts'
import type { KernelKey } from './slots.ts'

const NATIVE: Abi = process.arch === 'arm64' ? 'arm64' : 'x86-64'

/** 1 is the 32-bit ABI of an x86-64 machine; 32-bit ARM has no table here. */
export function abiOf(abi: number): Abi {
  return abi === 1 ? 'i386' : NATIVE
}

/** Undefined for an ABI that this machine does not have. */
export function kernelKeyOf({
  path,
  interpreter,
  abi,
  device,
  inode,
  generation,
}: Executable): KernelKey | undefined {
  const compat = abi === 'i386' && NATIVE === 'x86-64'
  if (abi !== NATIVE && !compat) return undefined
  const script = interpreter === undefined ? 0 : scriptHash(path.slice(interpreter.length + 1)) >>> 0
  return { device, generation, inode: BigInt(inode), abi: compat ? 1 : 0, script }
}

/** The number of restart_syscall. */
export function restartNumber(abi: Abi): number {
  return { 'x86-64': 219, i386: 0, arm64: 128 }[abi]
}

export function executableOf(record: ExecutableRecord, pid: number): Executable {
  let path = record.path
  let deleted = record.deleted
  if (path === undefined) {
    // Deeper than the walk goes, or under no root at all (memfd): the process, if it lives, can still tell.
    try {
      path = readlinkSync(`/proc/${pid}/exe`)
      if (path.endsWith(' (deleted)')) {
        path = path.slice(0, -' (deleted)'.length)
        deleted = true
      }
    } catch {
      path = `/${record.names.join('/')}`
    }
  }
  const script = scriptPath(record.script, pid)
  return {
    ...(script === undefined ? { path } : { path: `${path}:${script}`, interpreter: path }),
    abi: abiOf(record.abi),
    device: record.device,
    inode: String(record.inode),
    generation: record.generation,
    mountNamespace: record.mountNamespace,
    deleted,
  }
}

/** CLOCK_MONOTONIC, which the kernel stamps with, to ms since the epoch. */
export class Clock {
  #offset = 0

  constructor() {
    this.adjust()
  }

  /** The wall clock may be set: call now and then. */
  adjust(): void {
    this.#offset = Date.now() - Number(process.hrtime.bigint()) / 1e6
  }

  epochMs(monotonicNs: number): number {
    return Math.round(monotonicNs / 1e6 + this.#offset)
  }
}

/** The events that are one record each. Undefined for those that are more than a translation. */
export function translate(
  head: TaskRecordHead,
  data: DataView,
  at: number,
  clock: Clock,
  window: number,
  limits: { anomaly: number; tolerize: number },
): SensorEvent | undefined {
  const task = {
    profile: head.profile,
    pid: head.pid,
    tid: head.tid,
    taskCalls: head.taskCalls,
    at: clock.epochMs(head.time),
  }
  switch (head.type) {
    case EventType.novelty:
      return {
        type: 'novelty',
        ...task,
        current: head.current,
        previous: decodePrevious(data, at, window - 1),
        missing: head.missing,
      }
    case EventType.anomaly:
      return {
        type: 'anomaly',
        ...task,
        current: head.current,
        previous: decodePrevious(data, at, window - 1),
        missing: head.missing,
        lfc: head.lfc,
        maxLfc: head.maxLfc,
        anomalies: head.anomalies,
      }
    case EventType.normalStopped:
      return { type: 'normal-stopped', ...task, anomalies: head.anomalies, limit: limits.anomaly }
    case EventType.trainingReset:
      return { type: 'training-reset', ...task, lfc: head.lfc, limit: limits.tolerize }
    case EventType.ended:
      return { type: 'ended', ...task, anomalous: head.anomalous, maxLfc: head.maxLfc }
    default:
      return undefined
  }
}
