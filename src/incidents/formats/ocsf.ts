/** OCSF 1.8.0, Detection Finding (class 2004). Numbers are the schema's. */
import type { IncidentState, Severity } from '../types.ts'
import {
  confidenceOf,
  detectorName,
  type ExportContext,
  furtherFacts,
  type IncidentMore,
  incidentUuid,
  namedPairs,
  summaryOf,
} from './context.ts'
import { baseName, visible, withinYears } from './text.ts'

const version = '1.8.0'
const severities: Record<Severity, readonly [id: number, name: string]> = {
  notice: [2, 'Low'],
  incident: [3, 'Medium'],
  severe: [4, 'High'],
}
const activities: Record<IncidentState, readonly [id: number, name: string]> = {
  open: [1, 'Create'],
  quiet: [3, 'Close'],
  resolved: [3, 'Close'],
}
const evidencesLimit = 16

export function toOcsf(incident: IncidentMore, context: ExportContext): Record<string, unknown> {
  const { host, peer, now, kernel } = context
  const { binary, sha256, state, severity, firstSeen, lastSeen, pairs, pairsCut } = incident
  const [activity_id, activity_name] = activities[state]
  const [severity_id, severityName] = severities[severity]
  // New, Suppressed, Resolved.
  const status_id = incident.tolerated ? 3 : state === 'open' ? 1 : 4
  const path = visible(binary)
  const uid = incidentUuid(incident, context)
  const file = {
    ...{ name: visible(baseName(binary), 255), path, type_id: 1 },
    ...(sha256 ? { hashes: [{ algorithm_id: 3, algorithm: 'SHA-256', value: sha256 }] } : {}),
  }
  const confidence = confidenceOf(incident)
  return {
    ...{ activity_id, activity_name, category_uid: 2, category_name: 'Findings' },
    ...{ class_uid: 2004, class_name: 'Detection Finding', type_uid: 200_400 + activity_id },
    time: withinYears(now),
    start_time: withinYears(firstSeen),
    end_time: withinYears(lastSeen),
    ...{ severity_id, severity: severityName, status_id, is_alert: severity !== 'notice' },
    status: { 1: 'New', 3: 'Suppressed', 4: 'Resolved' }[status_id],
    confidence_score: Math.round(confidence * 100),
    // What was judged odd without a call that is new has none.
    count: Math.max(1, incident.anomalous),
    message: visible(summaryOf(incident)),
    metadata: {
      version,
      uid,
      product: { name: 'lymph', vendor_name: 'lymph', version: context.version },
      profiles: ['host'],
    },
    finding_info: {
      uid,
      title: visible(summaryOf(incident)),
      types: [detectorName],
      created_time: withinYears(firstSeen),
      first_seen_time: withinYears(firstSeen),
      last_seen_time: withinYears(lastSeen),
      analytic: { type_id: 2, type: 'Behavioral', name: detectorName, uid: `lymph:${detectorName}` },
    },
    anomaly_analyses: [
      {
        analysis_targets: [{ name: path, type: 'Executable' }],
        anomalies: [
          {
            observation_parameter: 'system-call pairs',
            observation_type: 'Sequence Analysis',
            observed_pattern: 'UNSEEN',
            observations: namedPairs(incident).map((pair) => ({ value: JSON.stringify(pair) })),
          },
          {
            observation_parameter: 'locality frame count',
            observation_type: 'Sequence Analysis',
            observed_pattern: 'HIGHEST',
            observations: [{ value: String(incident.maxLfc) }],
          },
        ],
      },
    ],
    evidences: (incident.pids.length > 0 ? incident.pids : [undefined])
      .slice(0, evidencesLimit)
      .map((pid) => ({
        process: { ...(pid === undefined ? {} : { pid }), name: file.name, file },
      })),
    device: {
      ...{ hostname: visible(host, 255), uid: peer || visible(host, 255), type_id: 0 },
      os: { name: 'Linux', type_id: 200, version: visible(kernel, 255) },
    },
    unmapped: {
      ...{ incident: incident.id, abi: incident.abi, window: incident.window, state },
      pairs: pairs.length + pairsCut,
      ...Object.fromEntries(
        furtherFacts(incident).map(([name, fact]) => [name, typeof fact === 'string' ? visible(fact) : fact]),
      ),
    },
  }
}
