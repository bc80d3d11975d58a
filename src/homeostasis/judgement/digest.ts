import { calibrationOf, type JudgementBody } from './body.ts'
import { Calibration } from './calibration.ts'
import { ORDERS } from './supports.ts'
import type { Observables } from './types.ts'

/** What hosts may tell one another of a judgement: how much stands behind it, nothing of what. */
export interface JudgementDigest {
  /** Units that ended, and those of them that were learned. */
  units: number
  learned: number
  settled: boolean
  /** Units of the yardstick in force; 0: none. */
  m: number
  /** Of the yardstick: share of the recent units with something new, and the largest of each observable. */
  calibration: { q: number; most: Observables } | undefined
}

/** @param body checked, as a profile record has it */
export function judgementDigest({ counts, calibration }: JudgementBody): JudgementDigest {
  const [learned, units, settled] = counts as [number, number, number, number]
  const yardstick = calibrationOf(calibration)
  if (!yardstick) return { units, learned, settled: settled === 1, m: 0, calibration: undefined }
  const most = (of: keyof Observables) => Math.max(...yardstick.map((unit) => unit[of]))
  const { q, m } = new Calibration(yardstick)
  const summary = { q, most: { n: most('n'), r: most('r'), s: most('s') } }
  return { units, learned, settled: settled === 1, m, calibration: summary }
}

/** What may leave the host of a judgement: its counts. Supports and yardstick are of no use elsewhere, and say much. */
export function countsAlone({ version, window, counts }: JudgementBody): JudgementBody {
  const none = new Uint8Array()
  return {
    version,
    window,
    // It has no yardstick any more: not settled.
    counts: [counts[0]!, counts[1]!, 0, 0],
    grams: ORDERS.map(() => [none, none]),
    pairs: [],
    edges: [],
    ring: none,
    calibration: none,
    recurrence: new Uint8Array(16),
  }
}
