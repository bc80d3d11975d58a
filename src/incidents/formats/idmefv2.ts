/** IDMEFv2, draft-lehmann-idmefv2-08 (experimental: the draft has expired, and drafts do not read one another). */
import type { Severity } from '../types.ts'
import {
  confidenceOf,
  type ExportContext,
  furtherFacts,
  type IncidentMore,
  incidentUuid,
  namedPairs,
  summaryOf,
  uuidOf,
} from './context.ts'
import { baseName, isoTime, visible } from './text.ts'

const priorities: Record<Severity, string> = { notice: 'Low', incident: 'Medium', severe: 'High' }
const sourcesLimit = 16

export function toIdmefV2(incident: IncidentMore, context: ExportContext): Record<string, unknown> {
  const { host, peer, version, now } = context
  const hostname = visible(host, 255)
  const { binary, firstSeen, lastSeen, state, severity, abi, window, sha256, anomalous, maxLfc } = incident
  const id = (what: string) => uuidOf(0, `${what}\0${host}\0${peer}`)
  const detail = {
    ...{ id: incident.id, binary: visible(binary), sha256, abi, window, anomalous, maxLfc },
    pairs: namedPairs(incident),
    pairsInAll: incident.pairs.length + incident.pairsCut,
    ...Object.fromEntries(furtherFacts(incident)),
  }
  const attached = Buffer.from(JSON.stringify(detail))
  return {
    Version: '2.D.V08',
    ID: incidentUuid(incident, context),
    CreateTime: isoTime(now),
    StartTime: isoTime(firstSeen),
    ...(state === 'open' ? {} : { EndTime: isoTime(lastSeen) }),
    Type: ['Cyber'],
    Category: ['Other.Undetermined'],
    Cause: 'Unknown',
    Status: [state === 'open' ? 'Open' : 'Closed'],
    Priority: priorities[severity],
    Confidence: confidenceOf(incident),
    Description: visible(summaryOf(incident)),
    AltNames: [incident.id],
    Analyzer: {
      ...{ ID: id('analyzer'), Name: 'lymph', Hostname: hostname, Model: `lymph daemon ${version}` },
      ...{ Category: ['END.HIDS'], Data: ['Host'], Method: ['Anomaly', 'Sequence', 'Behavioral'] },
    },
    Sensor: [{ ID: id('sensor'), Name: 'lymph sensor', Hostname: hostname }],
    Source: (incident.pids.length > 0 ? incident.pids : [undefined]).slice(0, sourcesLimit).map((pid) => ({
      ID: uuidOf(firstSeen, `source\0${host}\0${incident.id}\0${pid}`),
      Hostname: hostname,
      Category: ['Cyber.Endpoint.ProcessName'],
      Note: visible(pid === undefined ? binary : `pid=${pid} ${binary}`),
    })),
    Target: [
      {
        ...{ ID: id('target'), Hostname: hostname, Category: ['IT.Endpoints'] },
        Service: visible(baseName(binary), 255),
      },
    ],
    Attachment: [
      {
        ...{
          Name: 'phdetail',
          FileName: 'ph.json',
          ContentType: 'application/json',
          ContentEncoding: 'base64',
        },
        ...{ Content: attached.toString('base64'), Size: attached.length },
      },
    ],
  }
}
