/** `lymph env`: what the host measures of itself, and what is normal for each time of the week. */
import { Command } from 'commander'
import { lookCommands } from './env/look.ts'
import { replayCommand } from './env/replay.ts'

export function envCommand(): Command {
  const env = new Command('env').description('What this host measures of itself, and what is normal for it.')
  lookCommands(env)
  replayCommand(env)
  return env
}
