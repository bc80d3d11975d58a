/** `lymph incident export`: incidents in the formats others read. */
import { writeFileSync } from 'node:fs'
import { release } from 'node:os'
import { Command, Option } from 'commander'
import { type ExportFormat, exportFormats, exportIncidents } from '#incidents'
import { contextOf } from '../context.ts'
import { CommandError, exitCodes, reasonOf } from '../errors.ts'
import { plural } from '../format.ts'
import type { IncidentLine, MemberLine, Status } from '../shapes.ts'
import { parseWhen } from './when.ts'

interface ExportOptions {
  format: ExportFormat
  since?: string
  output?: string
}

/** This host's name among the members of its mesh; '' where it is in none. */
async function peerOf(api: { get<T>(path: string): Promise<T> }, status: Status): Promise<string> {
  if (!status.mesh) return ''
  const members = await api.get<MemberLine[]>('/mesh/members')
  return members.find(({ name }) => name === status.host)?.peer ?? ''
}

export function exportCommand(): Command {
  return new Command('export')
    .description('Incidents, oldest first: a line each, or one XML document with IDMEF.')
    .addOption(
      new Option(
        '--format <format>',
        'IDMEF is RFC 4765, syslog RFC 5424, OCSF 1.8 class 2004, IDMEFv2 draft 08',
      )
        .choices(exportFormats)
        .default('json'),
    )
    .option('--since <when>', 'only those seen last after then: 24h, 7d, or a date as 2026-12-01')
    .option('--output <file>', 'write there instead of standard output')
    .action(async ({ format, since, output }: ExportOptions, command: Command) => {
      const { api } = contextOf(command)
      const now = Date.now()
      const from = since === undefined ? 0 : parseWhen(since, now, -1)
      const status = await api.get<Status>('/status')
      const incidents = (await api.get<IncidentLine[]>('/incidents'))
        .filter(({ lastSeen }) => lastSeen >= from)
        .sort((a, b) => a.firstSeen - b.firstSeen)
      const text = exportIncidents(format, incidents as never, {
        ...{ host: status.host, peer: await peerOf(api, status), version: status.version ?? '' },
        ...{ kernel: release(), now },
      })
      if (output === undefined) {
        process.stdout.write(text)
        return
      }
      try {
        writeFileSync(output, text, { mode: 0o600 })
      } catch (error) {
        throw new CommandError(`${output}: cannot be written: ${reasonOf(error)}`, exitCodes.degraded)
      }
      process.stderr.write(`${plural(incidents.length, 'incident')} written to ${output}\n`)
    })
}
