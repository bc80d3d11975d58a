/**
 * A detector that opens very many incidents is not believed one by one: above a number within 24 hours it is muted with
 * one notice. Muted means that nobody is told of each; the list and the journal have all of them. Pure.
 */
export interface MuteSettings {
  /** Incidents of one detector within the window that are told of. */
  limit: number
  windowMs: number
}

export const muteDefaults: MuteSettings = { limit: 50, windowMs: 24 * 3_600_000 }
/** Detectors are a handful; more than this is somebody else's text. */
const detectorsLimit = 64

interface Detector {
  /** When the last `limit` + 1 opened, oldest first. */
  recent: number[]
  /** How many opened since it was muted; 0: it is not. */
  muted: number
}

/** `muted`: this one is one too many, say so once. `silent`: as before. */
export type Heard = { say: 'each' | 'muted' | 'silent'; opened: number }

export class Muting {
  readonly settings: MuteSettings
  readonly #detectors = new Map<string, Detector>()

  constructor(settings: Partial<MuteSettings> = {}) {
    this.settings = { ...muteDefaults, ...settings }
  }

  /** An incident has opened. */
  opened(name: string, now: number): Heard {
    const { limit } = this.settings
    const detector = this.#detectors.get(name) ?? { recent: [], muted: 0 }
    if (this.#detectors.size < detectorsLimit) this.#detectors.set(name, detector)
    this.#forget(detector, now)
    detector.recent.push(now)
    if (detector.recent.length > limit + 1) detector.recent.shift()
    if (detector.recent.length <= limit && detector.muted === 0)
      return { say: 'each', opened: detector.recent.length }
    detector.muted++
    return { say: detector.muted === 1 ? 'muted' : 'silent', opened: limit + detector.muted }
  }

  isMuted(name: string): boolean {
    return (this.#detectors.get(name)?.muted ?? 0) > 0
  }

  /** Detectors that are heard again, and how many of theirs nobody was told of. */
  sweep(now: number): { detector: string; untold: number }[] {
    const heard: { detector: string; untold: number }[] = []
    for (const [name, detector] of this.#detectors) {
      this.#forget(detector, now)
      if (detector.muted === 0 || detector.recent.length > this.settings.limit / 2) continue
      heard.push({ detector: name, untold: detector.muted })
      detector.muted = 0
    }
    return heard
  }

  #forget(detector: Detector, now: number): void {
    while ((detector.recent[0] ?? now) <= now - this.settings.windowMs) detector.recent.shift()
  }
}
