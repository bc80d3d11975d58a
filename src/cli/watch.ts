/** `lymph watch -- COMMAND`: one command under the software sensor, as the user who asks, without root. */
import { Command } from 'commander'
import type { ProfileRecord } from '#homeostasis'
import { type AnomalyEvent, SoftwareSensorError, watchCommand as watchCalls } from '#sensor'
import { contextOf } from './context.ts'
import { CommandError, exitCodes, lineOf } from './errors.ts'
import { plain } from './format.ts'
import { openKeeper } from './watch/keeper.ts'
import { report, reportText } from './watch/report.ts'

export function watchCommand(): Command {
  return new Command('watch')
    .description('Run one command and learn from it, or test it, without root. Slow: every call is traced.')
    .argument('<command...>', 'after --, with its arguments')
    .option(
      '--normalize',
      'accept what the command did as normal: from the next time on deviations are anomalies',
    )
    .option('--quiet', 'say nothing of it at the end unless something was unusual')
    .addHelpText(
      'after',
      '\nThe exit code is that of the command. The report goes to standard error; with --json it is the last line of\n' +
        'standard output. Profiles go to the daemon where one runs, else to the state folder.\n\n' +
        'Example:\n  lymph watch -- ls -l',
    )
    .action(async (argv: string[], options: { normalize?: boolean; quiet?: boolean }, command: Command) => {
      const context = contextOf(command)
      const keeper = await openKeeper(context)
      const before = new Map<string, ProfileRecord>()
      const result = await watchCalls(argv, {
        settings: keeper.settings,
        saved: async (executable, file) => {
          const record = await keeper.saved(executable, file)
          if (record) before.set(`${executable.abi} ${executable.path}`, record)
          return record
        },
      }).catch((error: unknown) => {
        throw error instanceof SoftwareSensorError ? new CommandError(error.message, exitFor(error)) : error
      })
      // What happened to the command comes first: its exit code stands even when nothing can be saved.
      process.exitCode = result.exitCode
      for (const refused of result.refused) complain(lineOf(refused))
      let incidents: unknown
      try {
        await keeper.keep(result.profiles, options.normalize ?? false)
        incidents = await keeper.tell(result.anomalies, result.profiles)
      } catch (error) {
        complain(lineOf(error))
      }
      const told = report(argv, result, before, incidents)
      if (context.json) process.stdout.write(`${JSON.stringify(told)}\n`)
      else if (!options.quiet || result.anomalous > 0) process.stderr.write(`${reportText(told)}\n`)
    })
}

export type WatchedAnomaly = AnomalyEvent & { binary: string }

function exitFor({ code }: SoftwareSensorError): number {
  return code === 'no-strace' || code === 'ptrace-forbidden' ? exitCodes.degraded : exitCodes.usage
}

function complain(line: string): void {
  process.stderr.write(`error: lymph watch: ${plain(line)}\n`)
}
