/** What an incident shows of different kinds: units whose evidence has nothing in common are told apart in it. */
import type { Incident, IncidentKind, IncidentWindow, JudgedUnit } from './types.ts'

/** Kinds told apart in one incident; what is of none of them is of the last. */
export const kindsLimit = 4
const windowsOfKind = 6

export const windowName = ({ part, calls }: IncidentWindow): string => `${part} ${calls.join(' ')}`

/** A unit is of the kind that it has a window or an edge in common with; of a new one where there is none. */
export function addToKind(incident: Incident, unit: JudgedUnit, now: number): void {
  if (unit.level === 'none' || (unit.windows.length === 0 && !unit.edge)) return
  const kind =
    incident.kinds.find((one) => shared(one, unit)) ??
    (incident.kinds.length < kindsLimit ? begun(incident, now) : incident.kinds.at(-1)!)
  kind.units++
  kind.lastSeen = Math.max(kind.lastSeen, now)
  if (unit.bits > kind.bits || kind.units === 1)
    Object.assign(kind, { bits: unit.bits, level: unit.level, parts: unit.parts })
  addEvidence(kind, unit, windowsOfKind)
}

/** What a unit shows beside its bits: the first edge, and windows that are not there yet, up to so many. */
export function addEvidence(
  to: Pick<IncidentKind, 'edge' | 'windows'>,
  unit: Pick<JudgedUnit, 'edge' | 'windows'>,
  windowsMost: number,
): void {
  to.edge ??= unit.edge ?? null
  const known = new Set(to.windows.map(windowName))
  for (const window of unit.windows)
    if (to.windows.length < windowsMost && !known.has(windowName(window))) {
      known.add(windowName(window))
      to.windows.push(window)
    }
}

function shared({ windows, edge }: IncidentKind, unit: JudgedUnit): boolean {
  if (edge && unit.edge && edge.parent === unit.edge.parent && edge.started === unit.edge.started) return true
  const known = new Set(windows.map(windowName))
  return unit.windows.some((window) => known.has(windowName(window)))
}

function begun(incident: Incident, now: number): IncidentKind {
  const kind: IncidentKind = {
    ...{ bits: 0, level: 'notice', parts: [], windows: [], edge: null, units: 0 },
    ...{ firstSeen: now, lastSeen: now },
  }
  incident.kinds.push(kind)
  return kind
}

export const copyOfKind = (kind: IncidentKind): IncidentKind => ({
  ...kind,
  parts: [...kind.parts],
  windows: [...kind.windows],
})
