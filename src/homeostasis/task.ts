import { LocalityFrame } from './frame.ts'
import { RING } from './pairs.ts'
import { EMPTY, type Settings } from './types.ts'

/** What a task needs to know of the profile it is compared with. */
export interface TaskProfile {
  readonly window: number
  readonly settings: Pick<Settings, 'localityWindow'>
}

/** What pH keeps per task: its window, its locality frame, its count of calls. Made by `profile.begin()`. */
export class Task {
  profile: TaskProfile
  /** Calls since the last exec. */
  calls = 0
  /** Anomalous calls since the last exec. */
  anomalous = 0
  /** The window: `ring[at]` is the last call, as a slot; EMPTY before the first. */
  readonly ring = new Uint16Array(RING).fill(EMPTY)
  at = RING - 1
  /** Distances that are real, as bits: what can be compared when EMPTY is skipped. */
  filled = 0
  frame: LocalityFrame
  /** LFC is over the tolerize limit since an earlier call. */
  overLimit = false

  constructor(profile: TaskProfile) {
    this.profile = profile
    this.frame = new LocalityFrame(profile.settings.localityWindow)
  }

  /** LFC: anomalous calls among the last 128 (or the setting). */
  get lfc(): number {
    return this.frame.total
  }

  get maxLfc(): number {
    return this.frame.max
  }

  /** The previous calls of the window, nearest first: window - 1 slots. */
  previous(): number[] {
    return Array.from(
      { length: this.profile.window - 1 },
      (_, i) => this.ring[(this.at - 1 - i) & (RING - 1)]!,
    )
  }

  /** A child: the same program, a copy of the window and of the locality frame. */
  fork(): Task {
    const child = new Task(this.profile)
    child.ring.set(this.ring)
    child.at = this.at
    child.filled = this.filled
    child.frame = this.frame.clone()
    child.overLimit = this.overLimit
    return child
  }

  /** The task became another program: window and frame begin anew (pH_start_monitoring). */
  exec(profile: TaskProfile): void {
    this.profile = profile
    this.calls = 0
    this.anomalous = 0
    this.ring.fill(EMPTY)
    this.at = RING - 1
    this.filled = 0
    this.frame.reset(profile.settings.localityWindow)
    this.overLimit = false
  }
}
