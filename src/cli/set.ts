/** `lymph set`: pH-admin's variables. The daemon knows them, their bounds and units; it says what is wrong with a value. */
import { Command } from 'commander'
import { nearest } from '#classes'
import { contextOf, print, printJson } from './context.ts'
import { duration, parseDuration } from './duration.ts'
import { CommandError } from './errors.ts'
import { facts } from './table.ts'

type Settings = Record<string, string | number>

/** Settings in seconds: shown and taken as durations too. */
const inSeconds = new Set(['normal_wait', 'delay_limit'])

export function setCommand(): Command {
  return new Command('set')
    .description("Show pH's variables, or change one; it holds from now on and over restarts.")
    .argument('[key]', 'window, normal_wait, anomaly_limit, delay_factor, ...: `lymph set` lists them')
    .argument('[value]', 'a number, a word, or a duration such as 2d12h')
    .addHelpText('after', '\nExamples:\n  lymph set normal_wait 2d12h\n  lymph set delay_factor 1')
    .action(
      async (key: string | undefined, value: string | undefined, _options: object, command: Command) => {
        const { api, json } = contextOf(command)
        let settings = await api.get<Settings>('/settings')
        if (key !== undefined && !(key in settings)) throw unknownKey(key, Object.keys(settings))
        if (key !== undefined && value !== undefined)
          settings = (await api.post<Settings>('/settings', { key, value: valueFor(key, value) })) ?? settings
        const chosen = key === undefined ? settings : { [key]: settings[key] as string | number }
        if (json) printJson(chosen)
        else print(facts(Object.entries(chosen).map(([name, now]) => [name, shown(name, now)])))
      },
    )
}

function valueFor(key: string, text: string): string | number {
  if (inSeconds.has(key)) return parseDuration(text) / 1000
  return /^-?\d+(\.\d+)?$/.test(text) ? Number(text) : text
}

function shown(key: string, value: string | number): string {
  if (inSeconds.has(key) && typeof value === 'number') return `${value} (${duration(value * 1000)})`
  return String(value)
}

function unknownKey(key: string, keys: string[]): CommandError {
  const near = nearest(key, keys)
  return new CommandError(
    `no setting is called "${key}": ${near.length > 0 ? `did you mean ${near.join(' or ')}?` : `they are ${keys.join(', ')}`}`,
  )
}
