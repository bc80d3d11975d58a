/** What the API answers (docs/reference/api.md). What is optional here, the daemon may leave out. */
import type { FigureRow, HostReport, ObservableRow } from '#environment'
import type { FleetBinary } from '#fleet'
import type { Incident, Warning } from '#incidents'
import type { Member, MeshStatus } from '#mesh'
import type { Abi } from '#syscalls'

export interface Status {
  host: string
  sensor: 'kernel' | 'ptrace' | 'none'
  seen: number
  lost: number
  profiles: { learning: number; frozen: number; normal: number }
  classes: number
  incidents: number
  mesh: { id: string; members: number; connected: number } | null
  fleet?: {
    placement: string
    neighbours: number
    digests: { digests: number }
    inventory: { rows: number }
  } | null
  environment?: { observables: number; odd: number } | null
  skipped?: number
  version?: string
  since?: number
  /** Why the sensor is not the kernel's, and other things a person should know. */
  notices?: string[]
}

export interface ProcessLine {
  pid: number
  binary: string
  abi: Abi
  calls: number
  lfc: number
  maxLfc: number
  state: string
  delayedMs: number
}

export interface ProfileLine {
  binary: string
  sha256: string
  abi: Abi
  window: number
  state: 'learning' | 'frozen' | 'normal'
  calls: number
  pairs: number
  sinceChange: number
  anomalies: number
  response: 'ignore' | 'delay'
  /** Something of it is tolerated until then, ms since the epoch, and none of it is delayed; 0: nothing is. */
  toleratedUntil?: number
  [more: string]: unknown
}

export interface ClassLine {
  name: string
  source: string
  since: number
  until: number
}

type Judged =
  | 'bits'
  | 'level'
  | 'parts'
  | 'windows'
  | 'edge'
  | 'm'
  | 'q'
  | 'bar'
  | 'units'
  | 'ordinals'
  | 'kinds'

export type IncidentLine = Omit<Incident, Judged> &
  Partial<Pick<Incident, Judged>> & {
    /** Id of the tolerance that excuses it now. */
    tolerated?: string
  }

export type WarningLine = Warning

export type MemberLine = Pick<
  Member,
  'name' | 'peer' | 'state' | 'lastHeard' | 'certificateExpires' | 'version' | 'skewMs'
> &
  Partial<Pick<Member, 'connected' | 'addresses' | 'tags'>> & {
    /** What this host refused of what the member said, by reason. */
    refused?: Record<string, number>
  }

export type MeshLine = MeshStatus

export type FleetLine = FleetBinary

export type EnvironmentReport = HostReport & { row: ObservableRow }

export interface WeekAnswer {
  rows: FigureRow[]
  zone: string
}
