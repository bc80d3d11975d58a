/**
 * The same algorithm over typed arrays of calls, for recorded traces: results equal those of `Profile.process` call by
 * call (test/property). Calls are slots (`slotOf`); windows slide through local variables, and only a call with an
 * unknown pair leaves the inner loop.
 */
import { hasSettled } from './life.ts'
import { distanceMask, type PairTable, RING } from './pairs.ts'
import type { Profile } from './profile.ts'
import type { Task } from './task.ts'
import { EMPTY, type EmptyRule } from './types.ts'

/** Position in a ring d places before `at`. */
const back = (at: number, d: number) => (at - d) & (RING - 1)

/** A window between two batches: what `Task` and `ScoreTask` have of it. */
interface Window {
  ring: Uint16Array
  at: number
  filled: number
}

/**
 * Runs over calls until one has a pair that `table` lacks; gives back its place, or `end`. The window then holds the
 * calls before it. The first eight calls of a window are left to the caller where EMPTY is skipped.
 */
function scan(
  table: PairTable,
  mask: number,
  window: Window,
  calls: Uint16Array,
  begin: number,
  end: number,
): number {
  const { index, slab, width } = table
  const { ring } = window
  let at = window.at
  let p1 = ring[at]!
  let p2 = ring[back(at, 1)]!
  let p3 = ring[back(at, 2)]!
  let p4 = ring[back(at, 3)]!
  let p5 = ring[back(at, 4)]!
  let p6 = ring[back(at, 5)]!
  let p7 = ring[back(at, 6)]!
  let p8 = ring[back(at, 7)]!
  let i = begin
  // Slots beyond the table are unknown; a window that holds one reads past its row, so it is not scanned.
  if (Math.max(p1, p2, p3, p4, p5, p6, p7, p8) < width) {
    for (; i < end; i++) {
      const current = calls[i]!
      if (current >= width) break
      const base = index[current]!
      const known =
        (slab[base + p1]! & 1) |
        (slab[base + p2]! & 2) |
        (slab[base + p3]! & 4) |
        (slab[base + p4]! & 8) |
        (slab[base + p5]! & 16) |
        (slab[base + p6]! & 32) |
        (slab[base + p7]! & 64) |
        (slab[base + p8]! & 128)
      if ((known & mask) !== mask) break
      p8 = p7
      p7 = p6
      p6 = p5
      p5 = p4
      p4 = p3
      p3 = p2
      p2 = p1
      p1 = current
    }
  }
  const done = i - begin
  // The last nine calls are put where they belong; older ones are never looked at.
  at = (at + done) & (RING - 1)
  window.at = at
  ring[at] = p1
  ring[back(at, 1)] = p2
  ring[back(at, 2)] = p3
  ring[back(at, 3)] = p4
  ring[back(at, 4)] = p5
  ring[back(at, 5)] = p6
  ring[back(at, 6)] = p7
  ring[back(at, 7)] = p8
  if (done > 8) ring[back(at, 8)] = calls[i - 9]!
  window.filled = done >= 8 ? 0xff : ((window.filled << done) | ((1 << done) - 1)) & 0xff
  return i
}

/** One call into the window; the pairs that `table` lacks, as bits. */
function step(table: PairTable, mask: number, skip: boolean, window: Window, call: number): number {
  const at = (window.at + 1) & (RING - 1)
  window.at = at
  window.ring[at] = call
  const compared = skip ? window.filled & mask : mask
  window.filled = ((window.filled << 1) | 1) & 0xff
  return table.missing(window.ring, at, compared)
}

/**
 * `profile.process(task, call, now)` for each of `calls[begin .. end)`, without its outcomes: training, freezing, and
 * whatever else one clock time allows. Fast while the profile is not normal and the task's LFC is 0.
 */
export function learnCalls(
  profile: Profile,
  task: Task,
  calls: Uint16Array,
  now: number,
  begin = 0,
  end = calls.length,
): void {
  const { train, settings, mask } = profile
  const skip = profile.empty === 'skip'
  let i = begin
  const plain = () =>
    !profile.normal &&
    !(profile.frozen && now > profile.normalTime) &&
    task.lfc === 0 &&
    task.frame.length === settings.localityWindow
  while (i < end && !plain()) profile.process(task, calls[i++]!, now)
  const first = i
  const count = (known: number) => {
    if (known === 0) return
    // It froze at one of these calls, if the ratio holds after the last of them: only a change lowers it.
    train.trainCount += known
    train.lastModCount += known
    if (!profile.frozen && hasSettled(train, settings)) {
      profile.frozen = true
      profile.normalTime = now + settings.normalWait * 1000
    }
  }
  while (i < end) {
    if (!skip || (task.filled & mask) === mask) {
      const stop = scan(train.table, mask, task, calls, i, end)
      count(stop - i)
      i = stop
      if (i === end) break
    }
    const missing = step(train.table, mask, skip, task, calls[i++]!)
    if (missing === 0) count(1)
    else {
      train.table.learn(task.ring, task.at, missing)
      train.trainCount++
      train.sequences++
      train.lastModCount = 0
      profile.frozen = false
    }
  }
  // The frame of a profile that is not normal holds nothing: moving on in it changes nothing.
  task.calls += end - first
  profile.calls += end - first
}

/** What scoring tells of one task: `lymph trace score` prints it. */
export interface Score {
  calls: number
  anomalous: number
  maxLfc: number
}

/** A task that is only scored: window, LFC and counts; no limits, no learning. */
export class ScoreTask implements Score, Window {
  readonly ring = new Uint16Array(RING).fill(EMPTY)
  at = RING - 1
  filled = 0
  calls = 0
  anomalous = 0
  maxLfc = 0
  /** Call numbers (counted from 0) of the anomalous calls of the last frame, in a ring of 128. */
  readonly recent = new Float64Array(128)
  head = 0
  held = 0

  /** A child: window and frame are copied, its counts begin anew. */
  fork(): ScoreTask {
    const child = new ScoreTask()
    child.ring.set(this.ring)
    child.at = this.at
    child.filled = this.filled
    child.head = this.head
    child.held = this.held
    for (let i = 0; i < this.recent.length; i++) child.recent[i] = this.recent[i]! - this.calls
    return child
  }
}

export interface ScoreOptions {
  window: number
  empty: EmptyRule
  /** Calls of the locality frame: 1..128. */
  localityWindow?: number
}

/**
 * Tests `calls[begin .. end)` against a table and adds to the task's counts: a call is anomalous when any of its pairs
 * is unknown; maxLfc is the most anomalous calls among any 128 (localityWindow) in a row. `anomalies`, where given,
 * is told each anomalous call: its place in `calls` and its unknown pairs as bits.
 */
export function scoreCalls(
  table: PairTable,
  task: ScoreTask,
  calls: Uint16Array,
  options: ScoreOptions,
  anomalies?: (place: number, missing: number) => void,
  begin = 0,
  end = calls.length,
): void {
  const mask = distanceMask(options.window)
  const skip = options.empty === 'skip'
  const frame = options.localityWindow ?? 128
  const origin = task.calls - begin
  let i = begin
  while (i < end) {
    if (!skip || (task.filled & mask) === mask) {
      i = scan(table, mask, task, calls, i, end)
      if (i === end) break
    }
    const missing = step(table, mask, skip, task, calls[i]!)
    if (missing !== 0) {
      // LFC grows only here, so what has left the frame is dropped only here.
      const oldest = origin + i - frame
      while (task.held > 0 && task.recent[task.head]! <= oldest) {
        task.head = (task.head + 1) & 127
        task.held--
      }
      task.recent[(task.head + task.held) & 127] = origin + i
      task.held++
      if (task.held > task.maxLfc) task.maxLfc = task.held
      task.anomalous++
      anomalies?.(i, missing)
    }
    i++
  }
  task.calls = origin + end
}
