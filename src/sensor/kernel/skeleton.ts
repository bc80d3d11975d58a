/**
 * Loads a light skeleton: a program of type SYSCALL that makes the maps and loads the programs when the kernel runs it
 * once. No libbpf and no compiler are needed. The layout of the context is that of libbpf 1.1 (docs/reference/sensor.md).
 */
import { closeSync, readFileSync } from 'node:fs'
import { createArray, loadProgram, mapInfo, runProgram, update } from './bpf.ts'
import { addressOf, SystemCallError } from './native.ts'

const PROGRAM_TYPE_SYSCALL = 31
const SLEEPABLE = 16
const EAGAIN = 11
const ATTEMPTS = 50

interface Manifest {
  maps: string[]
  programs: string[]
  dataBytes: number
  instructionBytes: number
}

export interface Skeleton {
  /** fd of each map and program, by name. */
  maps: Map<string, number>
  programs: Map<string, number>
  close(): void
}

export class LoadError extends Error {
  /** What the verifier said last, where it said anything. */
  readonly log: string
  readonly errno: number
  constructor(message: string, errno: number, log: string) {
    super(message)
    this.name = 'LoadError'
    this.errno = errno
    this.log = log
  }
}

/** `entries` gives maps another size than the one they were compiled with. */
export function loadSkeleton(prefix: URL, entries: Record<string, number>): Skeleton {
  const read = (suffix: string) => readFileSync(new URL(`${prefix.href}${suffix}`))
  const manifest = JSON.parse(read('.json').toString()) as Manifest
  const data = read('.data.bin')
  const instructions = read('.insns.bin')
  if (data.length !== manifest.dataBytes || instructions.length !== manifest.instructionBytes)
    throw new Error(`${prefix.pathname}.json does not belong to the blobs beside it; run scripts/build-bpf`)
  const load = (log?: Buffer) => uninterrupted(() => run(manifest, data, instructions, entries, log))
  try {
    return load()
  } catch (error) {
    if (!(error instanceof LoadError)) throw error
    // The verifier speaks only when asked, and asking costs: so a refusal is repeated to hear why.
    return load(Buffer.alloc(4 << 20))
  }
}

/** The verifier gives up when a signal is pending (a child ended, say), on the loader or on what it loads: no refusal. */
function uninterrupted<T>(load: () => T): T {
  for (let attempt = 1; ; attempt++)
    try {
      return load()
    } catch (error) {
      const refused = error instanceof LoadError || error instanceof SystemCallError
      if (!refused || error.errno !== EAGAIN || attempt === ATTEMPTS) throw error
    }
}

function run(
  manifest: Manifest,
  data: Buffer,
  instructions: Buffer,
  entries: Record<string, number>,
  log: Buffer | undefined,
): Skeleton {
  const { maps, programs } = manifest
  const context = Buffer.alloc(24 + 16 * maps.length + 4 * programs.length)
  context.writeUInt32LE(context.length, 0)
  if (log) {
    context.writeUInt32LE(1, 8)
    context.writeUInt32LE(log.length, 12)
    context.writeBigUInt64LE(addressOf(log), 16)
  }
  maps.forEach((name, i) => {
    context.writeUInt32LE(entries[name] ?? 0, 24 + 16 * i + 4)
  })
  const opened: number[] = []
  try {
    const dataMap = createArray('__loader.map', data.length)
    opened.push(dataMap)
    update(dataMap, Buffer.alloc(4), data)
    const loader = loadProgram({
      type: PROGRAM_TYPE_SYSCALL,
      name: '__loader.prog',
      license: 'Dual BSD/GPL',
      instructions,
      fds: [dataMap],
      flags: SLEEPABLE,
    })
    opened.push(loader)
    const result = runProgram(loader, context)
    if (result < 0) {
      const text = log ? log.toString('latin1', 0, Math.max(0, log.indexOf(0))) : ''
      const { message } = new SystemCallError('the kernel refused the eBPF program', -result)
      throw new LoadError(message, -result, text)
    }
  } finally {
    for (const fd of opened) closeSync(fd)
  }
  const skeleton: Skeleton = {
    maps: new Map(maps.map((name, i) => [name, context.readInt32LE(24 + 16 * i)])),
    programs: new Map(programs.map((name, i) => [name, context.readInt32LE(24 + 16 * maps.length + 4 * i)])),
    close() {
      for (const fd of [...skeleton.programs.values(), ...skeleton.maps.values()]) closeSync(fd)
      skeleton.programs.clear()
      skeleton.maps.clear()
    },
  }
  // The order of the context is the manifest's word; the kernel knows the names.
  for (const [name, fd] of skeleton.maps) {
    const told = mapInfo(fd).name
    if (told !== name.slice(0, 15)) {
      skeleton.close()
      throw new Error(`the blobs hold a map '${told}' where core.json says '${name}'; run scripts/build-bpf`)
    }
  }
  return skeleton
}
