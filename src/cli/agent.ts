/** `lymph agent`: one pass of the policy, what it did, and taking it back. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Command } from 'commander'
import type { LedgerEntry } from '#agent'
import { agentOptions, printRun } from './agent/options.ts'
import { contextOf, print, printJson } from './context.ts'
import { duration, parseDuration } from './duration.ts'
import { exitCodes } from './errors.ts'
import { ago, moment, plain, plural } from './format.ts'
import { type Column, facts, table } from './table.ts'

interface RunFlags {
  dryRun?: boolean
  act?: boolean
  scheduled?: boolean
  policy?: string
  define?: string[]
  negate?: string[]
  locks: boolean
}

export function agentCommand(): Command {
  const agent = new Command('agent').description(
    'The agent: acts on the classes that hold as its policy says, on schedule, reversibly.',
  )
  agent
    .command('run')
    .description(
      'One pass of the policy over the classes that hold now. Exit code 4 where something could not be done.',
    )
    .option('--dry-run', 'say what would be done, and do and keep nothing')
    .option('--act', 'act, whatever agent.dry_run of the config says')
    .option('--policy <file>', "another policy than the config's")
    .option('--define <class...>', 'hold these classes (-D of cfengine)')
    .option('--negate <class...>', 'and these not (-N)')
    .option('--no-locks', 'ifelapsed does not count (-K)')
    .option('--scheduled', 'as `lymph up` starts it: says only what was done')
    .addHelpText('after', '\nExample:\n  lymph agent run --dry-run --define ph_sequence_anomaly')
    .action(async (options: RunFlags, command: Command) => run(options, command))
  agent
    .command('schedule')
    .description('When the agent runs, and when each promise ran last.')
    .action(async (_options: object, command: Command) => schedule(command))
  agent
    .command('ledger')
    .description('What the agent did, or would have done while agent.dry_run holds.')
    .option('--since <duration>', 'how far back', '7d')
    .action(async (options: { since: string }, command: Command) => ledger(options.since, command))
  agent
    .command('undo')
    .description('Take back what an act did: continue, thaw, end a delay, give back a response.')
    .argument('<id...>', 'as `lymph agent ledger` shows them')
    .action(async (ids: string[], _options: object, command: Command) => {
      const { json } = contextOf(command)
      const { undoAct } = await import('#agent')
      const options = await agentOptions(command, {})
      const answers: { id: string; line: string }[] = []
      for (const id of ids) {
        const line = await undoAct(options, id)
        answers.push({ id, line })
        if (!json) print(plain(`${id}: ${line}`))
      }
      if (json) printJson(answers)
    })
  return agent
}

async function run(flags: RunFlags, command: Command): Promise<void> {
  const { json } = contextOf(command)
  const { agentRun, PolicyError } = await import('#agent')
  const options = await agentOptions(command, flags)
  const stop = new AbortController()
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.once(signal, () => stop.abort())
  const mode = flags.dryRun ? 'tell' : flags.act || !options.dryRun ? 'act' : 'rehearse'
  let report: Awaited<ReturnType<typeof agentRun>>
  try {
    report = await agentRun({
      ...options,
      ...(flags.policy === undefined ? {} : { policyFile: flags.policy }),
      mode,
      noLocks: !flags.locks,
      signal: stop.signal,
    })
  } catch (error) {
    if (error instanceof PolicyError)
      for (const fault of error.faults.slice(1)) process.stderr.write(`${plain(fault)}\n`)
    throw error
  }
  if ('held' in report) {
    const { pid, promise } = report.held
    if (json) printJson(report)
    else
      print(
        plain(`another run (process ${pid}) is at work${promise ? ` on ${promise}` : ''}: nothing was done`),
      )
    return
  }
  if (json) printJson(report)
  else if (!flags.scheduled) printRun(report)
  else
    for (const { name, state, why, steps, ended } of report.promises) {
      for (const { id, line, outlook = [] } of steps)
        print(plain(`${name} ${id}: ${line}`), ...outlook.map((one) => plain(`${name} ${id}:   ${one}`)))
      for (const line of ended) print(plain(`${name}: ended: ${line}`))
      if (state === 'not_kept' && why) print(plain(`${name}: not kept: ${why}`))
    }
  if (report.degraded) process.exitCode = exitCodes.degraded
}

async function schedule(command: Command): Promise<void> {
  const { state, json, config: file } = contextOf(command)
  const { agentFolder, loadPolicy, PromiseLocks } = await import('#agent')
  const { readConfig } = await import('#daemon/config')
  const { agent, tags } = readConfig(file)
  const folder = agentFolder(state)
  const locks = new PromiseLocks(folder, agent.dryRun ? 'rehearsed.json' : 'locks.json')
  const policy = loadPolicy(agent.policy, tags)
  const promises = policy.promises.map(({ name, type, key, ifelapsedMs, expireafterMs }) => ({
    name,
    type: type.name,
    ifelapsedMs,
    expireafterMs,
    last: locks.last(key) ?? 0,
  }))
  const { enabled, dryRun, intervalMs, splayMs } = agent
  const nextAt = enabled ? nextOf(folder) : undefined
  if (json) {
    printJson({
      enabled,
      dryRun,
      policy: agent.policy,
      intervalMs,
      splayMs,
      nextAt: nextAt ?? null,
      promises,
    })
    return
  }
  print(
    facts([
      ['enabled', enabled ? 'yes' : 'no: set agent.enabled in the config'],
      ['acts', dryRun ? 'no: agent.dry_run holds' : 'yes'],
      ['policy', agent.policy],
      ['every', `${duration(intervalMs)}, splay ${duration(splayMs)}`],
      ['next run', nextAt && nextAt > Date.now() ? moment(nextAt) : 'none: lymph up does not run'],
    ]),
    '',
    table(promises, scheduleColumns(Date.now()), 'the policy has no promise that runs'),
  )
}

function nextOf(folder: string): number | undefined {
  try {
    return (JSON.parse(readFileSync(join(folder, 'schedule.json'), 'utf8')) as { nextAt: number }).nextAt
  } catch {
    return undefined
  }
}

interface Scheduled {
  name: string
  type: string
  ifelapsedMs: number
  expireafterMs: number
  last: number
}

const scheduleColumns = (now: number): Column<Scheduled>[] => [
  { head: 'PROMISE', cell: ({ name }) => name },
  { head: 'TYPE', cell: ({ type }) => type },
  { head: 'IFELAPSED', cell: ({ ifelapsedMs }) => duration(ifelapsedMs), right: true },
  { head: 'EXPIREAFTER', cell: ({ expireafterMs }) => duration(expireafterMs), right: true },
  { head: 'LAST', cell: ({ last }) => ago(last, now), right: true },
]

async function ledger(since: string, command: Command): Promise<void> {
  const { state, json, api } = contextOf(command)
  const { agentFolder, Ledger } = await import('#agent')
  const from = Date.now() - parseDuration(since)
  const entries = new Ledger(agentFolder(state)).entries().filter(({ at }) => at >= from)
  const shadow = await api
    .get<{ wouldHaveDelayed: { processes: number; ms: number } }>('/agent/status')
    .then(({ wouldHaveDelayed }) => wouldHaveDelayed)
    .catch(() => undefined)
  if (json) {
    printJson({ wouldHaveDelayed: shadow ?? null, entries })
    return
  }
  print(table(entries.reverse(), ledgerColumns, 'nothing was done'))
  if (shadow)
    print(
      '',
      `enforcement would have delayed ${plural(shadow.processes, 'process', 'processes')} for ${(shadow.ms / 1000).toFixed(0)} s in the last 7 days`,
    )
}

const colours: Record<string, 'red' | 'yellow'> = { not_kept: 'red', begun: 'red', repaired: 'yellow' }

const ledgerColumns: Column<LedgerEntry>[] = [
  { head: 'ID', cell: ({ id }) => id },
  { head: 'WHEN', cell: ({ at }) => moment(at) },
  { head: 'PROMISE', cell: ({ promise }) => promise },
  {
    head: 'RESULT',
    cell: ({ result, undone }) => (undone ? 'taken back' : result.replace('_', ' ')),
    style: ({ result }) => colours[result],
  },
  {
    head: 'WHAT',
    cell: ({ line, act, target, result }) =>
      line || `${act} ${target}${result === 'begun' ? ': its run is at it, or died at it' : ''}`,
    shrink: true,
  },
]
