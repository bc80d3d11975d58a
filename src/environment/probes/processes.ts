import { readdirSync, statSync } from 'node:fs'
import { reason } from './errors.ts'
import { Draft, unreadable } from './reading.ts'
import type { Moment, Places, Probe, Reading } from './types.ts'

const names = 'users, rootprocs, otherprocs'

/**
 * Who runs how much, as `ps -e` counts it, kernel threads included. The owner of /proc/PID is the effective user of the
 * process (proc_pid_make_inode: never that of a process which may not be dumped, for the folder itself).
 */
export class ProcessProbe implements Probe {
  readonly name = 'processes'
  readonly #proc: string

  constructor({ proc }: Places) {
    this.#proc = proc
  }

  read(_now: Moment): Reading {
    const draft = new Draft()
    let entries: string[]
    try {
      entries = readdirSync(this.#proc)
    } catch (error) {
      draft.problem(this.#proc, unreadable(this.#proc, reason(error), names))
      return draft
    }
    const users = new Set<number>()
    let root = 0
    let others = 0
    let init = false
    for (const entry of entries) {
      const first = entry.charCodeAt(0)
      if (first < 0x30 || first > 0x39) continue
      const uid = ownerOf(`${this.#proc}/${entry}`)
      // Gone since the folder was listed.
      if (uid === undefined) continue
      if (entry === '1') init = true
      users.add(uid)
      if (uid === 0) root++
      else others++
    }
    if (!init) {
      draft.problem(
        this.#proc,
        `${this.#proc}: process 1 cannot be seen (mounted with hidepid, or not a /proc): no value for ${names}; mount it with hidepid=0 or gid=GROUP of the daemon`,
      )
      return draft
    }
    draft.put('users', users.size)
    draft.put('rootprocs', root)
    draft.put('otherprocs', others)
    draft.put('userprocs', others)
    return draft
  }
}

function ownerOf(path: string): number | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false })?.uid
  } catch {
    return undefined
  }
}
