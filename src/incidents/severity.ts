import type { Severity } from './types.ts'

/** LFC from which an incident is severe: pH's default anomaly limit (0.18). */
export const SEVERE_LFC = 30

/**
 * Thin on purpose, by LFC alone. One foreign call is in `window` windows and makes LFC rise to `window`: so much is
 * "one new thing", a notice. More is an incident; from `SEVERE_LFC` on, a process most of whose calls are foreign.
 */
export function severityOf(maxLfc: number, window: number): Severity {
  if (maxLfc >= SEVERE_LFC) return 'severe'
  return maxLfc > window ? 'incident' : 'notice'
}

const order: Record<Severity, number> = { notice: 0, incident: 1, severe: 2 }

/** How heavy a semaphore is on the mesh, 1 to 9: where much has to be made up for, the severe comes first. */
export const weightOf = (severity: Severity): number => ({ notice: 1, incident: 5, severe: 9 })[severity]

export function higher(a: Severity, b: Severity): boolean {
  return order[a] > order[b]
}
