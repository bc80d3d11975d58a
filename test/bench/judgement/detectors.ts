/** What is compared: each learns traces and gives back how odd another one is. */
import {
  GramTable,
  Judgement,
  measureUnit,
  PairTable,
  RING,
  ScoreTask,
  Supports,
  scoreCalls,
  UNIT_CALLS,
} from '#homeostasis'
import type { Trace } from './sets.ts'

export type Score = (trace: Trace) => number
export type Detector = (train: readonly Trace[]) => Score

/** Equal traces are scored once: most sets repeat themselves. */
function remembering(score: (calls: Uint16Array) => number): Score {
  const known = new Map<string, number>()
  return ({ calls }) => {
    const key = Buffer.from(calls.buffer, calls.byteOffset, calls.byteLength).toString('latin1')
    let found = known.get(key)
    if (found === undefined) {
      found = score(calls)
      known.set(key, found)
    }
    return found
  }
}

/** pH's largest LFC, frame 128, the empty start skipped. */
export const lfc =
  (window: number): Detector =>
  (train) => {
    const table = new PairTable()
    const all = (1 << (window - 1)) - 1
    for (const { calls } of train) {
      const ring = new Uint16Array(RING)
      let filled = 0
      for (let i = 0; i < calls.length; i++) {
        ring[i & (RING - 1)] = calls[i]!
        const missing = table.missing(ring, i & (RING - 1), filled & all)
        if (missing !== 0) table.learn(ring, i & (RING - 1), missing)
        filled = ((filled << 1) | 1) & 0xff
      }
    }
    return remembering((calls) => {
      const task = new ScoreTask()
      scoreCalls(table, task, calls, { window, empty: 'skip' })
      return task.maxLfc
    })
  }

/** Calls of stide's sequences, and of the frame its mismatches are counted in. */
const STIDE_CALLS = 6
const STIDE_FRAME = 128
/** t-stide (Warrender et al. 1999): what makes up less of the training than this is as good as unknown. */
const RARE_SHARE = 0.00001

/** @param rare the share of the training below which a sequence is a mismatch; 0: stide */
const sequences =
  (rare: number): Detector =>
  (train) => {
    const table = new GramTable(STIDE_CALLS, 1 << 22)
    let total = 0
    for (const { calls } of train)
      for (let at = STIDE_CALLS - 1; at < calls.length; at++) table.add(calls, at, ++total)
    const least = Math.max(1, rare * total)
    return remembering((calls) => {
      const places: number[] = []
      let first = 0
      let most = 0
      for (let at = STIDE_CALLS - 1; at < calls.length; at++) {
        if (table.support(calls, at) >= least) continue
        places.push(at)
        while (places[first]! <= at - STIDE_FRAME) first++
        most = Math.max(most, places.length - first)
      }
      return most
    })
  }

export const stide: Detector = sequences(0)
export const tStide: Detector = sequences(RARE_SHARE)

/** A trace's units. */
export function unitsOf({ calls }: Trace): Uint16Array[] {
  const units: Uint16Array[] = []
  for (let at = 0; at < calls.length; at += UNIT_CALLS) units.push(calls.subarray(at, at + UNIT_CALLS))
  return units
}

/** A settled judgement of traces. */
export function learned(train: readonly Trace[], window: number): Judgement {
  const judgement = new Judgement(new Supports(window))
  for (const trace of train)
    for (const calls of unitsOf(trace))
      judgement.take({ score: measureUnit(judgement.supports, calls), runs: [calls] })
  judgement.settle()
  return judgement
}

/** J of a trace's oddest unit, by a profile that learns no more. */
export const judged =
  (window: number): Detector =>
  (train) => {
    const judgement = learned(train, window)
    return remembering((calls) =>
      Math.max(
        0,
        ...unitsOf({ name: '', calls }).map(
          (unit) => judgement.judge(measureUnit(judgement.supports, unit)).bits ?? 0,
        ),
      ),
    )
  }
