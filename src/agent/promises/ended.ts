/** Offenders that a detector handed over and that are there no more: they are named, and nothing is done for them. */

import type { Offender } from './offenders.ts'
import type { DetectorName } from './processes/filter.ts'
import { offence } from './processes/filter.ts'
import type { World } from './world.ts'

export interface Ended extends Offender {
  /** ms since the epoch; undefined: some time before this run looked. */
  endedAt?: number | undefined
}

/** Those of these detectors that nobody tolerates, oldest first. */
export function endedOffenders(
  detectors: readonly DetectorName[],
  { offenders, ended, processes }: Pick<World, 'offenders' | 'ended' | 'processes'>,
): Ended[] {
  if (detectors.length === 0) return []
  const running = processes()
  const gone = (list: readonly Offender[]): Ended[] =>
    list.filter((one) => !running.some((process) => offence(process, [one])))
  const found = [
    ...(detectors.includes('ph_sequence') ? [...ended, ...gone(offenders.ph_sequence)] : []),
    ...(detectors.includes('ph_load') ? gone(offenders.ph_load) : []),
  ]
  return found.filter(({ tolerated }) => !tolerated).sort((a, b) => a.seenAt - b.seenAt)
}

/** Binary, pid, when and why, in a sentence. */
export function endedText({ binary, pid, seenAt, endedAt, lfc, incident }: Ended): string {
  const when =
    endedAt === undefined ? 'has ended or runs another program' : `ended ${new Date(endedAt).toISOString()}`
  const seen = `seen last ${new Date(seenAt).toISOString()}`
  const why = lfc > 0 ? `LFC ${lfc}` : 'made too many or too few system calls'
  return `${binary} (${pid}) ${when}: ${why}, ${seen}${incident ? `, incident ${incident}` : ''}`
}
