import { SettingError } from './errors.ts'
import type { Settings } from './types.ts'

/**
 * pH 0.18's constants (Somayaji and Forrest 2000), but for the window (the 2003 paper's 6), and `delayLimit`, which
 * pH had not: no single delay is longer than ten minutes.
 */
export const DEFAULT_SETTINGS: Readonly<Settings> = Object.freeze({
  window: 6,
  empty: 'symbol',
  normalFactor: 128,
  normalFactorDen: 32,
  normalWait: 7 * 24 * 3600,
  anomalyLimit: 30,
  tolerizeLimit: 12,
  localityWindow: 128,
  delayFactor: 0,
  jiffyMs: 10,
  delayLimit: 600,
  defaultResponse: 'ignore',
})

export type SettingRule =
  | { kind: 'integer'; least: number; most: number }
  | { kind: 'word'; words: readonly string[] }

/** What each setting may be. The only place that says so. */
export const SETTING_RULES: Readonly<Record<keyof Settings, SettingRule>> = {
  window: { kind: 'integer', least: 2, most: 9 },
  empty: { kind: 'word', words: ['symbol', 'skip'] },
  normalFactor: { kind: 'integer', least: 1, most: 1_000_000 },
  normalFactorDen: { kind: 'integer', least: 1, most: 1_000_000 },
  normalWait: { kind: 'integer', least: 0, most: 10 * 365 * 24 * 3600 },
  anomalyLimit: { kind: 'integer', least: 0, most: 0x7fffffff },
  // A frame holds at most 128 anomalies: with 128 training is never dropped.
  tolerizeLimit: { kind: 'integer', least: 0, most: 128 },
  localityWindow: { kind: 'integer', least: 1, most: 128 },
  delayFactor: { kind: 'integer', least: 0, most: 1_000_000 },
  jiffyMs: { kind: 'integer', least: 1, most: 1000 },
  delayLimit: { kind: 'integer', least: 1, most: 600 },
  defaultResponse: { kind: 'word', words: ['ignore', 'delay'] },
}

/** `normalWait` -> `normal_wait`: how a setting is called on the command line and in the API. */
export function settingName(key: keyof Settings): string {
  return key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
}

/** All settings by the names of the command line: `{window: 6, normal_wait: 604800, ...}`. */
export function namedSettings(settings: Settings): Record<string, number | string> {
  const named: Record<string, number | string> = {}
  for (const key of Object.keys(SETTING_RULES) as (keyof Settings)[]) named[settingName(key)] = settings[key]
  return named
}

/**
 * Settings with one changed. `name` is the command line's (`normal_wait`) or the field's (`normalWait`); a number may
 * come as text. Throws SettingError for a name that is none and for a value out of range.
 */
export function changeSetting(settings: Settings, name: string, value: unknown): Settings {
  const key = (Object.keys(SETTING_RULES) as (keyof Settings)[]).find(
    (candidate) => candidate === name || settingName(candidate) === name,
  )
  if (key === undefined) {
    const names = (Object.keys(SETTING_RULES) as (keyof Settings)[]).map(settingName).join(', ')
    throw new SettingError(`there is no setting '${name}'; the settings are ${names}`)
  }
  const rule = SETTING_RULES[key]
  if (rule.kind === 'word') {
    if (typeof value === 'string' && rule.words.includes(value)) return { ...settings, [key]: value }
    throw new SettingError(`${settingName(key)} is ${rule.words.join(' or ')}, not '${String(value)}'`)
  }
  const text = typeof value === 'string' ? value.trim() : value
  const number = typeof text === 'string' && /^-?\d+$/.test(text) ? Number(text) : text
  if (typeof number === 'number' && Number.isInteger(number) && number >= rule.least && number <= rule.most)
    return { ...settings, [key]: number }
  throw new SettingError(
    `${settingName(key)} is a whole number from ${rule.least} to ${rule.most}, not '${String(value)}'`,
  )
}

/** Settings out of what was saved (any object; fields that are missing keep their default). Throws SettingError. */
export function settingsFrom(saved: Record<string, unknown>): Settings {
  let settings: Settings = { ...DEFAULT_SETTINGS }
  for (const [name, value] of Object.entries(saved)) settings = changeSetting(settings, name, value)
  return settings
}
