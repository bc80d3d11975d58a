/**
 * IDMEF, RFC 4765: one IDMEF-Message with an Alert for each incident. Names without a prefix: the RFC's own DTD (section
 * 8) knows no other. Order and attributes are the DTD's.
 */
import type { Severity } from '../types.ts'
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
import { baseName, isoTime, withinYears } from './text.ts'
import { element, type Markup, textElement } from './xml.ts'

/** Processes named in one alert; RFC 4765 sets no bound. */
const sourcesLimit = 16

const severities: Record<Severity, string> = { notice: 'low', incident: 'medium', severe: 'high' }

/** Seconds from 1900 to 1970 (RFC 4765 section 3.2.5.1, RFC 5905). */
const ntpEpoch = 2_208_988_800

/** `0xSECONDS.0xFRACTION`; seconds count modulo 2^32, as NTP's eras do (the first ends in February 2036). */
export function ntpStamp(ms: number): string {
  const hex = (n: number) => `0x${(n >>> 0).toString(16).padStart(8, '0')}`
  const at = withinYears(ms)
  const seconds = (Math.floor(at / 1000) + ntpEpoch) % 2 ** 32
  return `${hex(seconds)}.${hex(Math.floor(((at % 1000) / 1000) * 2 ** 32))}`
}

const time = (name: string, ms: number): Markup => textElement(name, isoTime(ms), { ntpstamp: ntpStamp(ms) })

const nodeOf = (host: string): Markup =>
  element('Node', { category: 'hosts' }, textElement('name', host || '-'))

function analyzer({ host, peer, version, kernel }: ExportContext): Markup {
  return element(
    'Analyzer',
    {
      ...{ analyzerid: peer || host, name: 'lymph', manufacturer: 'lymph', model: 'lymph daemon', version },
      ...{ class: 'Host IDS', ostype: 'Linux', osversion: kernel },
    },
    nodeOf(host),
    element('Process', {}, textElement('name', 'lymph daemon')),
  )
}

function source(incident: IncidentMore, host: string, pid: number | undefined): Markup {
  const { binary } = incident
  return element(
    'Source',
    { spoofed: 'no' },
    nodeOf(host),
    element(
      'Process',
      {},
      textElement('name', baseName(binary) || '-'),
      pid === undefined ? undefined : textElement('pid', pid),
      textElement('path', binary),
    ),
  )
}

function target({ binary, sha256 }: IncidentMore, host: string): Markup {
  const sum = sha256
    ? element('Checksum', { algorithm: 'SHA2-256' }, textElement('value', sha256))
    : undefined
  return element(
    'Target',
    { decoy: 'no' },
    nodeOf(host),
    element(
      'File',
      { category: 'current' },
      textElement('name', baseName(binary) || '-'),
      textElement('path', binary),
      sum,
    ),
  )
}

const typed = (type: 'integer' | 'string' | 'real', meaning: string, value: string | number): Markup =>
  element('AdditionalData', { type, meaning: `lymph.${meaning}` }, textElement(type, value))

function additional(incident: IncidentMore): Markup[] {
  const { familiarity } = incident
  return [
    typed('string', 'incident', incident.id),
    typed('string', 'state', incident.state),
    typed('string', 'abi', incident.abi),
    typed('integer', 'anomalous_calls', incident.anomalous),
    typed('integer', 'locality_frame_count', incident.maxLfc),
    typed('integer', 'lookahead_window', incident.window),
    typed('string', 'novel_pairs', JSON.stringify(namedPairs(incident))),
    typed('integer', 'novel_pairs_in_all', incident.pairs.length + incident.pairsCut),
    typed('string', 'last_seen', isoTime(incident.lastSeen)),
    ...furtherFacts(incident).map(([name, value]) =>
      typed(typeof value === 'number' ? 'real' : 'string', name, value),
    ),
    ...(familiarity
      ? [
          typed('integer', 'peers.agree', familiarity.known),
          typed('integer', 'peers.total', familiarity.asked),
        ]
      : []),
  ]
}

function alert(incident: IncidentMore, context: ExportContext): Markup {
  const pids = incident.pids.length > 0 ? incident.pids.slice(0, sourcesLimit) : [undefined]
  return element(
    'Alert',
    { messageid: incidentUuid(incident, context) },
    analyzer(context),
    time('CreateTime', context.now),
    time('DetectTime', incident.firstSeen),
    time('AnalyzerTime', context.now),
    ...pids.map((pid) => source(incident, context.host, pid)),
    target(incident, context.host),
    element(
      'Classification',
      { ident: `lymph:${detectorName}`, text: detectorName },
      element(
        'Reference',
        { origin: 'vendor-specific' },
        textElement('name', detectorName),
        textElement('url', `urn:lymph:${detectorName}`),
      ),
    ),
    element(
      'Assessment',
      {},
      textElement('Impact', summaryOf(incident), { severity: severities[incident.severity], type: 'other' }),
      textElement('Confidence', confidenceOf(incident), { rating: 'numeric' }),
    ),
    ...additional(incident),
  )
}

/** One document; no incident at all makes an empty message, which is valid too. */
export function toIdmef(incidents: readonly IncidentMore[], context: ExportContext): string {
  const alerts = incidents.map((incident) => alert(incident, context))
  const message = element(
    'IDMEF-Message',
    { version: '1.0', xmlns: 'http://iana.org/idmef' },
    ...alerts.map((one) => `\n${one}` as Markup),
    '\n' as Markup,
  )
  return `<?xml version="1.0" encoding="UTF-8"?>\n${message}\n`
}
