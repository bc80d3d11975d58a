/**
 * Why an incident is one, and what was done: its unseen pairs by name with the nearest that are known, what the profile
 * was, and what the policy did or did not do. Pure.
 */
import type { Pair, PairTable } from '#homeostasis'
import { callText } from './formats/context.ts'
import type { JournalRecord } from './journal/record.ts'
import type { Tolerance } from './tolerance.ts'
import type { Incident } from './types.ts'

/** Names listed for one unseen pair. */
const namesLimit = 8

export interface ExplainedPair {
  current: string
  previous: string
  distance: number
  /** Distances at which the same two calls are known. */
  otherDistances: number[]
  /** Calls known that far before this one, at most 8; `othersCut` counts the rest. */
  otherPrevious: string[]
  othersCut: number
  /** The program was never seen to make this call at all. */
  newCall: boolean
}

/** The profile as it is now. */
export interface ExplainedProfile {
  state: string
  calls: number
  pairs: number
  /** Calls since the last new pair: how quiet it is. */
  quietCalls: number
  response: string
  /** Something of this program is tolerated until then, ms since the epoch, and nothing of it is delayed; 0: nothing is. */
  toleratedUntil: number
}

export interface Explanation {
  incident: Incident
  pairs: ExplainedPair[]
  /** Undefined: the profile is not here any more, and what was near is not known. */
  profile: ExplainedProfile | undefined
  tolerance: Tolerance | undefined
  /** Records of the journal about it, oldest first. */
  history: JournalRecord[]
  /** What the policy did and did not do, in sentences. */
  deeds: string[]
}

export interface ExplainSources {
  table: PairTable | undefined
  profile: ExplainedProfile | undefined
  tolerance: Tolerance | undefined
  history: JournalRecord[]
}

function explainPair(pair: Pair, { abi, window }: Incident, table: PairTable | undefined): ExplainedPair {
  const { current, previous, distance } = pair
  const name = (call: number) => callText(abi, call)
  const said = { current: name(current), previous: name(previous), distance }
  if (!table) return { ...said, otherDistances: [], otherPrevious: [], othersCut: 0, newCall: false }
  const otherDistances: number[] = []
  for (let d = 1; d < window; d++)
    if (d !== distance && table.has(current, previous, d)) otherDistances.push(d)
  const others: number[] = []
  let known = false
  for (let call = 0; call < table.width; call++) {
    const bits = table.bits(current, call)
    if (bits === 0) continue
    known = true
    if (call !== previous && (bits >> (distance - 1)) & 1) others.push(call)
  }
  return {
    ...said,
    otherDistances,
    otherPrevious: others.slice(0, namesLimit).map(name),
    othersCut: Math.max(0, others.length - namesLimit),
    newCall: !known,
  }
}

function deedsOf(history: readonly JournalRecord[], { tolerance, profile }: ExplainSources): string[] {
  const deeds = history.flatMap((record) => {
    if (record.kind !== 'action') return []
    const { verb, subject, outcome, promise, why } = record
    const by = promise ? ` (${promise})` : ''
    const end = record.until ? `, until ${new Date(record.until).toISOString()}` : ''
    return [`${verb} ${subject}: ${outcome}${end}${why ? `: ${why}` : ''}${by}`]
  })
  if (tolerance)
    deeds.push(
      `nothing more is done: tolerated by ${tolerance.by} until ${new Date(tolerance.until).toISOString()}: ${tolerance.reason}`,
    )
  else if (deeds.length === 0) deeds.push('no policy did anything: none that ran names its class or program')
  const wasDelayed = history.some(
    (one) => one.kind === 'action' && one.verb === 'delay' && one.outcome === 'done',
  )
  const not = wasDelayed ? 'it is not delayed now' : 'it was not delayed'
  if (profile && profile.toleratedUntil > 0 && !tolerance)
    deeds.push(
      `${not}: something else of this program is tolerated until ${new Date(profile.toleratedUntil).toISOString()}, and the kernel, which delays, cannot tell what`,
    )
  else if (profile && profile.response === 'ignore' && !tolerance)
    deeds.push(`${not}: the response of this binary is ignore (lymph profile delay BINARY changes it)`)
  return deeds
}

export function explainIncident(incident: Incident, sources: ExplainSources): Explanation {
  const { profile, tolerance, history, table } = sources
  return {
    incident,
    pairs: incident.pairs.map((pair) => explainPair(pair, incident, table)),
    ...{ profile, tolerance, history, deeds: deedsOf(history, sources) },
  }
}

/** Whether a record of the journal is about an incident. */
export function isAbout(record: JournalRecord, id: string): boolean {
  if (record.kind === 'incident') return record.incident.id === id
  if (record.kind === 'action' || record.kind === 'evidence') return record.incident === id
  return record.kind === 'tolerance' && record.tolerance.incident === id
}
