import type { SensorSettings } from '../interface.ts'

/** pH's, with delays off: what holds until somebody says otherwise. */
export const DEFAULT_SETTINGS: SensorSettings = {
  window: 6,
  anomalyLimit: 30,
  tolerizeLimit: 12,
  localityWindow: 128,
  delayLimitMs: 600_000,
  defaultDelayUnitMs: 0,
}

const RANGES: Record<
  Exclude<keyof SensorSettings, 'judge' | 'interpreters'>,
  [least: number, most: number]
> = {
  window: [2, 9],
  anomalyLimit: [0, 2 ** 31 - 1],
  tolerizeLimit: [0, 128],
  localityWindow: [1, 128],
  delayLimitMs: [0, 7 * 24 * 3600 * 1000],
  defaultDelayUnitMs: [0, 3600 * 1000],
}

/** Throws RangeError, naming the setting, unless all are whole numbers within their bounds. */
export function checkSettings(settings: SensorSettings): void {
  for (const [name, [least, most]] of Object.entries(RANGES) as [keyof typeof RANGES, [number, number]][]) {
    const value = settings[name]
    const whole = name.endsWith('Ms') || Number.isInteger(value)
    if (typeof value !== 'number' || !Number.isFinite(value) || !whole || value < least || value > most)
      throw new RangeError(`${name} must be ${least}..${most}, not ${String(value)}`)
  }
}
