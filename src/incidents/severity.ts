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

export function higher(a: Severity, b: Severity): boolean {
  return order[a] > order[b]
}
