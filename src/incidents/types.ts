import type { ExecEdge, JudgementLevel, Pair, VerdictPart } from '#homeostasis'
import type { Abi } from '#syscalls'

export type IncidentState = 'open' | 'quiet' | 'resolved'
export type Severity = 'notice' | 'incident' | 'severe'

/** One part of what made a process odd, and its bits. Of `recurrence` those at which odd processes count as too many. */
export interface IncidentPart {
  part: VerdictPart
  bits: number
}

/** A window that spoke: the names of its calls, oldest first, and the place of the last in its unit, from 0. */
export interface IncidentWindow {
  part: VerdictPart
  call: number
  calls: string[]
}

/** Judged units of one incident that have evidence in common: a window, or a program that was started. */
export interface IncidentKind {
  /** Of its oddest unit, as in the incident. */
  bits: number
  level: Severity
  parts: IncidentPart[]
  /** The first that spoke, at most 6. */
  windows: IncidentWindow[]
  edge: ExecEdge | null
  units: number
  firstSeen: number
  lastSeen: number
}

/** One anomalous call, as a sensor tells it. */
export interface Anomaly {
  pid: number
  current: number
  /** The calls before it, nearest first. */
  previous: readonly number[]
  /** Bit d-1: the pair at distance d was not known. */
  missing: number
  lfc: number
  maxLfc: number
  /** Anomalous calls this stands for; 1, or more where events were lost and only their number is known. */
  calls?: number
}

/** What the anomaly was in. */
export interface AnomalousBinary {
  binary: string
  /** '' while it is not known. */
  sha256: string
  abi: Abi
  window: number
}

/** The anomalies of one binary on one host, grouped until quiet; what a person sees. Times in ms since the epoch. */
export interface Incident {
  id: string
  binary: string
  sha256: string
  abi: Abi
  window: number
  severity: Severity
  /** Anomalous calls. */
  anomalous: number
  maxLfc: number
  /** Distinct unseen pairs, at most 256; `pairsCut` counts those beyond. */
  pairs: Pair[]
  pairsCut: number
  /** Processes that showed them, at most 64 pids. */
  pids: number[]
  firstSeen: number
  lastSeen: number
  state: IncidentState
  /** Of its oddest process, a new edge included; null: nothing was judged, and the severity is by LFC. */
  bits: number | null
  /** The level of its oddest process. */
  level: JudgementLevel | null
  parts: IncidentPart[]
  /** The first that spoke, at most 12. */
  windows: IncidentWindow[]
  /** A program that this one had never started. */
  edge: ExecEdge | null
  /** Units the bits are counted by, and the share of them that had something new. */
  m: number | null
  q: number | null
  /** Bits of an incident then: 8, more for a program with many units a day; null as `bits`. */
  bar: number | null
  /** Judged processes in it (or parts of 16,384 calls), and their numbers in the profile: the last 64. */
  units: number
  ordinals: number[]
  /** What its odd units show that has nothing in common, at most 4: two attacks on one program are one incident of two kinds. */
  kinds: IncidentKind[]
  /** What the hosts that run the same file say of its pairs; absent: they were not asked, or not yet. */
  familiarity?: Familiarity
}

/** The fleet's word on an incident's pairs. */
export interface Familiarity {
  /** Peers that know the pair that fewest know, of those whose word counts. */
  known: number
  asked: number
  verdict: 'familiar' | 'unfamiliar' | 'not-asked-enough'
  /** When it was reached, ms since the epoch, and of how many of the incident's pairs. */
  at: number
  pairs: number
  /** Hashes of the pairs that too few know, under the mesh's secret: 16 hex digits each, at most 64. */
  unfamiliar: string[]
  /** Another host's incident on the same binary that holds most of them. */
  wave?: { host: string; peer: string }
  /** Listed, and the mesh is told once it is shown again (`fleet.page: recurring`). */
  waits?: true
  /** Peers whose own digest contradicts their answer: their word was not counted. */
  liars?: string[]
}

/** A unit (a process image, or 16,384 calls of one) that was judged. */
export interface JudgedUnit {
  pid: number
  /** `none`: what pH found in it is nothing unusual for this program. */
  level: Severity | 'none'
  /** J and what a new edge adds. */
  bits: number
  parts: IncidentPart[]
  windows: IncidentWindow[]
  edge: ExecEdge | undefined
  m: number
  q: number
  /** Bits from which on a unit of this program is an incident now. */
  bar: number
  /** Its number in the profile; undefined: it was not learned, and will not be. */
  ordinal: number | undefined
}
