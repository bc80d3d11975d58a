import { readdirSync } from 'node:fs'
import { Draft } from './reading.ts'
import type { Moment, Places, Probe, Reading } from './types.ts'

/** Temperatures read at most. */
const limit = 64
/** What drivers answer for a sensor that is switched off or asleep. */
const whenOff = ['ENOENT', 'EINVAL', 'ENODATA', 'EAGAIN', 'EIO', 'ENXIO', 'ENODEV'] as const

/**
 * Degrees Celsius: `tempN` is thermal zone N, as in CFEngine; on a host without thermal zones the N-th sensor of
 * /sys/class/hwmon. A zone that is switched off has no value; that is no problem.
 */
export class TemperatureProbe implements Probe {
  readonly name = 'temperatures'
  readonly #sys: string

  constructor({ sys }: Places) {
    this.#sys = sys
  }

  read(_now: Moment): Reading {
    const draft = new Draft()
    const zones = this.#zones()
    for (const [index, path] of zones.length > 0 ? zones : this.#sensors()) {
      const name = `temp${index}`
      draft.put(name, draft.parse(path, name, parseMillidegrees, whenOff))
    }
    return draft
  }

  #zones(): [number, string][] {
    const folder = `${this.#sys}/class/thermal`
    return numbered(folder, /^thermal_zone(\d+)$/)
      .slice(0, limit)
      .map(([number, entry]) => [number, `${folder}/${entry}/temp`])
  }

  #sensors(): [number, string][] {
    const folder = `${this.#sys}/class/hwmon`
    return numbered(folder, /^hwmon(\d+)$/)
      .flatMap(([, chip]) =>
        numbered(`${folder}/${chip}`, /^temp(\d+)_input$/).map(([, entry]) => `${folder}/${chip}/${entry}`),
      )
      .slice(0, limit)
      .map((path, index) => [index, path])
  }
}

/** Entries of a folder that match, in the order of their number; none of a folder that is not there. */
function numbered(folder: string, pattern: RegExp): [number: number, entry: string][] {
  let entries: string[]
  try {
    entries = readdirSync(folder)
  } catch {
    return []
  }
  return entries
    .map((entry): [number, string] => [Number(pattern.exec(entry)?.[1] ?? Number.NaN), entry])
    .filter(([number]) => Number.isSafeInteger(number))
    .sort(([a], [b]) => a - b)
}

export function parseMillidegrees(text: string): number | undefined {
  return /^-?\d+\n?$/.test(text) ? Number(text) / 1000 : undefined
}
