/** An incident while it is open, and what it is told apart by. */
import { type Pair, pairCode } from '#homeostasis'
import { severityNow } from './judged.ts'
import { copyOfKind } from './kinds.ts'
import { higher, severityOf } from './severity.ts'
import type { AnomalousBinary, Anomaly, Incident } from './types.ts'

/** An open incident. */
export interface Held {
  incident: Incident
  codes: Set<number>
  /** Processes that pH found anomalies in, and that were not judged yet. */
  waiting: Set<number>
}

export const heldOf = (incident: Incident): Held => ({
  incident,
  codes: new Set(incident.pairs.map(codeOf)),
  waiting: new Set(),
})

export const groupOf = (of: Pick<AnomalousBinary, 'binary' | 'sha256' | 'abi'>): string =>
  `${of.binary}\0${of.sha256}\0${of.abi}`

/** Gives it the severity it has now; tells whether it rose. */
export function rated({ incident, waiting }: Held): boolean {
  const byLfc = severityOf(incident.maxLfc, incident.window)
  const before = incident.severity
  incident.severity = severityNow(incident, byLfc, waiting.size > 0)
  return higher(incident.severity, before)
}

export const codeOf = (pair: Pair): number => pairCode(pair.current, pair.previous, pair.distance)

export function* pairsOf({ current, previous, missing }: Anomaly): Generator<Pair> {
  for (const [index, call] of previous.entries())
    if ((missing >> index) & 1) yield { current, previous: call, distance: index + 1 }
}

export const copyOf = (incident: Incident): Incident => ({
  ...incident,
  pairs: [...incident.pairs],
  pids: [...incident.pids],
  parts: [...incident.parts],
  windows: [...incident.windows],
  ordinals: [...incident.ordinals],
  kinds: incident.kinds.map(copyOfKind),
})
