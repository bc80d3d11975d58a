/** What every command of the agent begins with: the config, and the daemon at its socket. */
import type { Command } from 'commander'
import type { AgentOptions, PromiseReport, RunReport } from '#agent'
import { contextOf, print } from '../context.ts'
import { plain } from '../format.ts'
import { coloured } from '../table.ts'

/** @throws DaemonError for a config that cannot be used */
export async function agentOptions(
  command: Command,
  { define = [], negate = [] }: { define?: string[]; negate?: string[] },
): Promise<AgentOptions & { dryRun: boolean }> {
  const { state, config: file, api } = contextOf(command)
  // Not the whole daemon: a run every five minutes must not load libp2p.
  const { readConfig } = await import('#daemon/config')
  const { agent, tags, neverDelay } = readConfig(file)
  return {
    state,
    policyFile: agent.policy,
    tags,
    never: [...neverDelay, ...agent.never],
    daemon: api,
    define,
    negate,
    dryRun: agent.dryRun,
    say: (line) => process.stderr.write(`${plain(line)}\n`),
  }
}

const colours = { not_kept: 'red', repaired: 'yellow', dry: 'yellow' } as const

/** A promise a paragraph: what became of it, why, and each step. */
export function printRun(report: RunReport): void {
  for (const promise of report.promises) {
    print(plain(headOf(promise)))
    for (const { id, line, outlook = [] } of promise.steps)
      print(
        plain(`    ${report.dryRun ? '' : `${id}  `}${line}`),
        ...outlook.map((one) => plain(`        ${one}`)),
      )
    for (const line of promise.spared) print(plain(`    left alone: ${line}`))
    for (const line of promise.ended) print(plain(`    ended: ${line}`))
  }
  if (report.promises.length === 0) print('the policy has no promise that runs')
  if (report.expedited.length > 0) print(`dealt with: ${report.expedited.join(', ')}`)
}

function headOf({ name, type, state, why, steps }: PromiseReport): string {
  const word = state === 'dry' ? `would act (${steps.length})` : state.replace('_', ' ')
  const colour = colours[state as keyof typeof colours]
  return `${colour ? coloured(colour, word) : word}  ${name} [${type}]${why ? `: ${why}` : ''}`
}
