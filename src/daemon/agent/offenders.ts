/** Who was abnormal since an agent run last dealt with it: the list that the 2003 paper's detector hands to its agent. */

export interface SequenceOffender {
  pid: number
  binary: string
  /** Its newest anomaly, ms since the epoch. */
  seenAt: number
  /** The highest since it came on the list. */
  lfc: number
  incident: string
}

/** Processes on the list at most; the one that was quiet longest makes room. */
export const OFFENDERS_LIMIT = 4096
/** Of those that have ended, the newest are named. */
export const ENDED_LIMIT = 256

export interface EndedOffender extends SequenceOffender {
  /** ms since the epoch. */
  endedAt: number
}

export class OffenderList {
  /** By pid; the newest is last. */
  readonly #list = new Map<number, SequenceOffender>()
  #ended: EndedOffender[] = []
  dropped = 0
  /** Of those that had ended. */
  endedDropped = 0

  saw(offender: SequenceOffender): void {
    const { pid, binary } = offender
    const before = this.#list.get(pid)
    if (before && before.binary === binary) {
      before.lfc = Math.max(before.lfc, offender.lfc)
      before.seenAt = offender.seenAt
      before.incident = offender.incident
      return
    }
    this.#list.delete(pid)
    this.#list.set(pid, { ...offender })
    if (this.#list.size <= OFFENDERS_LIMIT) return
    let quietest: SequenceOffender | undefined
    for (const one of this.#list.values()) if (!quietest || one.seenAt < quietest.seenAt) quietest = one
    if (!quietest) return
    this.#list.delete(quietest.pid)
    this.dropped++
  }

  /** Nothing can be done to it any more; a run names it. */
  ended(pid: number, endedAt: number): void {
    const offender = this.#list.get(pid)
    if (!offender) return
    this.#list.delete(pid)
    this.#ended.push({ ...offender, endedAt })
    if (this.#ended.length <= ENDED_LIMIT) return
    this.#ended.shift()
    this.endedDropped++
  }

  /** A run has dealt with everything up to then. */
  dealt(upTo: number): void {
    for (const [pid, { seenAt }] of this.#list) if (seenAt <= upTo) this.#list.delete(pid)
    this.#ended = this.#ended.filter(({ seenAt }) => seenAt > upTo)
  }

  /** Who has ended since a run dealt with the list, oldest first. */
  over(): EndedOffender[] {
    return this.#ended
  }

  all(): SequenceOffender[] {
    return [...this.#list.values()]
  }
}
