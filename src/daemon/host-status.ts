import type { Sensor } from '#sensor'
import type { AgentLink } from './agent/link.ts'
import type { EnvironmentLink } from './environment/link.ts'
import type { FleetLink } from './fleet/link.ts'
import type { IncidentLink } from './incidents/link.ts'
import type { MeshLink } from './mesh/link.ts'
import type { Detector } from './profiles/detector.ts'
import type { Operator } from './profiles/operator.ts'
import type { ProfileSaves } from './profiles/saves.ts'
import { version } from './version.ts'

/** The parts of a host that its status is read from. */
export interface StatusParts {
  readonly name: string
  /** ms since the epoch */
  readonly since: number
  readonly sensor: Sensor | undefined
  readonly detector: Detector | undefined
  readonly operator: Operator
  readonly incidents: IncidentLink
  readonly mesh: MeshLink
  readonly fleet: Pick<FleetLink, 'status'>
  readonly environment: EnvironmentLink | undefined
  readonly agent: AgentLink
  readonly notices: readonly string[]
  classList(): unknown[]
}

/** `lymph status`: fields that docs/reference/api.md names. */
export function hostStatus(
  host: StatusParts,
  saved: ReturnType<ProfileSaves['gauge']>,
): Record<string, unknown> {
  const profiles = { learning: 0, frozen: 0, normal: 0 }
  for (const { state } of host.operator.rows()) profiles[state]++
  const totals = host.detector?.totals
  return {
    host: host.name,
    version,
    since: host.since,
    sensor: host.sensor?.kind ?? 'none',
    seen: totals?.seen ?? 0,
    processed: totals?.processed ?? 0,
    skipped: totals?.skipped ?? 0,
    lost: totals?.lost ?? 0,
    profiles,
    saved,
    classes: host.classList().length,
    incidents: host.incidents.open().length,
    mesh: host.mesh.status(),
    fleet: host.fleet.status(),
    environment: host.environment?.status() ?? null,
    agent: host.agent.status(),
    notices: host.notices,
    ...(totals ? { totals } : {}),
  }
}
