/**
 * The few functions of libc that Node does not have, through koffi. A wrong signature here would end the process, so
 * all of them are in this file, and every address handed over is that of a Buffer the caller still holds.
 */
import { closeSync } from 'node:fs'
import koffi from 'koffi'

const libc = koffi.load(null)
const syscall: (number: number, command: number, attr: Buffer, length: number) => number = libc.func(
  'long syscall(long, long, void *, long)',
)
const mmap: (
  at: null,
  length: number,
  protection: number,
  flags: number,
  fd: number,
  offset: number,
) => unknown = libc.func('void *mmap(void *, size_t, int, int, int, long)')

const PROT_READ = 1
const PROT_WRITE = 2
const MAP_SHARED = 1
const MAP_FAILED = 0xffff_ffff_ffff_ffffn

const BPF_NUMBER: Record<string, number> = { x64: 321, arm64: 280, riscv64: 280 }
const GETPGID: Record<string, number> = { x64: 121, arm64: 155, riscv64: 155 }

/** A failed call into the kernel, with its errno. */
export class SystemCallError extends Error {
  readonly errno: number
  readonly code: string
  constructor(what: string, errno: number) {
    const code = Object.entries(koffi.os.errno).find(([, value]) => value === errno)?.[0] ?? `errno ${errno}`
    super(`${what}: ${code}`)
    this.name = 'SystemCallError'
    this.errno = errno
    this.code = code
  }
}

export function addressOf(buffer: Buffer): bigint {
  return koffi.address(buffer)
}

/** What a call in progress refers to by address alone: a module's variable, so that no optimiser may let go of it. */
let held: readonly (Buffer | undefined)[] = []

/** bpf(2). `refers`: the Buffers whose addresses are in `attr`. Answers the result, or -errno. */
export function bpf(command: number, attr: Buffer, ...refers: (Buffer | undefined)[]): number {
  held = refers
  const number = BPF_NUMBER[process.arch]
  if (number === undefined) throw new Error(`no number of bpf(2) is known for ${process.arch}`)
  const result = syscall(number, command, attr, attr.length)
  const answer = result < 0 ? -koffi.errno() : result
  if (held.length > 0) held = []
  return answer
}

/** _SC_PAGESIZE */
export const pageSize: number = (libc.func('long sysconf(int)') as (name: number) => number)(30)

export function processGroupOf(pid: number): number {
  const number = GETPGID[process.arch]
  if (number === undefined) return 0
  return syscall(number, pid, Buffer.alloc(8), 0)
}

/** Memory of a map. It stays mapped for the life of the process: a view that outlived it would be a crash. */
export function mapMemory(fd: number, length: number, offset: number, write: boolean): ArrayBuffer {
  const at = mmap(null, length, PROT_READ | (write ? PROT_WRITE : 0), MAP_SHARED, fd, offset)
  if (at === null || koffi.address(at) === MAP_FAILED)
    throw new SystemCallError('mmap of a map', koffi.errno())
  return koffi.view(at, length)
}

/** Calls back while `fd` is readable. Hold on to the answer: a collected handle stops calling, and says nothing. */
export function pollReadable(fd: number, callback: () => void): { close(): void } {
  const handle = koffi.node.poll(fd, { readable: true }, callback)
  return { close: () => handle.close() }
}

const getsockopt: (fd: number, level: number, option: number, value: Buffer, length: Buffer) => number =
  libc.func('int getsockopt(int, int, int, void *, void *)')
const SOL_SOCKET = 1
const SO_PEERCRED = 17

/** The process at the other end of a Unix socket, as the kernel vouches for it. */
export function peerProcess(socket: object): number | undefined {
  const fd = (socket as { _handle?: { fd?: number } })._handle?.fd
  if (fd === undefined || fd < 0) return undefined
  const credentials = Buffer.alloc(12)
  const length = Buffer.from([12, 0, 0, 0])
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, credentials, length) !== 0) return undefined
  return credentials.readInt32LE(0) || undefined
}

const configSyscall: (
  number: number,
  fd: number,
  command: number,
  key: null,
  value: null,
  auxiliary: number,
) => number = libc.func('long syscall(long, long, long, void *, void *, long)')
const fsSyscall: (number: number, type: string, flags: number) => number = libc.func(
  'long syscall(long, str, long)',
)
const mountSyscall: (number: number, fd: number, flags: number, attributes: number) => number = libc.func(
  'long syscall(long, long, long, long)',
)
/** The same on every architecture. */
const [FSOPEN, FSCONFIG, FSMOUNT] = [430, 431, 432]
const FSOPEN_CLOEXEC = 1
const FSMOUNT_CLOEXEC = 1
const FSCONFIG_CMD_CREATE = 6

/** A file system of the kernel's own, mounted where no path leads: only `/proc/self/fd/FD`, until the fd is closed. */
export function mountNowhere(type: string): number {
  const context = fsSyscall(FSOPEN, type, FSOPEN_CLOEXEC)
  if (context < 0) throw new SystemCallError(`fsopen of ${type}`, koffi.errno())
  try {
    if (configSyscall(FSCONFIG, context, FSCONFIG_CMD_CREATE, null, null, 0) < 0)
      throw new SystemCallError(`fsconfig of ${type}`, koffi.errno())
    const fd = mountSyscall(FSMOUNT, context, FSMOUNT_CLOEXEC, 0)
    if (fd < 0) throw new SystemCallError(`fsmount of ${type}`, koffi.errno())
    return fd
  } finally {
    closeSync(context)
  }
}
