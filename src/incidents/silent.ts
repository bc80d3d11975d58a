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
  const nothing = { sha256: '', abi: 'x86-64', window: 2, anomalous: 0, maxLfc: 0, pairs: [] } as const
  return {
    ...{ host: name, peer, kind: SILENT_KIND, subject: name, severity: 'notice', state: 'standing' },
    ...{ raised: lastHeard > 0 ? lastHeard : now, expires: now + 86_400_000, corroborated: 0 },
    ...{ ...nothing, pairs: [] },
  }
}
