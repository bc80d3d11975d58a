import { Rates } from './rates.ts'
import { Draft } from './reading.ts'
import type { Moment, Places, Probe, Reading } from './types.ts'

/** `full` of the CPU is always 0 for a whole host, and left out. */
const sources = { cpu: ['some'], memory: ['some', 'full'], io: ['some', 'full'] } as const

/** Kernels without it, or started with psi=0. */
const absent = ['ENOENT', 'EOPNOTSUPP'] as const

/**
 * Pressure stall information: percent of the time since the reading before in which some task (`pressure_io`), or every
 * task that had work (`pressure_io_full`), waited for a resource. From the running totals, not the kernel's averages.
 */
export class PressureProbe implements Probe {
  readonly name = 'pressure'
  readonly #folder: string
  readonly #rates = new Rates()

  constructor({ proc }: Places) {
    this.#folder = `${proc}/pressure`
  }

  read({ monotonicMs }: Moment): Reading {
    const draft = new Draft()
    for (const [source, kinds] of Object.entries(sources)) {
      const totals = draft.parse(`${this.#folder}/${source}`, `pressure_${source}`, parsePressure, absent)
      for (const kind of kinds) {
        const total = totals?.get(kind)
        if (total === undefined) continue
        const name = kind === 'some' ? `pressure_${source}` : `pressure_${source}_full`
        const microsecondsPerSecond = this.#rates.perSecond(name, total, monotonicMs)
        if (microsecondsPerSecond !== undefined) draft.put(name, Math.min(100, microsecondsPerSecond / 1e4))
      }
    }
    return draft
  }
}

/** `some` and `full` to microseconds stalled since boot. */
export function parsePressure(text: string): Map<string, number> | undefined {
  const totals = new Map<string, number>()
  for (const [, kind, total] of text.matchAll(/^(some|full) avg10=\S+ avg60=\S+ avg300=\S+ total=(\d+)$/gm))
    totals.set(kind!, Number(total))
  return totals.has('some') ? totals : undefined
}
