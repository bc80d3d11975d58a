/**
 * Suspended execs where programs of the BPF LSM load: the kernel holds whom we have marked, and nobody else's exec leaves
 * it. Here leases are put in force and said anew, and whoever waited is continued when they are over.
 */
import { closeSync } from 'node:fs'
import { ExecGate } from '#sensor/exec-gate'
import { openProcess, type ProcessName } from '../host/pidfd.ts'
import { startTicksOf } from '../host/processes.ts'
import { continueExec, removeGate, touchGate, writeGate, writeHeld } from './gate-file.ts'
import { type ExecLease, execLeases, lineBelow } from './line.ts'

const LOOK_MS = 100
/** For this long the kernel takes our word: should we hang, nobody is held any longer than that. */
const WORD_MS = 3000
/** A line is gone through until nobody new is in it. */
const PASSES = 10
/** Leases on one process at a time: those that end last. */
const EACH = 4
/** An exec that was being looked at when the programs were taken out stops within this time. */
const IN_FLIGHT_MS = [20, 100, 300, 500]

/** The kernel's number of a lease; 0 is none. */
const numberOf = (id: string): number => Number.parseInt(id, 16) || 1

export class LsmGate {
  readonly #folder: string
  readonly #gate: ExecGate
  #leases: ExecLease[] = []
  #held = ''
  #timer: NodeJS.Timeout | undefined
  #ended: (() => void) | undefined

  /** @throws Error where the kernel takes no such program */
  constructor(folder: string) {
    this.#folder = folder
    this.#gate = new ExecGate()
    this.#gate.attach()
  }

  /** Until there is no lease on execs any more, or `end`. */
  async run(): Promise<void> {
    writeGate(this.#folder, { how: 'lsm', why: '', map: this.#gate.waiting.id, leases: [] })
    await new Promise<void>((resolve) => {
      this.#ended = resolve
      this.#timer = setInterval(() => this.#look(), LOOK_MS)
      this.#look()
    })
    clearInterval(this.#timer)
    for (const { id } of this.#leases.splice(0)) this.#gate.end(numberOf(id))
    this.#continue()
    this.#gate.detach()
    for (const ms of IN_FLIGHT_MS) {
      await new Promise((resolve) => setTimeout(resolve, ms))
      this.#continue()
    }
    const { held, refused, forksRefused } = this.#gate.totals()
    const forks = forksRefused > 0 ? `, ${forksRefused} forks refused` : ''
    process.stdout.write(`gate: over: ${held} execs were held, ${refused} refused${forks}\n`)
    this.#gate.close()
    removeGate(this.#folder)
  }

  end(): void {
    this.#ended?.()
  }

  #look(): void {
    const now = Date.now()
    const leases = execLeases(this.#folder, now, [process.ppid])
    const before = new Set(this.#leases.map(({ id }) => id))
    const over = this.#leases.filter(({ id }) => !leases.some((one) => one.id === id))
    const begun = leases.filter(({ id }) => !before.has(id))
    this.#leases = leases
    for (const { id } of over) this.#gate.end(numberOf(id))
    const clock = process.hrtime.bigint()
    for (const { id, until } of leases)
      this.#gate.inForce(numberOf(id), clock + BigInt(Math.ceil(Math.min(until - now, WORD_MS) * 1e6)))
    for (const lease of begun) this.#markLine(lease)
    if (over.length > 0 || begun.length > 0)
      writeGate(this.#folder, {
        how: 'lsm',
        why: '',
        map: this.#gate.waiting.id,
        leases: leases.map(({ id }) => id),
      })
    else touchGate(this.#folder)
    this.#continue()
    if (leases.length === 0) this.end()
  }

  /** Whom a marked process forks is marked by the kernel; who was there before is found here, from the top down. */
  #markLine(lease: ExecLease): void {
    for (let pass = 0; pass < PASSES; pass++)
      if (lineBelow(lease).filter((one) => this.#mark(one, lease)).length === 0) return
  }

  /** Whether it was not under this lease before. */
  #mark(name: ProcessName, { id }: ExecLease): boolean {
    const fd = openProcess(name)
    if (fd === undefined) return false
    try {
      const marks = this.#gate.leasesOf(fd)
      if (marks.includes(numberOf(id))) return false
      const standing = this.#leases
        .filter((one) => one.id === id || marks.includes(numberOf(one.id)))
        .sort((a, b) => b.until - a.until)
        .slice(0, EACH)
        .map((one) => numberOf(one.id))
      this.#gate.mark(fd, standing)
      return standing.includes(numberOf(id))
    } catch {
      // It ended while it was marked.
      return false
    } finally {
      closeSync(fd)
    }
  }

  /** Whoever waits under no lease any more goes on. */
  #continue(): void {
    const waiting = this.#gate.waiting.all()
    const held: ProcessName[] = []
    for (const one of waiting) {
      if (startTicksOf(one.pid) !== one.startTicks) this.#gate.waiting.forget(one.pid)
      else if (this.#isUnderLease(one)) held.push(one)
      else {
        this.#gate.waiting.forget(one.pid)
        continueExec(this.#folder, one)
      }
    }
    const text = JSON.stringify(held)
    if (text === this.#held) return
    this.#held = text
    writeHeld(this.#folder, held)
  }

  #isUnderLease(name: ProcessName): boolean {
    const fd = openProcess(name)
    if (fd === undefined) return false
    try {
      const marks = this.#gate.leasesOf(fd)
      return this.#leases.some(({ id }) => marks.includes(numberOf(id)))
    } finally {
      closeSync(fd)
    }
  }
}
