/** `lymph selftest`: plants a harmless anomaly and follows it. */
import { Command } from 'commander'
import { contextOf } from './context.ts'

export function selftestCommand(): Command {
  return new Command('selftest')
    .description(
      'Learn a harmless helper, let it take an unusual path, follow that to incident and warning. As root with the kernel sensor, else with strace.',
    )
    .addHelpText('after', '\nExit code 1 when a step fails, 4 when nothing can be watched here.')
    .action(async (_options: object, command: Command) => {
      const { json } = contextOf(command)
      const { selftest } = await import('#daemon')
      await selftest((step) => {
        const text = json
          ? JSON.stringify(step)
          : `${String(step.ms).padStart(6)} ms  ${step.step.padEnd(9)} ${step.detail}`
        process.stdout.write(`${text}\n`)
      })
    })
}
