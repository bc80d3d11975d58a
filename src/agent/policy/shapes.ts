/** Shapes that every part of the language uses. Durations are seconds as a number, or `10ms`, `90s`, `5m`, `2d12h`. */
import { z } from 'zod'

const units: Readonly<Record<string, number>> = { ms: 0.001, s: 1, m: 60, h: 3600, d: 86_400 }

/** Seconds; undefined for what is no duration. */
export function secondsOf(value: string | number): number | undefined {
  if (typeof value === 'number') return Number.isFinite(value) && value >= 0 ? value : undefined
  if (/^\d+$/.test(value)) return Number(value)
  if (!/^(\d+(ms|[smhd]))+$/.test(value)) return undefined
  let seconds = 0
  for (const [, count, unit] of value.matchAll(/(\d+)(ms|[smhd])/g))
    seconds += Number(count) * (units[unit as string] as number)
  return seconds
}

const longestSeconds = 366 * 86_400

export const durationShape = z
  .union([z.string(), z.number()])
  .refine((value) => {
    const seconds = secondsOf(value)
    return seconds !== undefined && seconds <= longestSeconds
  }, 'a duration: seconds, or such as 90s, 5m, 2d12h, at most a year')
  .meta({ description: 'seconds, or a duration such as 90s, 5m, 2d12h' })

/** Milliseconds of a duration that its shape has let pass. */
export function milliseconds(value: string | number): number {
  return (secondsOf(value) ?? 0) * 1000
}

export const classNameShape = z
  .string()
  .regex(/^[A-Za-z0-9_]{1,128}$/, 'a class: letters, digits and _, at most 128')

export const nameShape = z
  .string()
  .regex(/^[A-Za-z0-9_.-]{1,64}$/, 'a name: letters, digits, _ . and -, at most 64')

export const pathShape = z
  .string()
  .max(4096)
  .startsWith('/', 'a full path')
  .refine((path) => !path.includes('\0'), 'a path without NUL')

/** A program and its arguments, each its own word: nothing is handed to a shell. */
export const argvShape = z
  .array(z.string().max(65_536))
  .min(1, 'a program and its arguments')
  .max(256)
  .refine((argv) => argv[0]?.startsWith('/') ?? false, 'the program by its full path')
  .meta({ description: 'the program by its full path, and its arguments, a list: there is no shell' })

export const one = <T>(list: T | readonly T[]): readonly T[] =>
  Array.isArray(list) ? (list as readonly T[]) : [list as T]
