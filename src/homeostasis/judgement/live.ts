/** One profile that a kernel sensor watches: its judgement, the slots for the kernel, the processes by pair. Pure. */
import { SupportCounter } from '../support.ts'
import type { ExecEdge } from './edges.ts'
import { measureReport, type UnitReport } from './events.ts'
import { GRAMS_LIMIT } from './grams.ts'
import { Judgement } from './judgement.ts'
import { rewriteEvery, SlotTable } from './slots.ts'
import { Supports } from './supports.ts'
import type { UnitScore } from './types.ts'
import type { Verdict } from './verdict.ts'

/** Processes that are known to go on from a full unit. */
const LONG_LIMIT = 1024
const DAY_MS = 24 * 3600_000

/** A unit as a sensor tells of it. */
export interface LiveUnit {
  report: UnitReport
  edges: readonly ExecEdge[]
  /** Its task, and whether it is the first unit of its image. */
  tid: number
  first: boolean
  /** Its image began by exec: before its calls there was none. */
  fresh: boolean
  /** False: part of it was lost. Its numbers are a lower bound; it is judged, and not learned. */
  whole: boolean
}

export interface LiveVerdict {
  verdict: Verdict
  windows: UnitScore['windows']
  /** Number of the unit in its profile; undefined: it was not learned nor held. */
  ordinal: number | undefined
  /** The slots are to be written anew. */
  slotsDue: boolean
}

export class LiveJudgement {
  readonly judgement: Judgement
  readonly slots: SlotTable
  readonly processes = new SupportCounter()
  readonly #long = new Map<number, number>()
  readonly #since: number
  readonly #began: number
  #units = 0
  #unwritten = 0
  #broken = 0

  /**
   * @param from what was saved; else a window for one that begins
   * @param random 32 bits: of the tables' hash, and of the first version of the slots
   * @param now ms since the epoch
   * @param began when its profile's life began, of one that was saved
   */
  constructor(
    from: Judgement | number,
    random: { seed: number; version: number },
    now: number,
    began: number = now,
  ) {
    this.judgement =
      typeof from === 'number' ? new Judgement(new Supports(from, GRAMS_LIMIT, random.seed)) : from
    this.slots = new SlotTable(random.version)
    this.#since = now
    this.#began = Math.min(began, now)
  }

  /** Units that were not whole. */
  get broken(): number {
    return this.#broken
  }

  /**
   * Units a day since it has been watched, or since its profile began if that is more: a restart makes no busy program a
   * quiet one. Of less than a day those there were.
   */
  unitsPerDay(now: number): number {
    const rate = (units: number, since: number) => (units * DAY_MS) / Math.max(DAY_MS, now - since)
    return Math.max(rate(this.#units, this.#since), rate(this.judgement.units, this.#began))
  }

  take({ report, edges, tid, first, fresh, whole }: LiveUnit): LiveVerdict {
    const { judgement } = this
    const { supports } = judgement
    const measured = measureReport(supports, report)
    const { windows } = measured.score
    this.#units++
    if (!whole) {
      this.#broken++
      const verdict = judgement.judge(measured.score, edges)
      return { verdict, windows, ordinal: undefined, slotsDue: false }
    }
    const ordinal = judgement.units
    const process = this.#processOf(tid, first)
    for (const run of measured.runs) this.processes.run(process, run, supports.window)
    if (fresh) this.processes.start(process, report.head, supports.window)
    const verdict = judgement.take({ ...measured, edges })
    const slotsDue = ++this.#unwritten >= rewriteEvery(supports.n)
    return { verdict, windows, ordinal, slotsDue }
  }

  /** The slots as they are to be in the kernel now. Not to be changed. */
  write(): { version: number; slots: Uint32Array } {
    const { supports } = this.judgement
    this.#unwritten = 0
    this.slots.write(supports, supports.n + rewriteEvery(supports.n))
    return { version: this.slots.version, slots: this.slots.slots }
  }

  #processOf(tid: number, first: boolean): number {
    const there = first ? undefined : this.#long.get(tid)
    if (there !== undefined) return there
    const process = this.processes.begin()
    this.#long.delete(tid)
    this.#long.set(tid, process)
    const [oldest] = this.#long.keys()
    if (this.#long.size > LONG_LIMIT && oldest !== undefined) this.#long.delete(oldest)
    return process
  }
}
