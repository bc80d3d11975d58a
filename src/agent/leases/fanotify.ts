/**
 * Permission to execute files, asked by the kernel (fanotify(7), FAN_OPEN_EXEC_PERM). Whoever asks waits for the answer;
 * when the descriptor is closed, however, everybody goes on. Linux 5.0, root.
 */
import { closeSync, readFileSync, readSync, statSync, writeSync } from 'node:fs'
import koffi from 'koffi'

const libc = koffi.load(null)
const fanotifyInit: (flags: number, eventFlags: number) => number = libc.func(
  'int fanotify_init(unsigned int, unsigned int)',
)
const fanotifyMark: (fd: number, flags: number, mask: bigint, folder: number, path: string) => number =
  libc.func('int fanotify_mark(int, unsigned int, uint64_t, int, str)')
const poll: (fds: Buffer, count: number, timeoutMs: number) => number = libc.func(
  'int poll(void *, unsigned long, int)',
)
const prctl: (option: number, value: number, a: number, b: number, c: number) => number = libc.func(
  'int prctl(int, unsigned long, unsigned long, unsigned long, unsigned long)',
)

const FAN_CLOEXEC = 1
const FAN_NONBLOCK = 2
const FAN_CLASS_CONTENT = 4
const FAN_MARK_ADD = 1
const FAN_MARK_FILESYSTEM = 0x100
const FAN_OPEN_EXEC_PERM = 0x40000n
const FAN_ALLOW = 1
const FAN_DENY = 2
const AT_FDCWD = -100
const POLLIN = 1
const EVENT_BYTES = 24
const PR_SET_PDEATHSIG = 1
const SIGKILL = 9
/** Filesystems watched at most. */
const MOUNTS_LIMIT = 64
/** Those no program is started from. */
const bare = /^(proc|sysfs|cgroup2?|devpts|mqueue|debugfs|tracefs|securityfs|pstore|bpf|configfs|autofs)$/

/** One program that somebody wants to start; it waits until `answer` is called. */
export interface ExecRequest {
  pid: number
  answer: (allow: boolean) => void
}

/** Ends this process when its parent does: then everybody who waits goes on. */
export function dieWithParent(): void {
  prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0)
}

/** Why the kernel gives no permission events; undefined: it does. Watches nothing. */
export function permissionEvents(): string | undefined {
  const fd = fanotifyInit(FAN_CLASS_CONTENT | FAN_CLOEXEC | FAN_NONBLOCK, 0)
  if (fd < 0) return `fanotify_init: errno ${koffi.errno()}: it needs root, and Linux 5.0`
  closeSync(fd)
  return undefined
}

export class ExecPermission {
  readonly #fd: number

  /** @throws Error where the kernel has none of it, or this is not root */
  constructor() {
    this.#fd = fanotifyInit(FAN_CLASS_CONTENT | FAN_CLOEXEC | FAN_NONBLOCK, 0)
    if (this.#fd < 0) throw new Error(`fanotify_init: errno ${koffi.errno()}: it needs root, and Linux 5.0`)
    const devices = new Set<number>()
    for (const line of readFileSync('/proc/self/mounts', 'utf8').split('\n')) {
      const [, path = '', type = ''] = line.split(' ')
      if (path === '' || bare.test(type) || devices.size >= MOUNTS_LIMIT) continue
      const folder = path.replaceAll(/\\(\d{3})/g, (_, octal: string) =>
        String.fromCharCode(Number.parseInt(octal, 8)),
      )
      try {
        const { dev } = statSync(folder)
        if (devices.has(dev)) continue
        if (
          fanotifyMark(this.#fd, FAN_MARK_ADD | FAN_MARK_FILESYSTEM, FAN_OPEN_EXEC_PERM, AT_FDCWD, folder) ===
          0
        )
          devices.add(dev)
      } catch {
        // A mount that cannot be looked at is none that a program is started from.
      }
    }
    if (devices.size === 0) {
      closeSync(this.#fd)
      throw new Error(`fanotify_mark: errno ${koffi.errno()}: the kernel has no permission events`)
    }
  }

  /** Those who ask, within `timeoutMs`. Blocks the whole process: it is to do nothing else. */
  wait(timeoutMs: number): ExecRequest[] {
    const fds = Buffer.alloc(8)
    fds.writeInt32LE(this.#fd, 0)
    fds.writeInt16LE(POLLIN, 4)
    if (poll(fds, 1, timeoutMs) <= 0) return []
    const buffer = Buffer.alloc(EVENT_BYTES * 256)
    let length: number
    try {
      length = readSync(this.#fd, buffer)
    } catch {
      return []
    }
    const requests: ExecRequest[] = []
    for (let at = 0; at + EVENT_BYTES <= length; ) {
      const size = buffer.readUInt32LE(at)
      const file = buffer.readInt32LE(at + 16)
      const pid = buffer.readInt32LE(at + 20)
      if (file >= 0) requests.push({ pid, answer: (allow) => this.#answer(file, allow) })
      at += Math.max(EVENT_BYTES, size)
    }
    return requests
  }

  #answer(file: number, allow: boolean): void {
    const answer = Buffer.alloc(8)
    answer.writeInt32LE(file, 0)
    answer.writeUInt32LE(allow ? FAN_ALLOW : FAN_DENY, 4)
    try {
      writeSync(this.#fd, answer)
    } catch {
      // It was killed while it waited.
    }
    closeSync(file)
  }
}
