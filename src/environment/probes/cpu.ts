import { Rates } from './rates.ts'
import { count, Draft } from './reading.ts'
import type { Moment, Places, Probe, Reading } from './types.ts'

interface Ticks {
  busy: number
  total: number
}

/** Percent of the time since the reading before in which a CPU was neither idle nor waiting for I/O. */
export class CpuProbe implements Probe {
  readonly name = 'cpu'
  readonly #path: string
  readonly #rates = new Rates()

  constructor({ proc }: Places) {
    this.#path = `${proc}/stat`
  }

  read({ monotonicMs }: Moment): Reading {
    const draft = new Draft()
    const cpus = draft.parse(this.#path, 'cpu and each cpuN', parseCpus)
    for (const [name, ticks] of cpus ?? []) {
      const busy = this.#rates.growth(`${name} busy`, ticks.busy, monotonicMs)
      const total = this.#rates.growth(`${name} total`, ticks.total, monotonicMs)
      // idle and iowait may fall a little (proc(5)): then the part is larger than the whole.
      if (busy !== undefined && total !== undefined && total > 0)
        draft.put(name, Math.min(100, (100 * busy) / total))
    }
    return draft
  }
}

/** The `cpu` lines of /proc/stat: user nice system idle iowait irq softirq steal (guest time is in user and nice). */
export function parseCpus(text: string): Map<string, Ticks> | undefined {
  const cpus = new Map<string, Ticks>()
  for (let start = 0; text.startsWith('cpu', start); ) {
    const end = text.indexOf('\n', start)
    const [name = '', ...fields] = text.slice(start, end < 0 ? undefined : end).split(/ +/)
    const ticks = fields.slice(0, 8).map(count)
    if (!/^cpu\d*$/.test(name) || ticks.length < 4 || ticks.includes(undefined)) return undefined
    const [user, nice, system, idle, iowait = 0, irq = 0, softirq = 0, steal = 0] = ticks as number[]
    const busy = user! + nice! + system! + irq + softirq + steal
    cpus.set(name, { busy, total: busy + idle! + iowait })
    if (end < 0) break
    start = end + 1
  }
  return cpus.has('cpu') ? cpus : undefined
}
