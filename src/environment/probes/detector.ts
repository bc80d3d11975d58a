import { canonify } from '#classes'
import { Rates } from './rates.ts'
import { Draft } from './reading.ts'
import type { Moment, Probe, Reading } from './types.ts'

/** What the detector of system calls counts. Counts run up from its start; the others are of now. */
export interface DetectorFigures {
  /** Anomalous calls of settled profiles so far: first encounters would drown them. */
  anomalies: number
  /** Processes of settled profiles whose locality frame holds an anomalous call now. */
  abnormalProcesses: number
  /** Binaries seen for the first time so far. */
  newBinaries: number
  /** Processes being delayed now. */
  delayed: number
  /** System calls of each binary so far, by path. */
  callsByBinary: ReadonlyMap<string, number>
}

/** Counts of the detector are given for so long, whatever the time between two readings. */
export const countedMs = 10_000
/** Binaries whose calls are counted, at most. */
export const binaryLimit = 32

/** `/usr/sbin/nginx` -> `ph_usr_sbin_nginx`, as cfengine 2 named pH's figures. */
export function binaryObservable(path: string): string {
  return `ph_${canonify(path.replace(/^\/+/, '')).slice(0, 96)}`
}

/**
 * The detector's figures as observables.
 * @param figures asked at each reading; undefined while there is no detector
 * @param binaries paths whose calls are counted
 */
export class DetectorProbe implements Probe {
  readonly name = 'detector'
  readonly #figures: () => DetectorFigures | undefined
  readonly #binaries = new Map<string, string>()
  readonly #refused: { path: string; why: string }[] = []
  readonly #rates = new Rates()

  constructor(figures: () => DetectorFigures | undefined, binaries: readonly string[] = []) {
    this.#figures = figures
    for (const path of binaries) {
      const name = binaryObservable(path)
      const other = this.#binaries.get(name)
      if (other === path) continue
      if (other !== undefined) this.#refused.push({ path, why: `${name} is already ${other}` })
      else if (this.#binaries.size >= binaryLimit)
        this.#refused.push({ path, why: `${binaryLimit} binaries are the most` })
      else this.#binaries.set(name, path)
    }
  }

  read({ monotonicMs }: Moment): Reading {
    const draft = new Draft()
    for (const { path, why } of this.#refused)
      draft.problem(`binary ${path}`, `environment.binaries: ${path}: its calls are not counted: ${why}`)
    const figures = this.#figures()
    if (!figures) return draft
    const per = (name: string, count: number) => {
      const rate = this.#rates.perSecond(name, count, monotonicMs)
      return rate === undefined ? undefined : (rate * countedMs) / 1000
    }
    draft.put('ph_anomalies', per('ph_anomalies', figures.anomalies))
    draft.put('ph_abnormal_processes', figures.abnormalProcesses)
    draft.put('ph_new_binaries', per('ph_new_binaries', figures.newBinaries))
    draft.put('ph_delayed', figures.delayed)
    for (const [name, path] of this.#binaries) {
      const calls = figures.callsByBinary.get(path)
      if (calls !== undefined) draft.put(name, per(name, calls))
    }
    return draft
  }
}
