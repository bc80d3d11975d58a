/**
 * The response ladder: observe, delay, freeze, kill. A binary climbs a step when it is still abnormal after the time of
 * the last one; a step is a lease that ends by itself, and a binary that has been quiet long enough starts anew. Pure.
 */
export const rungs = ['observe', 'delay', 'freeze', 'kill'] as const
export type Rung = (typeof rungs)[number]

export interface Climb {
  rung: Rung
  /** When this rung was reached, ms since the epoch. */
  since: number
  /** Its newest anomaly. */
  seenAt: number
}

export interface LadderTimes {
  upto: Rung
  observeMs: number
  delayMs: number
  freezeMs: number
  forgetMs: number
}

export interface LadderStep {
  climb: Climb
  /** What to do now; undefined: the last step lasts still, or there is nothing above it. */
  act: Exclude<Rung, 'observe'> | undefined
  why: string
}

/**
 * @param before where it stands; undefined: it is new
 * @param seenAt its newest anomaly
 */
export function nextStep(
  before: Climb | undefined,
  seenAt: number,
  times: LadderTimes,
  now: number,
): LadderStep {
  if (!before || now - before.seenAt > times.forgetMs) {
    const climb: Climb = { rung: 'observe', since: now, seenAt }
    return times.observeMs > 0
      ? { climb, act: undefined, why: `observed from now on, for ${times.observeMs / 1000} s` }
      : up(climb, times, now)
  }
  const climb = { ...before, seenAt: Math.max(before.seenAt, seenAt) }
  const over = before.since + durationOf(before.rung, times)
  if (now < over)
    return { climb, act: undefined, why: `${before.rung} lasts ${Math.ceil((over - now) / 1000)} s more` }
  // What came before the step ended was answered by it.
  if (seenAt <= over && before.rung !== 'observe')
    return { climb, act: undefined, why: `no anomaly since ${before.rung} ended` }
  return up(climb, times, now)
}

function up(climb: Climb, times: LadderTimes, now: number): LadderStep {
  const last = rungs.indexOf(times.upto)
  const at = Math.min(rungs.indexOf(climb.rung) + 1, last)
  const rung = rungs[at] as Exclude<Rung, 'observe'>
  return {
    climb: { ...climb, rung, since: now },
    act: rung,
    why:
      rung === climb.rung ? `abnormal again: ${rung} is the last step` : `still abnormal after ${climb.rung}`,
  }
}

/** ms; 0 for a step that has no end. */
export function durationOf(rung: Rung, times: LadderTimes): number {
  if (rung === 'observe') return times.observeMs
  if (rung === 'delay') return times.delayMs
  return rung === 'freeze' ? times.freezeMs : 0
}
