/** `lymph incident explain`: why it is one, what was near, and what was done about it. */
import { Command } from 'commander'
import type { ExplainedPair, Explanation, Incident } from '#incidents'
import { contextOf, print, printJson } from '../context.ts'
import { ago, compact, moment, plain, share } from '../format.ts'
import { windowText } from '../pairs.ts'
import { facts } from '../table.ts'

const pairsShown = 40

export function explainCommand(): Command {
  return new Command('explain')
    .description(
      'Why an incident is one: its unseen pairs and the nearest known, the profile, and what was done or not.',
    )
    .argument('<id>', 'as `lymph incident list` shows it')
    .action(async (id: string, _options: object, command: Command) => {
      const { api, json } = contextOf(command)
      const told = await api.get<Explanation>(`/incidents/${encodeURIComponent(id)}/explain`)
      if (json) printJson(told)
      else print(...story(told, Date.now()))
    })
}

export function story(told: Explanation, now: number): string[] {
  const { incident, profile, pairs } = told
  const { severity, binary, firstSeen, lastSeen, state, maxLfc, anomalous, pairsCut } = incident
  const lines = [
    facts([
      ['incident', `${incident.id}, ${severity}, ${state}`],
      ['binary', binary],
      ['seen', `${moment(firstSeen)} to ${moment(lastSeen)} (last: ${ago(lastSeen, now)})`],
      ['calls', `${compact(anomalous)} anomalous, highest LFC ${maxLfc}${measures(incident)}`],
      [
        'profile',
        profile
          ? `${profile.state}, ${compact(profile.calls)} calls, ${compact(profile.pairs)} pairs; quiet for ${compact(profile.quietCalls)} calls`
          : 'not here any more',
      ],
    ]),
    '',
    `Unseen (${pairs.length}${pairsCut > 0 ? ` and ${pairsCut} not kept` : ''}):`,
    ...pairs.slice(0, pairsShown).map((pair) => plain(`  ${pairStory(pair, profile !== undefined)}`)),
    ...(pairs.length > pairsShown ? [`  and ${pairs.length - pairsShown} more: --json has them`] : []),
    ...spokenOf(incident),
    '',
    'What was done:',
    ...told.deeds.map((deed) => plain(`  ${deed}`)),
  ]
  if (told.history.length > 0)
    lines.push(
      '',
      'Journal:',
      ...told.history.map((record) => plain(`  ${record.seq} ${moment(record.at)} ${recordText(record)}`)),
    )
  return lines
}

function pairStory(pair: ExplainedPair, known: boolean): string {
  const { current, previous, distance, otherDistances, otherPrevious, othersCut, newCall } = pair
  const what = `${current}, ${distance} after ${previous}`
  if (!known) return what
  if (newCall) return `${what}: it never called ${current} before`
  const near = [
    ...(otherDistances.length > 0 ? [`known ${otherDistances.join(', ')} after it`] : []),
    ...(otherPrevious.length > 0
      ? [
          `known ${distance} after ${otherPrevious.join(', ')}${othersCut > 0 ? ` and ${othersCut} more` : ''}`,
        ]
      : []),
  ]
  return `${what}: ${near.length > 0 ? near.join('; ') : `nothing known ${distance} before ${current}`}`
}

/** How odd, and against how restless a profile. */
function measures({ bits, level, m, q, bar }: Incident): string {
  if (typeof bits !== 'number') return ''
  const of = typeof m === 'number' ? ` of ${m} units` : ''
  const restless = typeof q === 'number' ? `, ${share(q)} of them had something new` : ''
  const busy = typeof bar === 'number' && bar > 8 ? `; it is busy: an incident from ${bar.toFixed(1)}` : ''
  return `; ${bits.toFixed(1)} bits${level ? ` (${level})` : ''}, counted by what was normal${of}${restless}${busy}`
}

/** What spoke: the parts with their bits, a new edge, and the windows that were kept. */
function spokenOf({ parts = [], edge, windows = [] }: Incident): string[] {
  const spoke = parts.map(({ part, bits }) => `${part} ${bits.toFixed(1)}`)
  return [
    ...(spoke.length > 0 ? ['', `What spoke, in bits: ${spoke.join(', ')}`] : []),
    ...(edge ? ['', plain(`New: ${edge.parent} had never started ${edge.started}`)] : []),
    ...(windows.length > 0 ? ['', 'Windows, oldest call first:'] : []),
    ...windows.map((window) => plain(`  ${windowText(window)}`)),
  ]
}

function recordText(record: Explanation['history'][number]): string {
  switch (record.kind) {
    case 'incident':
      return `${record.change}: ${record.incident.severity}, ${compact(record.incident.anomalous)} anomalous calls`
    case 'action':
      return `${record.verb} ${record.subject}: ${record.outcome}`
    case 'tolerance':
      return `tolerance ${record.tolerance.id} ${record.change}: ${record.tolerance.reason}`
    case 'evidence':
      return `evidence ${record.id} collected${record.cut ? ', cut short' : ''}`
    default:
      return record.kind
  }
}
