/**
 * Suspended execs where the BPF LSM is not to be had: the kernel asks about every exec of the host, and waits for the
 * answer. When this process dies, everybody goes on.
 */
import { dieWithParent, ExecPermission, type ExecRequest } from './fanotify.ts'
import { removeGate, touchGate, writeGate } from './gate-file.ts'
import { type ExecLease, execLeases, isOfLine } from './line.ts'

const LOOK_MS = 200
/** Who waits at most; beyond that a start is refused (EPERM). */
const WAITING_LIMIT = 256

export class FanotifyGate {
  readonly #folder: string
  readonly #permission: ExecPermission
  readonly #why: string
  #leases: ExecLease[] = []
  #waiting: ExecRequest[] = []
  #lookedAt = Number.NEGATIVE_INFINITY

  /** @param why no better way is to be had. @throws Error where the kernel has no permission events */
  constructor(folder: string, why: string) {
    this.#folder = folder
    this.#why = why
    dieWithParent()
    this.#permission = new ExecPermission()
  }

  /** Until there is no lease on execs any more. Blocks: every exec of this host waits for an answer from here. */
  run(): void {
    writeGate(this.#folder, { how: 'fanotify', why: this.#why, leases: [] })
    this.#look(Date.now())
    for (;;) {
      for (const request of this.#permission.wait(LOOK_MS)) {
        if (!isOfLine(request.pid, this.#leases)) request.answer(true)
        else if (this.#waiting.length < WAITING_LIMIT) this.#waiting.push(request)
        else request.answer(false)
      }
      this.#look(Date.now())
      this.#waiting = this.#waiting.filter((request) => {
        if (isOfLine(request.pid, this.#leases)) return true
        request.answer(true)
        return false
      })
      if (this.#leases.length === 0 && this.#waiting.length === 0) break
    }
    removeGate(this.#folder)
  }

  #look(now: number): void {
    if (now - this.#lookedAt < LOOK_MS) return
    this.#lookedAt = now
    const before = ids(this.#leases)
    this.#leases = execLeases(this.#folder, now, [process.ppid])
    const leases = ids(this.#leases)
    if (leases.join() === before.join()) touchGate(this.#folder)
    else writeGate(this.#folder, { how: 'fanotify', why: this.#why, leases })
  }
}

const ids = (leases: readonly ExecLease[]): string[] => leases.map(({ id }) => id)
