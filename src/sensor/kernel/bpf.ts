/** The commands of bpf(2) that the sensor uses: attributes little-endian, at the offsets of the kernel's union. */
import { closeSync, readSync } from 'node:fs'
import { addressOf, bpf, mapMemory, pageSize, SystemCallError } from './native.ts'

const Command = {
  mapCreate: 0,
  lookup: 1,
  update: 2,
  remove: 3,
  nextKey: 4,
  lookupAndDelete: 21,
  programLoad: 5,
  programRun: 10,
  mapById: 14,
  info: 15,
  rawTracepointOpen: 17,
  linkCreate: 28,
  enableStats: 32,
  iteratorCreate: 33,
} as const

const ENOENT = 2
const EEXIST = 17

function call(command: number, attr: Buffer, what: string, ...refers: (Buffer | undefined)[]): number {
  const result = bpf(command, attr, ...refers)
  if (result < 0) throw new SystemCallError(what, -result)
  return result
}

function elementAttributes(
  fd: number,
  key: Buffer | undefined,
  value: Buffer | undefined,
  flags = 0,
): Buffer {
  const attr = Buffer.alloc(32)
  attr.writeUInt32LE(fd, 0)
  if (key) attr.writeBigUInt64LE(addressOf(key), 8)
  if (value) attr.writeBigUInt64LE(addressOf(value), 16)
  attr.writeBigUInt64LE(BigInt(flags), 24)
  return attr
}

/** Puts an element into a map, or pushes one onto a queue (no key). */
export function update(fd: number, key: Buffer | undefined, value: Buffer): void {
  call(Command.update, elementAttributes(fd, key, value), 'bpf(MAP_UPDATE_ELEM)', key, value)
}

/** As `update`; false when the key is there already. */
export function insert(fd: number, key: Buffer, value: Buffer): boolean {
  const result = bpf(Command.update, elementAttributes(fd, key, value, 1), key, value)
  if (result === -EEXIST) return false
  if (result < 0) throw new SystemCallError('bpf(MAP_UPDATE_ELEM)', -result)
  return true
}

export function remove(fd: number, key: Buffer): boolean {
  const result = bpf(Command.remove, elementAttributes(fd, key, undefined), key)
  if (result < 0 && result !== -ENOENT) throw new SystemCallError('bpf(MAP_DELETE_ELEM)', -result)
  return result >= 0
}

export function lookup(fd: number, key: Buffer, valueBytes: number): Buffer | undefined {
  const value = Buffer.alloc(valueBytes)
  const result = bpf(Command.lookup, elementAttributes(fd, key, value), key, value)
  if (result === -ENOENT) return undefined
  if (result < 0) throw new SystemCallError('bpf(MAP_LOOKUP_ELEM)', -result)
  return value
}

/** Takes a u32 off a queue. */
export function popQueue(fd: number): number | undefined {
  const value = Buffer.alloc(4)
  const result = bpf(Command.lookupAndDelete, elementAttributes(fd, undefined, value), value)
  if (result === -ENOENT) return undefined
  if (result < 0) throw new SystemCallError('bpf(MAP_LOOKUP_AND_DELETE_ELEM)', -result)
  return value.readUInt32LE(0)
}

/** All keys of a hash. One that is removed meanwhile can make it begin again, so keys may come twice. */
export function keysOf(fd: number, keyBytes: number, limit: number): Buffer[] {
  const keys: Buffer[] = []
  let last: Buffer | undefined
  while (keys.length < limit) {
    const next = Buffer.alloc(keyBytes)
    const result = bpf(Command.nextKey, elementAttributes(fd, last, next), last, next)
    if (result === -ENOENT) break
    if (result < 0) throw new SystemCallError('bpf(MAP_GET_NEXT_KEY)', -result)
    keys.push(next)
    last = next
  }
  return keys
}

export function createArray(name: string, valueBytes: number): number {
  const attr = Buffer.alloc(72)
  attr.writeUInt32LE(2, 0)
  attr.writeUInt32LE(4, 4)
  attr.writeUInt32LE(valueBytes, 8)
  attr.writeUInt32LE(1, 12)
  attr.write(name.slice(0, 15), 28, 'latin1')
  return call(Command.mapCreate, attr, 'bpf(MAP_CREATE)')
}

export interface ProgramSource {
  type: number
  name: string
  license: string
  instructions: Buffer
  /** fds the instructions refer to by index. */
  fds?: number[]
  flags?: number
}

export function loadProgram(source: ProgramSource): number {
  const license = Buffer.from(`${source.license}\0`, 'latin1')
  const fds = Buffer.from(Int32Array.from(source.fds ?? [0]).buffer)
  const attr = Buffer.alloc(128)
  attr.writeUInt32LE(source.type, 0)
  attr.writeUInt32LE(source.instructions.length / 8, 4)
  attr.writeBigUInt64LE(addressOf(source.instructions), 8)
  attr.writeBigUInt64LE(addressOf(license), 16)
  attr.writeUInt32LE(source.flags ?? 0, 44)
  attr.write(source.name.slice(0, 15), 48, 'latin1')
  if (source.fds) attr.writeBigUInt64LE(addressOf(fds), 120)
  return call(
    Command.programLoad,
    attr,
    `bpf(PROG_LOAD) of ${source.name}`,
    source.instructions,
    license,
    fds,
  )
}

/** Runs a SYSCALL program once over `context`, which it may rewrite. Answers what the program returned. */
export function runProgram(fd: number, context: Buffer): number {
  const attr = Buffer.alloc(80)
  attr.writeUInt32LE(fd, 0)
  attr.writeUInt32LE(context.length, 40)
  attr.writeBigUInt64LE(addressOf(context), 48)
  call(Command.programRun, attr, 'bpf(PROG_RUN)', context)
  return attr.readInt32LE(4)
}

/** Attaches a tracing program whose target is in it (tp_btf), or to the raw tracepoint named. Gives the link's fd. */
export function attachTracepoint(program: number, tracepoint?: string): number {
  const name = Buffer.from(`${tracepoint ?? ''}\0`, 'latin1')
  const attr = Buffer.alloc(16)
  if (tracepoint) attr.writeBigUInt64LE(addressOf(name), 0)
  attr.writeUInt32LE(program, 8)
  return call(Command.rawTracepointOpen, attr, `bpf(RAW_TRACEPOINT_OPEN) ${tracepoint ?? ''}`, name)
}

export function attachIterator(program: number): number {
  const attr = Buffer.alloc(28)
  attr.writeUInt32LE(program, 0)
  attr.writeUInt32LE(28, 8)
  return call(Command.linkCreate, attr, 'bpf(LINK_CREATE)')
}

/** One pass of an iterator: all that it wrote. */
export function iterate(link: number): Buffer {
  const attr = Buffer.alloc(8)
  attr.writeUInt32LE(link, 0)
  const fd = call(Command.iteratorCreate, attr, 'bpf(ITER_CREATE)')
  try {
    const parts: Buffer[] = []
    for (;;) {
      const part = Buffer.allocUnsafe(16_384)
      const got = readSync(fd, part)
      if (got === 0) return Buffer.concat(parts)
      parts.push(part.subarray(0, got))
    }
  } finally {
    closeSync(fd)
  }
}

function objectInfo(fd: number, length: number): Buffer {
  const info = Buffer.alloc(length)
  const attr = Buffer.alloc(16)
  attr.writeUInt32LE(fd, 0)
  attr.writeUInt32LE(length, 4)
  attr.writeBigUInt64LE(addressOf(info), 8)
  call(Command.info, attr, 'bpf(OBJ_GET_INFO_BY_FD)', info)
  return info
}

export interface MapInfo {
  type: number
  /** Under which another process of root's can open it. */
  id: number
  keyBytes: number
  valueBytes: number
  entries: number
  name: string
}

export function mapInfo(fd: number): MapInfo {
  const info = objectInfo(fd, 48)
  return {
    type: info.readUInt32LE(0),
    id: info.readUInt32LE(4),
    keyBytes: info.readUInt32LE(8),
    valueBytes: info.readUInt32LE(12),
    entries: info.readUInt32LE(16),
    name: info.toString('latin1', 24, 40).replace(/\0.*/, ''),
  }
}

/** A map of another process's: it lives as long as either has it open. Takes CAP_SYS_ADMIN. */
export function openMap(id: number): number {
  const attr = Buffer.alloc(12)
  attr.writeUInt32LE(id, 0)
  return call(Command.mapById, attr, 'bpf(MAP_GET_FD_BY_ID)')
}

/** Time and runs are 0 unless the kernel measures them (`enableStats`). */
export function programInfo(fd: number): { runTimeNs: number; runs: number; missed: number } {
  const info = objectInfo(fd, 232)
  return {
    runTimeNs: Number(info.readBigUInt64LE(192)),
    runs: Number(info.readBigUInt64LE(200)),
    missed: Number(info.readBigUInt64LE(208)),
  }
}

/** The kernel measures run times for as long as the fd is open. */
export function enableStats(): number {
  return call(Command.enableStats, Buffer.alloc(4), 'bpf(ENABLE_STATS)')
}

/** An array map's values, `stride` bytes apart. */
export function mapArray(fd: number): { memory: ArrayBuffer; stride: number; entries: number } {
  const { valueBytes, entries } = mapInfo(fd)
  const stride = Math.ceil(valueBytes / 8) * 8
  return { memory: mapMemory(fd, roundToPage(stride * entries), 0, true), stride, entries }
}

export function roundToPage(bytes: number): number {
  return Math.ceil(bytes / pageSize) * pageSize
}
