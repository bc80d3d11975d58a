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

export class OffenderList {
  /** By pid; the newest is last. */
  readonly #list = new Map<number, SequenceOffender>()
  dropped = 0

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

  ended(pid: number): void {
    this.#list.delete(pid)
  }

  /** A run has dealt with everything up to then. */
  dealt(upTo: number): void {
    for (const [pid, { seenAt }] of this.#list) if (seenAt <= upTo) this.#list.delete(pid)
  }

  all(): SequenceOffender[] {
    return [...this.#list.values()]
  }
}
