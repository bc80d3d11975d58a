/** How execs would be held on this host, and why not better: what `lymph doctor` says, found out by trying. Root. */
import { ExecGate, whyNoLsm } from '#sensor/exec-gate'
import { permissionEvents } from './fanotify.ts'
import type { GateKind } from './gate-file.ts'

/** `why`: why it is not a better way; '' for the best. */
export interface ExecGateFinding {
  how: GateKind
  why: string
}

export function inspectExecGate(): ExecGateFinding {
  const noLsm = tried(whyNoLsm, () => {
    new ExecGate().close()
    return undefined
  })
  if (noLsm === undefined) return { how: 'lsm', why: '' }
  const none = tried(permissionEvents)
  return none === undefined ? { how: 'fanotify', why: noLsm } : { how: 'none', why: `${noLsm}; ${none}` }
}

/** The first reason that one of them gives, or fails with. */
function tried(...steps: (() => string | undefined)[]): string | undefined {
  for (const step of steps)
    try {
      const why = step()
      if (why) return why
    } catch (error) {
      return (error as Error).message
    }
  return undefined
}
