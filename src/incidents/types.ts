import type { Pair } from '#homeostasis'
import type { Abi } from '#syscalls'

export type IncidentState = 'open' | 'quiet' | 'resolved'
export type Severity = 'notice' | 'incident' | 'severe'

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
}
