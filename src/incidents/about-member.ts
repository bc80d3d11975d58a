/** Semaphores about a member that whoever misses something of it raises, since it would not itself. */
import type { Warning } from './warnings.ts'

/** A host of the mesh that is not heard any more: a semaphore that nobody can raise for it, so whoever misses it does. */
export const SILENT_KIND = 'member_silent'

/** Of a member of the mesh; `lastHeard` in ms since the epoch, 0 for never. */
export interface Missed {
  name: string
  peer: string
  lastHeard: number
}

/** As long as it stays silent, it stands: `expires` is a day from now. The subject is the host. */
export function silentWarning({ name, peer, lastHeard }: Missed, now: number): Warning {
  return {
    ...{ host: name, peer, about: 'host', kind: SILENT_KIND, subject: name, severity: 'notice' },
    ...{ raised: lastHeard > 0 ? lastHeard : now, expires: now + 86_400_000 },
    ...{ state: 'standing', corroborated: 0, corroboratedBy: [], detail: 'it is not heard any more' },
  }
}

/** A host told of a journal shorter than the one it had told of, or of another: somebody cut it, or put an old state back. */
export const JOURNAL_CUT_KIND = 'journal_cut'

/** Of a member of the mesh; `journalCut` in ms since the epoch. It stands for `standsMs` from then. */
export function journalCutWarning(
  { name, peer, journalCut = 0 }: { name: string; peer: string; journalCut?: number },
  now: number,
  standsMs: number,
): Warning {
  const raised = journalCut > 0 ? journalCut : now
  const detail = 'its journal is shorter than it was: lymph incident verify on that host shows where'
  return {
    ...{ host: name, peer, about: 'host', kind: JOURNAL_CUT_KIND, subject: name, severity: 'severe' },
    ...{ raised, expires: raised + standsMs, state: 'standing', corroborated: 0, corroboratedBy: [], detail },
  }
}
