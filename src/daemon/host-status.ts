import type { Host } from './host.ts'
import type { ProfileSaves } from './profiles/saves.ts'
import { version } from './version.ts'

/** `lymph status`: fields that docs/reference/api.md names. */
export function hostStatus(host: Host, saved: ReturnType<ProfileSaves['gauge']>): Record<string, unknown> {
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
    environment: host.environment?.status() ?? null,
    agent: host.agent.status(),
    notices: host.notices,
    ...(totals ? { totals } : {}),
  }
}
