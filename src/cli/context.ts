/** What every command is told before its own options: which host's state, which config, and whether a program reads. */
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { type Command, Option } from 'commander'
import { Api } from './api.ts'

export interface Context {
  /** The state folder, absolute. */
  state: string
  /** --config, as given. */
  config: string | undefined
  json: boolean
  api: Api
}

export const globalOptions = [
  new Option(
    '--state <dir>',
    'state folder of the host (default: /var/lib/lymph as root, else $XDG_STATE_HOME/lymph or ~/.local/state/lymph)',
  ),
  new Option('--config <file>', 'configuration file (default: the shipped config/lymph.yaml)'),
  new Option('--json', 'print JSON for programs instead of text for people'),
]

/** #daemon has the same rule; asking it would load the whole daemon for each `lymph status`. */
function defaultState(): string {
  if (process.getuid?.() === 0) return '/var/lib/lymph'
  return join(process.env.XDG_STATE_HOME || join(homedir(), '.local/state'), 'lymph')
}

/** @param command the command that runs, as commander hands it to its action */
export function contextOf(command: Command): Context {
  const options = command.optsWithGlobals<{ state?: string; config?: string; json?: boolean }>()
  const state = resolve(options.state ?? defaultState())
  return {
    state,
    config: options.config,
    json: options.json ?? false,
    api: new Api(join(state, 'run/api.sock')),
  }
}

/** One JSON value on standard output, indented for a person who looks, and valid for a program. */
export function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value, null, 2)}\n`)
}

export function print(...lines: string[]): void {
  process.stdout.write(`${lines.join('\n')}\n`)
}
