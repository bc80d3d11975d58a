/** What the judgement of one process adds to an incident. */
import type { VerdictPart } from '#homeostasis'
import { addEvidence, addToKind } from './kinds.ts'
import { higher } from './severity.ts'
import type { Incident, IncidentPart, JudgedUnit, Severity } from './types.ts'

export const windowsLimit = 12
/** Units by number: as many as wait to be learned. */
export const ordinalsLimit = 64

/** An incident that nothing was judged of. */
export const unjudged = (): Pick<
  Incident,
  'bits' | 'level' | 'parts' | 'windows' | 'edge' | 'm' | 'q' | 'bar' | 'units' | 'ordinals' | 'kinds'
> => ({
  bits: null,
  level: null,
  parts: [],
  windows: [],
  edge: null,
  m: null,
  q: null,
  bar: null,
  units: 0,
  ordinals: [],
  kinds: [],
})

const partOrder: readonly VerdictPart[] = ['n', 'r', 's', 'edge', 'recurrence']
const rank = (level: Severity | 'none' | null): number =>
  level === null ? -1 : ['none', 'notice', 'incident', 'severe'].indexOf(level)

/** Takes a unit in: the oddest one gives bits and parts, each brings what it has of windows. */
export function addUnit(incident: Incident, unit: JudgedUnit, now: number): void {
  addToKind(incident, unit, now)
  incident.units++
  if (incident.bits === null || unit.bits > incident.bits) {
    Object.assign(incident, { bits: unit.bits, parts: unit.parts, m: unit.m, q: unit.q, bar: unit.bar })
  } else if (unit.parts.some(({ part }) => part === 'recurrence'))
    incident.parts = merged(incident.parts, unit.parts)
  if (rank(unit.level) > rank(incident.level)) incident.level = unit.level
  addEvidence(incident, unit, windowsLimit)
  if (unit.ordinal !== undefined) {
    incident.ordinals.push(unit.ordinal)
    if (incident.ordinals.length > ordinalsLimit) incident.ordinals.shift()
  }
}

function merged(parts: readonly IncidentPart[], more: readonly IncidentPart[]): IncidentPart[] {
  const by = new Map([...more, ...parts].map((one) => [one.part, one]))
  return partOrder.flatMap((part) => by.get(part) ?? [])
}

/**
 * By bits where there is a judgement; by LFC where there is none, and while a process that pH found anomalies in has
 * not been judged.
 */
export function severityNow(incident: Incident, byLfc: Severity, waiting: boolean): Severity {
  if (incident.level === null) return byLfc
  const byBits = incident.level === 'none' ? 'notice' : incident.level
  return waiting && higher(byLfc, byBits) ? byLfc : byBits
}
