/**
 * pH-admin's variables: what `lymph set` shows and changes. One table gives each its name, bounds, unit and meaning;
 * docs/reference/settings.md is written from it.
 */
import { DEFAULT_SETTINGS, SETTING_RULES, type Settings, settingName } from '#homeostasis'
import type { SensorSettings } from '#sensor'
import { DaemonError } from './errors.ts'

export type DaemonSettings = Settings & { logLevel: number; judge: 'on' | 'off' }

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

/** What pH's settings mean; what they may be, homeostasis says. */
const meanings: Readonly<Record<keyof Settings, string>> = {
  window: 'calls in a window, the current one included; profiles of another window are kept but rest',
  empty:
    'the start of a process is a symbol of its own, as in pH (recorded traces may skip it: trace --empty)',
  normalFactor: 'frozen when calls * normal_factor_den > (calls up to the last new pair) * normal_factor',
  normalFactorDen: 'see normal_factor',
  normalWait: 'seconds between frozen and normal',
  anomalyLimit: 'a normal profile with more anomalies than this goes back to learning',
  tolerizeLimit:
    'while a task has more anomalous calls than this in its locality frame, nothing it does is learned',
  localityWindow: 'calls of the locality frame',
  delayFactor: 'an anomalous process waits delay_factor * 2^LFC * jiffy_ms before each call; 0: never',
  jiffyMs: 'milliseconds of a jiffy',
  delayLimit: 'no single delay is longer than this many seconds',
  defaultResponse: 'what an anomalous process gets when nothing was said of its binary',
}

const inSeconds: readonly (keyof Settings)[] = ['normalWait', 'delayLimit']

/** Where a live host allows less than recorded traces do. */
const narrower: Partial<Record<keyof Settings, Partial<Variable>>> = {
  // The kernel's table has the start of a process as a symbol.
  empty: { choices: ['symbol'] },
  anomalyLimit: { max: 1_000_000 },
}

export const variables: readonly Variable[] = [
  ...(Object.keys(meanings) as (keyof Settings)[]).map((key): Variable => {
    const rule = SETTING_RULES[key]
    return {
      key,
      name: settingName(key),
      ...(rule.kind === 'word'
        ? { kind: 'choice', choices: rule.words }
        : { kind: inSeconds.includes(key) ? 'seconds' : 'integer', min: rule.least, max: rule.most }),
      initial: DEFAULT_SETTINGS[key],
      meaning: meanings[key],
      ...narrower[key],
    }
  }),
  {
    key: 'judge',
    name: 'judge',
    kind: 'choice',
    choices: ['on', 'off'],
    initial: 'on',
    meaning:
      'how surprising each process is for its own program is told in bits; it never delays, and pH is as without it',
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

/** What a sensor must know of them. */
export function sensorSettings(s: DaemonSettings, interpreters: readonly string[] = []): SensorSettings {
  return {
    window: s.window,
    anomalyLimit: s.anomalyLimit,
    tolerizeLimit: s.tolerizeLimit,
    localityWindow: s.localityWindow,
    delayLimitMs: s.delayLimit * 1000,
    defaultDelayUnitMs: s.defaultResponse === 'delay' ? s.delayFactor * s.jiffyMs : 0,
    judge: s.judge === 'on',
    interpreters: [...interpreters],
  }
}
