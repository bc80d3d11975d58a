/**
 * Reports: to the journal (or syslog, whichever the daemon writes to), a syslog line by logger(1), a webhook (sent by
 * the daemon: the agent has no network), or a mail command. `$(offenders)` and `$(classes)` are what the run saw.
 */
import { existsSync } from 'node:fs'
import { z } from 'zod'
import { runProgram } from '../host/run-program.ts'
import { argvShape } from '../policy/shapes.ts'
import { endedOffenders, endedText } from './ended.ts'
import type { Fault, Outcome, PromiseType, Step } from './interface.ts'
import type { Offender } from './offenders.ts'
import { detectorNames } from './processes/filter.ts'
import type { World } from './world.ts'

const shape = z.strictObject({
  text: z
    .string()
    .min(1)
    .max(8192)
    .meta({ description: 'with $(this.offenders), $(this.ended), $(this.classes), $(this.incidents)' }),
  to: z.enum(['journal', 'syslog', 'webhook', 'mail']).default('journal'),
  url: z
    .url({ protocol: /^https?$/ })
    .optional()
    .meta({ description: 'of webhook; one of the agent.webhooks of the config' }),
  argv: argvShape
    .optional()
    .meta({ description: 'of mail: a program that takes the text on standard input' }),
  priority: z.enum(['crit', 'err', 'warning', 'notice', 'info']).default('notice'),
})

type ReportBody = z.infer<typeof shape>

interface ReportStep extends Step {
  detail: { text: string }
}

const logger = ['/usr/bin/logger', '/bin/logger'].find(existsSync)
const NAMED = 20
/** How long logger(1) or a mail command may take. */
const PROGRAM_MS = 30_000

export const report: PromiseType<ReportBody, ReportStep> = {
  name: 'report',
  shape: shape as unknown as z.ZodType<ReportBody>,
  summary: 'a line to the journal, syslog, a webhook or a mail command',

  parse(body) {
    const faults: Fault[] = []
    if ((body.to === 'webhook') !== (body.url !== undefined))
      faults.push({ path: ['to'], message: 'url and webhook go together' })
    if ((body.to === 'mail') !== (body.argv !== undefined))
      faults.push({ path: ['to'], message: 'argv and mail go together' })
    return faults.length > 0 ? { faults } : { body }
  },

  async plan(body, world) {
    const text = filled(body.text, world)
    return { steps: [{ act: body.to, target: text, detail: { text } }], spared: [], why: '' }
  },

  async act({ detail: { text } }, body, hands): Promise<Outcome> {
    const failed = (why: string): Outcome => ({
      result: 'not_kept',
      line: `report to ${body.to}: ${why}: ${text}`,
    })
    const sent: Outcome = { result: 'repaired', line: `reported to ${body.to}: ${text}` }
    if (body.to === 'journal' || body.to === 'webhook') {
      if (!hands.daemon) return failed('no daemon answers')
      try {
        const way = body.to === 'journal' ? { priority: body.priority } : { url: body.url }
        await hands.daemon.post('/agent/report', { text, ...way })
        return sent
      } catch (error) {
        return failed((error as Error).message)
      }
    }
    const argv =
      body.to === 'mail'
        ? (body.argv as string[])
        : logger && [logger, '-t', 'lymph', '-p', `daemon.${body.priority}`, '--', text]
    if (!argv) return failed('logger(1) is not installed')
    const { code, how, output } = await runProgram({
      argv,
      timeoutMs: PROGRAM_MS,
      outputBytes: 4096,
      signal: hands.signal,
      lease: hands.leases.program(argv.join(' '), PROGRAM_MS),
      ...(body.to === 'mail' ? { input: `${text}\n` } : {}),
    })
    return code === 0 ? sent : failed(how || `exit code ${code} ${output.trim().slice(0, 200)}`)
  },
}

function filled(text: string, world: World): string {
  const { ph_sequence, ph_load } = world.offenders
  const over = endedOffenders(detectorNames, world)
  const gone = new Set<Offender>(over)
  const live = [...ph_sequence, ...ph_load].filter((one) => !one.tolerated && !gone.has(one))
  const some = (all: readonly string[]) => {
    const names = [...new Set(all)]
    return names.length === 0
      ? 'none'
      : `${names.slice(0, NAMED).join(', ')}${names.length > NAMED ? ` and ${names.length - NAMED} more` : ''}`
  }
  const values: Record<string, () => string> = {
    'this.offenders': () =>
      some([
        ...live.map(({ binary, pid }) => `${binary} (${pid})`),
        ...over.map(({ binary, pid }) => `${binary} (${pid}, ended)`),
      ]),
    'this.ended': () => some(over.map(endedText)),
    'this.incidents': () =>
      some([...live, ...over].map(({ incident }) => incident).filter((id) => id !== '')),
    'this.classes': () =>
      some([...world.classes].filter((name) => /^(ph_|mesh_)|_anomalous$|_dev[23]$/.test(name))),
  }
  return text
    .replaceAll(/\$\((this\.[a-z]+)\)/g, (whole, name: string) => values[name]?.() ?? whole)
    .replaceAll(/[\r\n]+/g, ' ')
}
