/** `lymph fleet ask`: do others know what is new here? */
import type { Command } from 'commander'
import type { Asked } from '#daemon'
import type { Incident } from '#incidents'
import { contextOf, print, printJson } from '../context.ts'
import { exitCodes } from '../errors.ts'
import { plain, plural } from '../format.ts'
import { pairText } from '../pairs.ts'

const askTimeoutMs = 15_000
const mostPairs = 40

export function addAsk(fleet: Command): void {
  fleet
    .command('ask')
    .description(
      "Ask the hosts that run the same file whether their normal profiles know an incident's pairs. A new incident is asked about by " +
        'itself within 7 s. Exit code 1: unfamiliar; 4: not asked enough.',
    )
    .argument('<incident>', 'id of an incident, or a program: then its newest incident')
    .action(async (what: string, _options: object, command: Command) => {
      const { api, json } = contextOf(command)
      const asked = await api.post<Required<Asked>>('/fleet/ask', { what }, askTimeoutMs)
      if (json) printJson(asked)
      else {
        const { abi } = await api.get<Incident>(`/incidents/${encodeURIComponent(asked.incident)}`)
        print(...told(asked, abi))
      }
      if (asked.verdict === 'unfamiliar') process.exitCode = exitCodes.findings
      if (asked.verdict === 'not-asked-enough') process.exitCode = exitCodes.degraded
    })
}

function told(asked: Asked, abi: Incident['abi']): string[] {
  const { drawn, questions, quorum, pairs, liars } = asked
  const lines = [
    `${plain(asked.binary)}, incident ${asked.incident}: ${asked.verdict}: ${asked.text}`,
    `${plural(drawn, 'peer')} drawn, ${plural(questions, 'question')} sent; a pair is familiar when ${quorum} know it`,
  ]
  if (asked.verdict !== 'not-asked-enough')
    for (const pair of pairs.slice(0, mostPairs))
      lines.push(`  ${pairText(pair, abi)}: known to ${pair.knownBy} of ${asked.asked}`)
  if (pairs.length > mostPairs) lines.push(`  and ${plural(pairs.length - mostPairs, 'more pair')}`)
  if (liars.length > 0)
    lines.push(`not counted, since their own digests deny what they said: ${liars.map(plain).join(' ')}`)
  return lines
}
