import { DAY_SLOTS, SLOT_MS, WEEK_SLOTS } from './constants.ts'
import type { History } from './history.ts'
import type { WeekShape } from './week.ts'

/** Samples compared: two hours. */
const SPAN = 24
/** The other day must fit so many times better than today does. */
const BETTER = 3

/**
 * Which other day of the week the last two hours go like: a holiday is a Wednesday that goes like a Sunday. 0 is Monday;
 * undefined when none fits clearly better than today. Changes what `shape.expect` found last.
 * @param usual ms from sample to sample: only samples that come slot by slot can be compared
 */
export function likeDay(
  shape: WeekShape,
  history: History,
  weekSlot: number,
  usual: number,
  bound: number,
): number | undefined {
  if (history.end - history.begin < WEEK_SLOTS || Math.abs(usual - SLOT_MS) > SLOT_MS / 2) return undefined
  const today = Math.floor(weekSlot / DAY_SLOTS)
  let best: number | undefined
  let least = offBy(shape, history, weekSlot) / BETTER
  for (let day = 0; day < 7; day++) {
    if (day === today) continue
    const off = offBy(shape, history, day * DAY_SLOTS + (weekSlot % DAY_SLOTS))
    if (off > least || off > bound) continue
    least = off
    best = day
  }
  return best
}

/** Mean absolute difference of the last samples from the means of the week's slots up to `weekSlot`. */
function offBy(shape: WeekShape, history: History, weekSlot: number): number {
  let sum = 0
  for (let back = 0; back < SPAN; back++) {
    const slot = (weekSlot - back + WEEK_SLOTS) % WEEK_SLOTS
    if (!shape.expect(slot % DAY_SLOTS, slot) || shape.weekSeen < 2) return Number.POSITIVE_INFINITY
    sum += Math.abs(history.values[history.end - 1 - back]! - shape.weekExpected)
  }
  return sum / SPAN
}
