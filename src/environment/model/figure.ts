/** The paper's figure 2: what is normal for each time of the week, and how much it varies. */
import { DAY_SLOTS, WEEK_SLOTS } from './constants.ts'
import type { ObservableModel } from './observable.ts'

export interface FigureRow {
  /** Slot of the week, 0 is Monday at midnight on the model's clock. */
  slot: number
  /** What the model expects there; absent while it does not know. */
  mean?: number
  /** Standard deviation of the last 8 weeks' samples from what was expected, over this slot and two on each side. */
  spread?: number
  /** Samples of the last 8 weeks in this slot. */
  samples: number
}

const REACH = 2

/** The 2016 rows of the week. Learns nothing. */
export function weekFigure(model: ObservableModel): FigureRow[] {
  const { history, timeline, clock, shape } = model
  const means = Float64Array.from({ length: WEEK_SLOTS }, (_, slot) =>
    shape.expect(slot % DAY_SLOTS, slot) ? shape.expected : Number.NaN,
  )
  const counts = new Uint32Array(WEEK_SLOTS)
  const squares = new Float64Array(WEEK_SLOTS)
  for (let place = history.begin; place < history.end; place++) {
    const at = timeline.timeOf(history.sampleAt(place))
    if (at === undefined) continue
    const slot = clock.weekSlot(at)
    const off = history.values[place]! - means[slot]!
    if (Number.isNaN(off)) continue
    counts[slot]!++
    squares[slot]! += off * off
  }
  return Array.from(means, (mean, slot) => {
    let samples = 0
    let sum = 0
    for (let j = -REACH; j <= REACH; j++) {
      const near = (slot + j + WEEK_SLOTS) % WEEK_SLOTS
      samples += counts[near]!
      sum += squares[near]!
    }
    const row: FigureRow = { slot, samples: counts[slot]! }
    if (!Number.isNaN(mean)) row.mean = mean
    if (samples > 1 && !Number.isNaN(mean)) row.spread = Math.sqrt(sum / samples)
    return row
  })
}
