/** How a run takes leases: only while somebody keeps them, and written before anything is done. */
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { setPriority } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ProgramLease } from '../host/mortal.ts'
import { lives, startTicksOf } from '../host/processes.ts'
import type { LeasePort, Undone } from '../promises/world.ts'
import { type KeptLease, LEASES_LIMIT, readLeases, removeLease, takeBack, writeLease } from './file.ts'
import { readGate } from './gate-file.ts'

/** The keeper looks twice a second, and starts the gate. */
const GATE_MS = 30_000
const GATE_LOOK_MS = 50
/** As the file of a lease takes them. */
const NEVER_LIMIT = 4096

/** A run ends its programs by itself, this long before the keeper would. */
const PROGRAM_GRACE_MS = 10_000

export const keeperFile = (folder: string): string => join(folder, 'keeper')

/** Whether a keeper lives that looks at this folder. */
export function isKept(folder: string): boolean {
  try {
    const { pid, startTicks } = JSON.parse(readFileSync(keeperFile(folder), 'utf8')) as {
      pid: number
      startTicks: number
    }
    return lives({ pid, startTicks })
  } catch {
    return false
  }
}

export class RunLeases implements LeasePort {
  readonly #folder: string
  readonly #never: readonly string[]
  readonly #taken = new Map<string, KeptLease>()

  /** @param never root's list of what nothing is done to: the gate of execs keeps to it as well */
  constructor(folder: string, never: readonly string[] = []) {
    this.#folder = folder
    this.#never = never
  }

  take({ undo, untilMs, what }: { undo: Undone; untilMs: number; what: string }): string {
    if (!isKept(this.#folder))
      throw new Error(
        'nobody would end it: leases are kept by `lymph up`, which does not run on this state folder',
      )
    if (readLeases(this.#folder).length >= LEASES_LIMIT)
      throw new Error(
        `${LEASES_LIMIT} leases stand already, which is the most: wait, or take some back with lymph agent undo`,
      )
    const never = undo.kind === 'release-exec' ? { never: this.#never.slice(0, NEVER_LIMIT) } : {}
    const lease = { ...leaseOf(undo, untilMs, what), ...never }
    writeLease(this.#folder, lease)
    this.#taken.set(lease.id, lease)
    return lease.id
  }

  program(what: string, lastMs: number, looksAt?: { pid: number; startTicks: number }): ProgramLease {
    return ({ pid }) => {
      const startTicks = startTicksOf(pid)
      // It has ended already.
      if (startTicks === undefined) return () => {}
      const allMs = lastMs + PROGRAM_GRACE_MS
      const undo: Undone = { kind: 'end', pid, startTicks, lastMs: allMs, ...(looksAt ? { looksAt } : {}) }
      const { id } = writeLease(this.#folder, leaseOf(undo, Date.now() + allMs, `program ${pid}: ${what}`))
      return () => removeLease(this.#folder, id)
    }
  }

  held({ pid, startTicks }: { pid: number; startTicks: number }, kind: Undone['kind']): number | undefined {
    const of = ({ undo }: KeptLease) => ('back' in undo ? undo.back : [undo])
    return readLeases(this.#folder).find(
      (lease) =>
        lease.undo.kind === kind && of(lease).some((one) => one.pid === pid && one.startTicks === startTicks),
    )?.until
  }

  groupBefore({ pid, startTicks }: { pid: number; startTicks: number }): string | undefined {
    return readLeases(this.#folder)
      .flatMap(({ undo }) => (undo.kind === 'ungroup' ? undo.back : []))
      .find((one) => one.pid === pid && one.startTicks === startTicks)?.from
  }

  async enforced(id: string, signal: AbortSignal): Promise<string> {
    const from = Date.now()
    while (Date.now() - from < GATE_MS) {
      const word = readGate(this.#folder)
      if (word?.how === 'none' && word.at >= from) throw new Error(word.why)
      if (word?.leases.includes(id) && startTicksOf(word.pid) === word.startTicks)
        return word.how === 'lsm' ? 'BPF LSM' : `fanotify, as there is no BPF LSM: ${word.why}`
      if (!readLeases(this.#folder).some((lease) => lease.id === id))
        throw new Error('it was taken back meanwhile')
      await sleep(GATE_LOOK_MS, undefined, { signal })
    }
    throw new Error(`the gate of execs did not answer within ${GATE_MS / 1000} s: see what \`lymph up\` says`)
  }

  giveBack(id: string): void {
    endLease(this.#folder, id)
    this.#taken.delete(id)
  }

  /** The run is through: its leases last until their time from here on. */
  commit(): void {
    for (const lease of this.#taken.values()) {
      // One that has been taken back meanwhile stays so.
      if (!readLeases(this.#folder).some(({ id }) => id === lease.id)) continue
      writeLease(this.#folder, { ...lease, run: { ...lease.run, over: true } })
    }
    this.#taken.clear()
  }
}

const leaseOf = (undo: Undone, until: number, what: string): KeptLease => ({
  id: randomBytes(4).toString('hex'),
  what: what.slice(0, 4096),
  until,
  run: { pid: process.pid, startTicks: startTicksOf(process.pid) ?? 0, over: false },
  undo: undo as KeptLease['undo'],
})

/** Ends one before its time. False: it does not stand any more. */
export function endLease(folder: string, id: string): boolean {
  const lease = readLeases(folder).find((one) => one.id === id)
  if (!lease) return false
  takeBack(lease.undo, setPriority)
  removeLease(folder, id)
  return true
}
