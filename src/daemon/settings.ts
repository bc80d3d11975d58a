/**
 * pH-admin's variables: what `lymph set` shows and changes. One table gives each its name, bounds, unit and meaning;
 * docs/reference/settings.md is written from it.
 */
import type { Settings } from '#homeostasis'
import { DaemonError } from './errors.ts'

export type DaemonSettings = Settings & { logLevel: number }

interface Variable {
  key: keyof DaemonSettings
  name: string
  kind: 'integer' | 'seconds' | 'choice'
  min?: number
  max?: number
  choices?: readonly string[]
  initial: number | string
  meaning: string
}

const day = 24 * 3600

export const variables: readonly Variable[] = [
  {
    key: 'window',
    name: 'window',
    kind: 'integer',
    min: 2,
    max: 9,
    initial: 6,
    meaning: 'calls in a window, the current one included; profiles of another window are kept but rest',
  },
  {
    key: 'empty',
    name: 'empty',
    kind: 'choice',
    choices: ['symbol'],
    initial: 'symbol',
    meaning:
      'the start of a process is a symbol of its own, as in pH (recorded traces may skip it: trace --empty)',
  },
  {
    key: 'normalFactor',
    name: 'normal_factor',
    kind: 'integer',
    min: 1,
    max: 1_000_000,
    initial: 128,
    meaning: 'frozen when calls * normal_factor_den > (calls up to the last new pair) * normal_factor',
  },
  {
    key: 'normalFactorDen',
    name: 'normal_factor_den',
    kind: 'integer',
    min: 1,
    max: 1_000_000,
    initial: 32,
    meaning: 'see normal_factor',
  },
  {
    key: 'normalWait',
    name: 'normal_wait',
    kind: 'seconds',
    min: 0,
    max: 3650 * day,
    initial: 7 * day,
    meaning: 'seconds between frozen and normal',
  },
  {
    key: 'anomalyLimit',
    name: 'anomaly_limit',
    kind: 'integer',
    min: 0,
    max: 1_000_000,
    initial: 30,
    meaning: 'a normal profile with more anomalies than this goes back to learning',
  },
  {
    key: 'tolerizeLimit',
    name: 'tolerize_limit',
    kind: 'integer',
    min: 0,
    max: 128,
    initial: 12,
    meaning:
      'while a task has more anomalous calls than this in its locality frame, nothing it does is learned',
  },
  {
    key: 'localityWindow',
    name: 'locality_window',
    kind: 'integer',
    min: 1,
    max: 128,
    initial: 128,
    meaning: 'calls of the locality frame',
  },
  {
    key: 'delayFactor',
    name: 'delay_factor',
    kind: 'integer',
    min: 0,
    max: 1_000_000,
    initial: 0,
    meaning: 'an anomalous process waits delay_factor * 2^LFC * jiffy_ms before each call; 0: never',
  },
  {
    key: 'jiffyMs',
    name: 'jiffy_ms',
    kind: 'integer',
    min: 1,
    max: 1000,
    initial: 10,
    meaning: 'milliseconds of a jiffy',
  },
  {
    key: 'delayLimit',
    name: 'delay_limit',
    kind: 'seconds',
    min: 1,
    max: 600,
    initial: 600,
    meaning: 'no single delay is longer than this many seconds',
  },
  {
    key: 'defaultResponse',
    name: 'default_response',
    kind: 'choice',
    choices: ['ignore', 'delay'],
    initial: 'ignore',
    meaning: 'what an anomalous process gets when nothing was said of its binary',
  },
  {
    key: 'logLevel',
    name: 'log_level',
    kind: 'integer',
    min: 1,
    max: 4,
    initial: 3,
    meaning: 'messages: 1 errors, 2 changes of state, 3 anomalies and delays, 4 files too',
  },
]

const units: Record<string, number> = { s: 1, m: 60, h: 3600, d: day }

/** `90`, `90s`, `30m`, `2d12h` to seconds; undefined for anything else. */
export function parseSeconds(text: string): number | undefined {
  if (/^\d+$/.test(text)) return Number(text)
  if (!/^(\d+[smhd])+$/.test(text)) return undefined
  let seconds = 0
  for (const [, count, unit] of text.matchAll(/(\d+)([smhd])/g))
    seconds += Number(count) * (units[unit as string] as number)
  return seconds
}

/**
 * The value of a variable from what a person or a file wrote.
 * @throws DaemonError saying what the variable takes
 */
export function parseSetting(name: string, value: unknown): [keyof DaemonSettings, number | string] {
  const variable = variables.find((v) => v.name === name)
  if (!variable) {
    const names = variables.map((v) => v.name).join(', ')
    throw new DaemonError(`no setting is called "${name}": the settings are ${names}`)
  }
  const text = String(value)
  const refuse = (takes: string) => new DaemonError(`setting ${name}: "${text}" is not ${takes}`)
  if (variable.kind === 'choice') {
    if (!variable.choices?.includes(text)) throw refuse(`one of ${variable.choices?.join(', ')}`)
    return [variable.key, text]
  }
  const number =
    variable.kind === 'seconds' ? parseSeconds(text) : /^\d+$/.test(text) ? Number(text) : undefined
  const { min = 0, max = Number.MAX_SAFE_INTEGER } = variable
  if (number === undefined || number < min || number > max) {
    const what =
      variable.kind === 'seconds' ? 'a number of seconds or a duration like 2d12h' : 'a whole number'
    throw refuse(`${what} from ${min} to ${max}`)
  }
  return [variable.key, number]
}

export function initialSettings(): DaemonSettings {
  return Object.fromEntries(variables.map((v) => [v.key, v.initial])) as unknown as DaemonSettings
}

/** As `lymph set` shows them: by their names. */
export function namedSettings(settings: DaemonSettings): Record<string, number | string> {
  return Object.fromEntries(variables.map((v) => [v.name, settings[v.key]]))
}
