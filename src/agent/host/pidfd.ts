/**
 * Signals to a process and to no other that has its number since: through a pidfd, whose start time is looked at after
 * it was opened. The only file of the room that leaves JavaScript.
 */
import { closeSync } from 'node:fs'
import { constants } from 'node:os'
import koffi from 'koffi'
import { startTicksOf } from './processes.ts'

const syscall: (number: number, a: number, b: number, c: number, d: number) => number = koffi
  .load(null)
  .func('long syscall(long, long, long, long, long)')

/** The same on every architecture: they came after the numbers were made one. */
const PIDFD_SEND_SIGNAL = 424
const PIDFD_OPEN = 434

export interface ProcessName {
  pid: number
  /** Clock ticks since boot: with the pid, the name of a process. */
  startTicks: number
}

export type SignalResult = 'sent' | 'gone' | 'refused'

/** A pidfd, which the caller closes; undefined: it has ended, whoever has its number now. */
export function openProcess({ pid, startTicks }: ProcessName): number | undefined {
  const fd = syscall(PIDFD_OPEN, pid, 0, 0, 0)
  if (fd < 0) return undefined
  // What the descriptor is of cannot change any more; what its number is of can.
  if (startTicksOf(pid) === startTicks) return fd
  closeSync(fd)
  return undefined
}

/** `gone`: it has ended, whoever has its number now. Linux 5.3 has pidfds; lymph needs newer ones. */
export function signalProcess({ pid, startTicks }: ProcessName, signal: NodeJS.Signals): SignalResult {
  if (!Number.isSafeInteger(pid) || pid <= 3) return 'refused'
  const fd = openProcess({ pid, startTicks })
  if (fd === undefined) return 'gone'
  try {
    if (syscall(PIDFD_SEND_SIGNAL, fd, constants.signals[signal], 0, 0) === 0) return 'sent'
    return koffi.errno() === koffi.os.errno.ESRCH ? 'gone' : 'refused'
  } finally {
    closeSync(fd)
  }
}
