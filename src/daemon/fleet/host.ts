/** What the fleet's side of the daemon needs of its host. */
import type { ClassBoard } from '#classes'
import type { Sensor } from '#sensor'
import type { Followers } from '../followers.ts'
import type { IncidentLink } from '../incidents/link.ts'
import type { HostRecords } from '../incidents/records.ts'
import type { MeshLink } from '../mesh/link.ts'
import type { Detector } from '../profiles/detector.ts'
import type { Operator } from '../profiles/operator.ts'
import type { DaemonSettings } from '../settings.ts'

export interface FleetHost {
  /** ms since the epoch. */
  readonly now: () => number
  /** When it started. */
  readonly since: number
  readonly settings: DaemonSettings
  readonly operator: Operator
  readonly sensor: Sensor | undefined
  readonly detector: Detector | undefined
  readonly incidents: IncidentLink
  readonly records: HostRecords
  readonly classes: ClassBoard
  readonly mesh: MeshLink
  readonly meshName: string
  readonly followEvents: Followers
}
