import type { Settings } from './types.ts'

/** pH shifts a 32-bit word: the exponent ends two bits below its width. */
export const EXPONENT_CAP = 30

/**
 * How long a call is held, in ms: unit * 2^LFC, every call while LFC > 0 (pH_delay_task). `unitMs` 0: not at all.
 * Never more than `limitMs`.
 */
export function delayOf(lfc: number, unitMs: number, limitMs: number): number {
  if (lfc <= 0 || unitMs <= 0) return 0
  return Math.min(unitMs * 2 ** Math.min(lfc, EXPONENT_CAP), limitMs)
}

/** pH's delay_factor jiffies, in ms. */
export function delayUnitMs(settings: Pick<Settings, 'delayFactor' | 'jiffyMs'>): number {
  return settings.delayFactor * settings.jiffyMs
}

/** LFC and settings -> ms, as if the profile's response were `delay`. */
export function delayMs(
  lfc: number,
  settings: Pick<Settings, 'delayFactor' | 'jiffyMs' | 'delayLimit'>,
): number {
  return delayOf(lfc, delayUnitMs(settings), settings.delayLimit * 1000)
}
