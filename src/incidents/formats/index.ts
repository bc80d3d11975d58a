/** Incidents in the formats others read. Pure: text in, text out. */
import type { ExportContext, IncidentMore } from './context.ts'
import { toIdmef } from './idmef.ts'
import { toIdmefV2 } from './idmefv2.ts'
import { toOcsf } from './ocsf.ts'
import { toSyslog } from './syslog.ts'

export * from './context.ts'
export { ntpStamp, toIdmef } from './idmef.ts'
export { toIdmefV2 } from './idmefv2.ts'
export { toOcsf } from './ocsf.ts'
export { toSyslog } from './syslog.ts'
export { visible } from './text.ts'

export const exportFormats = ['json', 'idmef', 'idmefv2', 'ocsf', 'syslog'] as const
export type ExportFormat = (typeof exportFormats)[number]

const lines = <T>(all: readonly T[], lineOf: (one: T) => string): string =>
  all.map((one) => `${lineOf(one)}\n`).join('')

/** `idmef` is one XML document; the others are a line an incident. */
export function exportIncidents(
  format: ExportFormat,
  incidents: readonly IncidentMore[],
  context: ExportContext,
): string {
  switch (format) {
    case 'idmef':
      return toIdmef(incidents, context)
    case 'idmefv2':
      return lines(incidents, (one) => JSON.stringify(toIdmefV2(one, context)))
    case 'ocsf':
      return lines(incidents, (one) => JSON.stringify(toOcsf(one, context)))
    case 'syslog':
      return lines(incidents, (one) => toSyslog(one, context))
    case 'json':
      return lines(incidents, (one) =>
        JSON.stringify({ host: context.host, ...(context.peer ? { peer: context.peer } : {}), ...one }),
      )
  }
}
