/** What every format tells of an incident beside the incident itself, and how its facts are worded. */
import { createHash } from 'node:crypto'
import { EMPTY, OUT_OF_RANGE, type Pair } from '#homeostasis'
import { type Abi, callName } from '#syscalls'
import type { Incident, Severity } from '../types.ts'
import { withinYears } from './text.ts'

export interface ExportContext {
  host: string
  /** PeerId in the mesh; '' where the host is in none. */
  peer: string
  version: string
  /** Of the kernel: `6.18.44`. */
  kernel: string
  /** ms since the epoch: when the message is made. */
  now: number
}

/** An incident as it is listed, of this version or one that has fewer facts. */
export type IncidentMore = Partial<Incident> &
  Omit<Incident, JudgedFact> & {
    tolerated?: string
  }

type JudgedFact = 'bits' | 'level' | 'parts' | 'windows' | 'edge' | 'm' | 'q' | 'units' | 'ordinals'

export const detectorName = 'ph_sequence_anomaly'

export const summaryOf = ({ binary, abi, window }: IncidentMore): string =>
  `Unseen system-call pairs in ${binary} (${abi}, window ${window})`

export function callText(abi: Abi, call: number): string {
  if (call === EMPTY) return '(start)'
  return call === OUT_OF_RANGE ? '(other)' : callName(abi, call)
}

/** `[current, distance, previous]` by name, as the reference mapping has it. */
export const namedPairs = (
  { abi, pairs }: Pick<IncidentMore, 'abi' | 'pairs'>,
  limit = 64,
): [string, number, string][] =>
  pairs
    .slice(0, limit)
    .map(({ current, previous, distance }: Pair) => [
      callText(abi, current),
      distance,
      callText(abi, previous),
    ])

/** Figures that some incidents carry and others do not; only finite numbers and texts. */
export function furtherFacts({
  bits,
  level,
  m,
  q,
  edge,
  tolerated,
}: IncidentMore): [name: string, value: number | string][] {
  const facts: [string, unknown][] = [
    ['bits', bits],
    ['level', level],
    ['m', m],
    ['q', q],
    ['edge', edge ? `${edge.parent} started ${edge.started}` : undefined],
    ['tolerated', tolerated],
  ]
  return facts.flatMap(([name, value]): [string, number | string][] =>
    typeof value === 'string' || (typeof value === 'number' && Number.isFinite(value)) ? [[name, value]] : [],
  )
}

/**
 * A UUID that is the same for the same text, in the form of version 7 (RFC 9562): its first 48 bits are a time, so that
 * ids sort by it; the rest is SHA-256 of the text in place of chance.
 */
export function uuidOf(ms: number, text: string): string {
  const time = withinYears(ms).toString(16).padStart(12, '0')
  const rest = createHash('sha256').update(text).digest('hex')
  const variant = (8 + (Number.parseInt(rest[3] as string, 16) & 3)).toString(16)
  return `${time.slice(0, 8)}-${time.slice(8)}-7${rest.slice(0, 3)}-${variant}${rest.slice(4, 7)}-${rest.slice(7, 19)}`
}

export const incidentUuid = (incident: IncidentMore, { host }: ExportContext): string =>
  uuidOf(incident.firstSeen, `incident\0${host}\0${incident.id}`)

/** 0 to 1: how sure the detector is. By severity, until hosts are asked; what all of them know is hardly one. */
export function confidenceOf({ severity, familiarity }: IncidentMore): number {
  const own: Record<Severity, number> = { notice: 0.3, incident: 0.6, severe: 0.9 }
  if (!familiarity || familiarity.asked <= 0) return own[severity]
  const unknown = 1 - Math.min(1, Math.max(0, familiarity.known / familiarity.asked))
  return Math.round(own[severity] * unknown * 100) / 100
}
