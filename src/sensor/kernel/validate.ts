/** What the daemon sends is checked field by field: it has no privileges, and this process has all of them. */
import type { Abi } from '#syscalls'
import { FrameError, type TablesHead } from '../frames.ts'
import type { Executable, FileIdentity, ProfileVerb, SensorSettings } from '../interface.ts'
import { checkSettings } from './settings.ts'

type Fields = Record<string, unknown>

const MAX_COUNT = Number.MAX_SAFE_INTEGER
const MAX_PATH = 4096
const MAX_INTERPRETERS = 64
const SLOT_COUNTS = [512, 1024, 2048, 4096, 8192, 16_384]

export function object(value: unknown, what: string): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new FrameError(`${what} is no object`)
  return value as Fields
}

export function whole(fields: Fields, name: string, least: number, most: number): number {
  const value = fields[name]
  if (!Number.isSafeInteger(value) || (value as number) < least || (value as number) > most)
    throw new FrameError(`${name} is no whole number from ${least} to ${most}`)
  return value as number
}

function count(fields: Fields, name: string): number {
  return whole(fields, name, 0, MAX_COUNT)
}

export function milliseconds(fields: Fields, name: string): number {
  const value = fields[name]
  if (typeof value !== 'number' || !Number.isFinite(value) || value < 0 || value > 1e15)
    throw new FrameError(`${name} is no time in ms`)
  return value
}

function flag(fields: Fields, name: string): boolean {
  const value = fields[name]
  if (typeof value !== 'boolean') throw new FrameError(`${name} is neither true nor false`)
  return value
}

export function text(fields: Fields, name: string, pattern: RegExp): string {
  const value = fields[name]
  if (typeof value !== 'string' || !pattern.test(value)) throw new FrameError(`${name} is not as it must be`)
  return value
}

export function settingsFrom(value: unknown): SensorSettings {
  const fields = object(value, 'settings') as unknown as SensorSettings
  const { window, anomalyLimit, tolerizeLimit, localityWindow, delayLimitMs, defaultDelayUnitMs } = fields
  const settings: SensorSettings = {
    window,
    anomalyLimit,
    tolerizeLimit,
    localityWindow,
    delayLimitMs,
    defaultDelayUnitMs,
  }
  try {
    checkSettings(settings)
    if (fields.interpreters !== undefined) settings.interpreters = pathsFrom(fields.interpreters)
    if (fields.judge !== undefined) settings.judge = flag(fields as unknown as Fields, 'judge')
  } catch (error) {
    throw new FrameError((error as Error).message)
  }
  return settings
}

function pathsFrom(value: unknown): string[] {
  const isPath = (one: unknown) => typeof one === 'string' && /^\/[^\0]*$/.test(one) && one.length <= MAX_PATH
  if (!Array.isArray(value) || value.length > MAX_INTERPRETERS || !value.every(isPath))
    throw new FrameError(`interpreters are no ${MAX_INTERPRETERS} paths at most`)
  return value as string[]
}

export function executableFrom(value: unknown): Executable {
  const fields = object(value, 'executable')
  const path = text(fields, 'path', /^\/[^\0]*$/)
  if (path.length > 2 * MAX_PATH) throw new FrameError('the path is too long')
  const { interpreter } = fields
  // Of a script: the beginning of its name.
  if (interpreter !== undefined && (typeof interpreter !== 'string' || !path.startsWith(`${interpreter}:`)))
    throw new FrameError('interpreter is not as it must be')
  return {
    path,
    ...(interpreter === undefined ? {} : { interpreter }),
    abi: text(fields, 'abi', /^(x86-64|i386|arm64)$/) as Abi,
    device: whole(fields, 'device', 0, 0xffff_ffff),
    inode: inode(fields),
    generation: whole(fields, 'generation', 0, 0xffff_ffff),
    mountNamespace: whole(fields, 'mountNamespace', 0, 0xffff_ffff),
    deleted: flag(fields, 'deleted'),
  }
}

function inode(fields: Fields): string {
  const value = text(fields, 'inode', /^\d{1,20}$/)
  if (BigInt(value) > 0xffff_ffff_ffff_ffffn) throw new FrameError('inode is no 64-bit number')
  return value
}

export function fileFrom(value: unknown): FileIdentity {
  const fields = object(value, 'file')
  return {
    sha256: text(fields, 'sha256', /^[0-9a-f]{64}$/),
    sizeBytes: count(fields, 'sizeBytes'),
    mtimeMs: milliseconds(fields, 'mtimeMs'),
    ctimeMs: milliseconds(fields, 'ctimeMs'),
  }
}

function dataSet(value: unknown, what: string): TablesHead['train'] {
  const fields = object(value, what)
  return {
    sequences: count(fields, 'sequences'),
    trainCount: count(fields, 'trainCount'),
    lastModCount: count(fields, 'lastModCount'),
  }
}

export function tablesFrom(value: unknown): TablesHead {
  const fields = object(value, 'tables')
  return {
    calls: count(fields, 'calls'),
    train: dataSet(fields.train, 'train'),
    test: dataSet(fields.test, 'test'),
    anomalies: whole(fields, 'anomalies', 0, 0xffff_ffff),
    normal: flag(fields, 'normal'),
    rows: whole(fields, 'rows', 0, 512),
  }
}

/** A profile's gram slots: none, or a power of two of them. */
export function slotsFrom(binary: Buffer): Uint32Array {
  const slots = Uint32Array.from({ length: Math.floor(binary.length / 4) }, (_, i) =>
    binary.readUInt32LE(4 * i),
  )
  const right = slots.length === 0 || SLOT_COUNTS.includes(slots.length)
  if (!right || binary.length !== 4 * slots.length)
    throw new FrameError('slots are not as many as they may be')
  return slots
}

export function verbFrom(fields: Fields): ProfileVerb {
  return text(fields, 'verb', /^(normalize|sensitize|tolerize|reset)$/) as ProfileVerb
}
