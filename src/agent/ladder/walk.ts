/** The whole ladder as it would be walked from where a binary stands, for the rehearsal. Pure. */
import { type Climb, durationOf, type LadderTimes, nextStep, type Rung, rungs } from './ladder.ts'

export interface Walked {
  rung: Rung
  /** When it would be taken at the earliest, ms since the epoch: by the first run from then on. */
  at: number
  /** How long it would last, ms; 0: it is not taken back. */
  forMs: number
}

/** @param before,seenAt,now as for `nextStep`; from here on the binary stays abnormal */
export function walk(before: Climb | undefined, seenAt: number, times: LadderTimes, now: number): Walked[] {
  const { climb } = nextStep(before, seenAt, times, now)
  const last = rungs.indexOf(times.upto)
  const walked: Walked[] = []
  let at = climb.since
  for (let index = rungs.indexOf(climb.rung); index <= last; index++) {
    const rung = rungs[index] as Rung
    const forMs = durationOf(rung, times)
    // One that is over is not to come any more.
    if (at + forMs > now || index === last || forMs === 0) walked.push({ rung, at, forMs })
    // One that ended while the binary was quiet is followed by the next at once.
    at = Math.max(now, at + forMs)
  }
  return walked
}
