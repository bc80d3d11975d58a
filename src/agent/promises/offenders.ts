/** Who the detectors hand over to the policy: the lists of the paper's modification of cfengine. */

/** A process that a detector found abnormal, as the daemon tells it: not trusted, checked against the host before use. */
export interface Offender {
  pid: number
  /** Path of its executable. */
  binary: string
  /** ms since the epoch; a process that began later is another one with the same number. */
  seenAt: number
  /** Locality frame count; 0 where the detector has none (`ph_load`). */
  lfc: number
  /** The incident it belongs to; '' where there is none. */
  incident: string
  /** An operator tolerates it: nothing is done to it. */
  tolerated: boolean
}

/** The detectors' lists, by the names of their filters. */
export interface Offenders {
  ph_sequence: readonly Offender[]
  ph_load: readonly Offender[]
}
