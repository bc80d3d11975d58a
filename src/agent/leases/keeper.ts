/**
 * Keeps leases: looks twice a second, and takes back what has run out and what a run left that died. `lymph up` runs
 * it as a process of its own; when that one dies the keeper takes everything back, and the other way round.
 */
import { setPriority } from 'node:os'
import { isOrphan, type KeptLease, readLeases, removeLease, takeBack } from './file.ts'
import { continueLeftovers } from './gate-file.ts'

export interface Returned {
  id: string
  what: string
  why: 'over' | 'its run died' | 'its gate died' | 'all'
}

export class LeaseKeeper {
  readonly #folder: string

  constructor(folder: string) {
    this.#folder = folder
  }

  /** What is over at `now`, ms since the epoch. */
  sweep(now: number): Returned[] {
    return this.#return((lease) =>
      lease.until <= now ? 'over' : isOrphan(lease) ? 'its run died' : undefined,
    )
  }

  /** Those that the gate of execs enforced, which has died. */
  returnExecs(): Returned[] {
    return this.#return(({ undo }) => (undo.kind === 'release-exec' ? 'its gate died' : undefined))
  }

  /**
   * Everything, whatever is left of it; and whom a gate of execs left waiting goes on. A program that a living run waits for
   * is that run's: nobody is held by it.
   */
  returnAll(): Returned[] {
    const returned = this.#return((lease) => {
      if (lease.undo.kind !== 'end') return 'all'
      return isOrphan(lease) ? 'its run died' : undefined
    })
    continueLeftovers(this.#folder)
    return returned
  }

  #return(why: (lease: KeptLease) => Returned['why'] | undefined): Returned[] {
    const returned: Returned[] = []
    for (const lease of readLeases(this.#folder)) {
      const reason = why(lease)
      if (reason === undefined) continue
      takeBack(lease.undo, setPriority)
      removeLease(this.#folder, lease.id)
      returned.push({ id: lease.id, what: lease.what, why: reason })
    }
    return returned
  }
}
