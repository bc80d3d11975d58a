import { subjectOf } from '#classes'
import { EMPTY, LEVEL_BITS, OUT_OF_RANGE, type Pair } from '#homeostasis'
import { type Abi, callName } from '#syscalls'
import type { Incident, IncidentPart } from './types.ts'

/** Unseen pairs named in a line; the rest is counted. */
const named = 4

function nameOf(abi: Abi, call: number): string {
  if (call === EMPTY) return '(start)'
  return call === OUT_OF_RANGE ? '(other)' : callName(abi, call)
}

const pairText = (abi: Abi, { current, previous, distance }: Pair): string =>
  `${nameOf(abi, current)} ${distance} after ${nameOf(abi, previous)}`

/** One line for the log of an incident that opened, got worse or ended. pH's own lines tell of single calls. */
export function incidentMessage(
  incident: Incident,
  change: 'opened' | 'rose' | 'quiet' | 'resolved',
): string {
  const { parts, m, q, edge, windows } = incident
  const { id, binary, abi, severity, anomalous, maxLfc, pairs, pairsCut, pids } = incident
  const what = change === 'rose' ? `is ${severity} now` : change === 'quiet' ? 'has become quiet' : change
  const shown = pairs.slice(0, named).map((pair) => pairText(abi, pair))
  const more = pairs.length - shown.length + pairsCut
  const unseen =
    shown.length === 0 ? '' : `; unseen: ${shown.join(', ')}${more > 0 ? ` and ${more} more` : ''}`
  const processes = pids.length === 1 ? `PID ${pids[0]}` : `${pids.length} processes`
  const calls = anomalous === 1 ? '1 anomalous call' : `${anomalous} anomalous calls`
  const judged =
    incident.bits === null
      ? ''
      : `; ${bitsText(incident.bits)} bits: ${parts.map(partText).join(', ')} (m ${m}, q ${(q ?? 0).toFixed(2)}${barText(incident.bar)})`
  const started = edge ? `; it never started ${subjectOf(edge.started)} before` : ''
  const [first] = windows
  const window = first ? `; ${first.part.toUpperCase()} at call ${first.call}: ${first.calls.join(' ')}` : ''
  return `Incident ${id} ${what} (${severity}): ${subjectOf(binary)}, ${calls}, LFC ${maxLfc}, ${processes}${judged}${started}${window}${unseen}`
}

/** Of a busy program, or 13 bits that are a notice would be a riddle. */
const barText = (bar: number | null) =>
  bar === null || bar <= LEVEL_BITS.incident ? '' : `, an incident from ${bitsText(bar)}`

const bitsText = (bits: number): string => bits.toFixed(1)

/** `N 9.2`, `edge`: what spoke, with its own bits. */
export function partText({ part, bits }: IncidentPart): string {
  return part === 'edge' || part === 'recurrence' ? part : `${part.toUpperCase()} ${bitsText(bits)}`
}
