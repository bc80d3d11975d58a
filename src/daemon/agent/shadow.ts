/**
 * What delays would have done had they been on: `enforcement would have delayed 4 processes for 11 s in the last 7
 * days`. What a process did while it would have been held is not counted: it would not have come to it. Pure; kept over
 * restarts as plain data.
 */
import { createHash } from 'node:crypto'
import { z } from 'zod'

const HOUR_MS = 3_600_000
const HOURS = 7 * 24
/** Processes told apart in the week; those seen longest ago are a mere number beyond it. */
export const PROCESSES_LIMIT = 4096
/** pH's limit on the exponent. */
const MAX_EXPONENT = 30

const count = z.number().min(0)
const savedShape = z.object({
  hours: z.array(z.object({ hour: z.int(), ms: count, beyond: count })).max(HOURS),
  /** Process, the last hour in which it would have been held, and until when, ms since the epoch. */
  processes: z.array(z.tuple([z.string().max(16), z.int(), z.number()])).max(PROCESSES_LIMIT),
})

/** At most 168 hours and 4096 processes: about 200 KiB. */
export type SavedShadow = z.infer<typeof savedShape>

interface Hour {
  hour: number
  ms: number
  /** Processes that had no place among those told apart; one that comes back is counted again. */
  beyond: number
}

export class ShadowDelays {
  readonly #hours: Hour[] = []
  /** The one held longest ago comes first. */
  readonly #processes = new Map<string, { hour: number; until: number }>()
  /** Something is not saved yet. */
  changed = false

  /** An anomalous call of a process that nobody delays. */
  saw(pid: number, binary: string, lfc: number, unitMs: number, limitMs: number, now: number): void {
    const process = nameOf(pid, binary)
    if (now < (this.#processes.get(process)?.until ?? 0)) return
    const current = this.#hourOf(now)
    const ms = Math.min(unitMs * 2 ** Math.min(lfc, MAX_EXPONENT), limitMs)
    current.ms += ms
    this.#processes.delete(process)
    this.#processes.set(process, { hour: current.hour, until: now + ms })
    for (const [oldest, { hour }] of this.#processes) {
      if (this.#processes.size <= PROCESSES_LIMIT) break
      this.#processes.delete(oldest)
      const of = this.#hours.find((one) => one.hour === hour)
      if (of) of.beyond++
    }
    this.changed = true
  }

  /** Of the last seven days. */
  total(now: number): { processes: number; ms: number } {
    const first = Math.floor(now / HOUR_MS) - HOURS
    const recent = this.#hours.filter(({ hour }) => hour > first)
    let processes = recent.reduce((sum, { beyond }) => sum + beyond, 0)
    for (const { hour } of this.#processes.values()) if (hour > first) processes++
    return { processes, ms: recent.reduce((sum, { ms }) => sum + ms, 0) }
  }

  save(): SavedShadow {
    this.changed = false
    return {
      hours: this.#hours.map((hour) => ({ ...hour })),
      processes: [...this.#processes].map(([name, { hour, until }]) => [name, hour, until]),
    }
  }

  /** What an earlier daemon saved, before anything is seen. @returns false: it is nothing that one saved */
  restore(saved: unknown, now: number): boolean {
    const parsed = savedShape.safeParse(saved)
    if (!parsed.success) return false
    for (const hour of parsed.data.hours.sort((a, b) => a.hour - b.hour)) this.#hours.push({ ...hour })
    for (const [name, hour, until] of parsed.data.processes) this.#processes.set(name, { hour, until })
    this.#forget(Math.floor(now / HOUR_MS))
    return true
  }

  /** A clock that was set back counts on in the newest hour there is. */
  #hourOf(now: number): Hour {
    const hour = Math.floor(now / HOUR_MS)
    const last = this.#hours.at(-1)
    if (last && last.hour >= hour) return last
    const current = { hour, ms: 0, beyond: 0 }
    this.#hours.push(current)
    this.#forget(hour)
    return current
  }

  #forget(hour: number): void {
    while ((this.#hours[0]?.hour ?? hour) <= hour - HOURS) this.#hours.shift()
    for (const [name, one] of this.#processes)
      if (one.hour <= hour - HOURS) this.#processes.delete(name)
      else break
  }
}

/** A path may have 4096 bytes; who it was need not be told, only that it is the same. */
const nameOf = (pid: number, binary: string): string =>
  createHash('sha256').update(`${pid} ${binary}`).digest('hex').slice(0, 16)
