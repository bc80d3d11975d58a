import type { ComparedProfile } from './late.ts'
import { COMPARED_LEAST, isFlagged, LISTED, type Outlier, type OutlierOptions, outliers } from './score.ts'

export interface OutlierReport {
  /** Hosts compared. */
  hosts: number
  /** There is no norm: nothing is listed. */
  tooFew: boolean
  /** Every host, the most unlike first. */
  alone: Outlier[]
  /** Hosts that share what nobody else has, listed ones only: a list of its own, never the first. */
  several: Outlier[]
}

/** Both lists. Below 12 hosts only the facts, no score is believed. */
export function outlierReport(
  compared: readonly ComparedProfile[],
  options: Omit<OutlierOptions, 'shared'>,
): OutlierReport {
  const tooFew = compared.length < COMPARED_LEAST
  const alone = outliers(compared, options)
  const several = new Map<string, Outlier>()
  if (!tooFew)
    for (const shared of [1, 2] as const)
      for (const found of outliers(compared, { ...options, shared })) {
        if (found.score < LISTED || found.with.length === 0) continue
        const held = several.get(found.host)
        if (!held || held.score < found.score) several.set(found.host, found)
      }
  return {
    hosts: compared.length,
    tooFew,
    alone,
    several: [...several.values()].sort((a, b) => b.score - a.score),
  }
}

/** One line for a host that is listed; both parts in words. Times as dates of UTC. */
export function outlierText(found: Outlier, hosts: number): string {
  const { carriers, pairs, honest, strange, strangest } = found
  const who = found.with.length > 0 ? `${found.host} with ${found.with.join(', ')}` : found.host
  const nobody =
    found.with.length > 0 ? `only they of ${hosts} hosts have` : `none of the other ${hosts - 1} hosts has`
  const since = found.since === undefined ? '' : ` since ${dayOf(found.since)}`
  const repeated = `${count(carriers, 'process', 'processes')}${since} ${carriers === 1 ? 'shows' : 'show'} ${count(pairs, 'pair', 'pairs')} ${nobody}; honest hosts of this size show ${honestText(honest.most)}`
  const chance = Math.round(10 ** strange)
  const strangeness =
    chance >= 2
      ? `; ${count(strangest, 'of them', 'of them')} at once, as strange as 1 host in ${chance} shows`
      : '; each alone is nothing strange'
  return `${who}: score ${found.score.toFixed(1)} (repeated ${found.repeated.toFixed(1)}, strange ${strange.toFixed(1)}): ${repeated}${strangeness}`
}

/** The whole report as text. A late change of configuration on one host looks like an attack: it says so. */
export function outlierReportText(report: OutlierReport): string {
  const { hosts, tooFew, alone, several } = report
  if (tooFew)
    return `${count(hosts, 'host', 'hosts')} compared: too few to say what is usual (${COMPARED_LEAST} are needed); fleet compare shows the differences`
  const lines: string[] = []
  const listed = alone.filter(({ score }) => score >= LISTED)
  for (const found of listed)
    lines.push(`${isFlagged(found) ? 'flagged' : 'listed'}  ${outlierText(found, hosts)}`)
  if (listed.length === 0) lines.push(`none of ${hosts} hosts stands out`)
  if (several.length > 0) lines.push('hosts that share what no other has:')
  for (const found of several) lines.push(`shared  ${outlierText(found, hosts)}`)
  if (listed.length + several.length > 0)
    lines.push(
      'a change of configuration made late looks the same: see its date, and tolerate its pairs if it was one',
    )
  return lines.join('\n')
}

const count = (n: number, one: string, many: string): string => `${n} ${n === 1 ? one : many}`
const honestText = (most: number): string => (most === 0 ? 'none' : most === 1 ? '0 or 1' : `0 to ${most}`)
const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']
function dayOf(time: number): string {
  const day = new Date(time)
  return `${day.getUTCDate()} ${months[day.getUTCMonth()]} ${day.getUTCFullYear()}`
}
