/** Syslog, RFC 5424: one line an incident, its facts as structured data. */
import type { Severity } from '../types.ts'
import { type ExportContext, furtherFacts, type IncidentMore, namedPairs, summaryOf } from './context.ts'
import { isoTime, visible } from './text.ts'

/** Facility 10, security and authorization (RFC 5424 table 1). */
const facility = 10
const severities: Record<Severity, number> = { notice: 5, incident: 4, severe: 2 }
/** 32473 is the enterprise number for documentation (RFC 5612): lymph has none of its own. */
const sdId = 'lymph@32473'
/** RFC 5424 6.1: a receiver should take 2048 octets; values are cut so that a line seldom has more. */
const valueLimit = 512

/** PRINTUSASCII of a header's field; '-' for none. */
const field = (text: string, limit: number): string =>
  visible(text)
    .replace(/[^!-~]/g, '?')
    .slice(0, limit) || '-'

/** 6.3.3: quote, backslash and closing bracket are escaped. */
const value = (text: string): string => visible(text, valueLimit).replace(/["\\\]]/g, (c) => `\\${c}`)

export function toSyslog(incident: IncidentMore, context: ExportContext): string {
  const { id, binary, sha256, abi, window, severity, state, anomalous, maxLfc, pairs, pairsCut, pids } =
    incident
  const facts: [string, string | number][] = [
    ...([
      ['id', id],
      ['binary', binary],
      ['sha256', sha256],
      ['abi', abi],
      ['window', window],
      ['severity', severity],
      ['state', state],
      ['anomalous', anomalous],
      ['maxLfc', maxLfc],
      ['pairs', pairs.length + pairsCut],
      ['pids', pids.slice(0, 16).join(' ')],
      [
        'unseen',
        namedPairs(incident, 4)
          .map(([now, d, before]) => `${now} ${d} after ${before}`)
          .join(', '),
      ],
    ] as [string, string | number][]),
    ...furtherFacts(incident),
  ]
  const data = facts.map(([name, fact]) => ` ${name}="${value(String(fact))}"`).join('')
  const header = [
    `<${facility * 8 + severities[severity]}>1`,
    isoTime(incident.lastSeen),
    field(context.host, 255),
    'lymph',
    '-',
    'incident',
  ]
  // 6.4: UTF-8 text begins with a byte order mark.
  return `${header.join(' ')} [${sdId}${data}] \ufeff${visible(summaryOf(incident), 1024)}`
}
