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
