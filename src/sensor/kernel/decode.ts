/** Records of the ring as the sensor speaks of them. */
import { ARGUMENT_BYTES, ARGUMENTS, Event } from './layout.ts'
import type { ScriptRecord } from './script.ts'

/** What every record of a task says. */
export interface TaskRecordHead {
  type: number
  profile: number
  generation: number
  pid: number
  tid: number
  current: number
  /** ns of CLOCK_MONOTONIC */
  time: number
  /** ns since boot */
  start: number
  taskCalls: number
  missing: number
  lfc: number
  maxLfc: number
  anomalies: number
  anomalous: number
}

/** Counters stay below 2^53 for centuries. */
function wide(data: DataView, at: number): number {
  return data.getUint32(at, true) + data.getUint32(at + 4, true) * 0x1_0000_0000
}

export function decodeHead(data: DataView, at: number): TaskRecordHead {
  return {
    type: data.getUint32(at, true),
    profile: data.getUint32(at + Event.profile, true),
    generation: data.getUint32(at + Event.generation, true),
    pid: data.getUint32(at + Event.tgid, true),
    tid: data.getUint32(at + Event.tid, true),
    current: data.getUint32(at + Event.current, true),
    time: wide(data, at + Event.time),
    start: wide(data, at + Event.start),
    taskCalls: wide(data, at + Event.taskCalls),
    missing: data.getUint32(at + Event.missing, true),
    lfc: data.getUint32(at + Event.lfc, true),
    maxLfc: data.getUint32(at + Event.maxLfc, true),
    anomalies: data.getUint32(at + Event.anomalies, true),
    anomalous: wide(data, at + Event.anomalous),
  }
}

/** The window before the current call, nearest first. */
export function decodePrevious(data: DataView, at: number, distances: number): number[] {
  const previous: number[] = []
  for (let i = 0; i < distances; i++) previous.push(data.getUint16(at + Event.near + 2 * i, true))
  return previous
}

export interface ExecutableRecord {
  device: number
  inode: bigint
  generation: number
  abi: number
  mountNamespace: number
  deleted: boolean
  /** As the walk found it; undefined where it did not reach the root. */
  path: string | undefined
  /** The names the walk found, root first. */
  names: string[]
  script: ScriptRecord
}

export function decodeExecutable(data: DataView, at: number, length: number): ExecutableRecord {
  const bytes = Math.min(data.getUint32(at + Event.namesLength, true), length - Event.names)
  const names = Buffer.from(data.buffer, data.byteOffset + at + Event.names, Math.max(0, bytes))
    .toString('utf8')
    .split('\0')
    .slice(0, -1)
    .reverse()
  const complete = data.getUint32(at + Event.complete, true) !== 0
  return {
    device: data.getUint32(at + Event.device, true),
    inode: data.getBigUint64(at + Event.inode, true),
    generation: data.getUint32(at + Event.inodeGeneration, true),
    abi: data.getUint32(at + Event.abi, true),
    mountNamespace: data.getUint32(at + Event.mountNamespace, true),
    deleted: data.getUint32(at + Event.links, true) === 0,
    path: complete ? `/${names.join('/')}` : undefined,
    names,
    script: {
      script: data.getUint32(at + Event.script, true),
      folder: data.getBigUint64(at + Event.folder, true),
      arguments: Array.from({ length: ARGUMENTS }, (_, i) =>
        textAt(data, at + Event.arguments + i * ARGUMENT_BYTES, ARGUMENT_BYTES),
      ),
    },
  }
}

/** Up to its NUL. */
function textAt(data: DataView, at: number, most: number): string {
  const bytes = Buffer.from(data.buffer, data.byteOffset + at, most)
  const end = bytes.indexOf(0)
  return bytes.toString('utf8', 0, end < 0 ? most : end)
}
