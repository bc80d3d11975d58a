/** `lymph up`: this host, with sensor, daemon and mesh, in the foreground until Ctrl-C. */
import { Command } from 'commander'
import { contextOf, print } from './context.ts'
import { plain } from './format.ts'

export function upCommand(): Command {
  return new Command('up')
    .description('Run this host: sensor, daemon, mesh; until Ctrl-C. Prints a line `ready` once all is up.')
    .option('--listen <multiaddr...>', 'where other hosts reach this one (default: as the config says)')
    .option('--no-sensor', 'do not watch this host; take part in the mesh only')
    .option('--host <name>', "this host's name (default: as the config says, else the system's)")
    .addHelpText('after', '\nExample:\n  lymph up --listen /ip4/0.0.0.0/tcp/7946')
    .action(async (options: { listen?: string[]; sensor: boolean; host?: string }, command: Command) => {
      const { state, config } = contextOf(command)
      const { runUp } = await import('#daemon')
      process.exitCode = await runUp({
        state,
        sensor: options.sensor,
        ...(options.listen ? { listen: options.listen } : {}),
        ...(options.host === undefined ? {} : { host: options.host }),
        ...(config === undefined ? {} : { configFile: config }),
        // What the unprivileged daemon says ends on a terminal of root's.
        say(line) {
          print(plain(line))
          if (line === 'ready' && process.stdout.isTTY)
            print(
              'elsewhere: `lymph top` shows what is happening, `lymph status` how it stands; Ctrl-C ends this host',
            )
        },
      })
    })
}
