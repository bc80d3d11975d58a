/** `lymph daemon`: the unprivileged process, as `lymph up` or a systemd unit starts it. */
import { Command, InvalidArgumentError } from 'commander'
import { contextOf } from './context.ts'

interface DaemonFlags {
  listen?: string[]
  host?: string
  sensor: boolean
  supervisorFd?: number
}

export function daemonCommand(): Command {
  return new Command('daemon')
    .description('Run the unprivileged daemon process alone; `lymph up` starts it by itself.')
    .option('--listen <multiaddr...>', 'where other hosts reach this one (default: as the config says)')
    .option('--host <name>', "this host's name (default: as the config says, else the system's)")
    .option('--no-sensor', 'do not look for a sensor')
    .option('--supervisor-fd <n>', 'a pipe to whoever started this: it ends when that one dies', descriptor)
    .action(async (options: DaemonFlags, command: Command) => {
      const { state, config } = contextOf(command)
      const { runDaemon } = await import('#daemon')
      process.exitCode = await runDaemon({
        state,
        listen: options.listen,
        host: options.host,
        sensor: options.sensor,
        supervisorFd: options.supervisorFd,
        configFile: config,
      })
    })
}

function descriptor(text: string): number {
  const fd = Number(text)
  if (!/^\d+$/.test(text) || fd < 3 || fd > 1023) throw new InvalidArgumentError('a number from 3 to 1023')
  return fd
}
