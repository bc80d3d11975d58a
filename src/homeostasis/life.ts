import type { DataSet, ProfileStateName, Settings } from './types.ts'

type Ratio = Pick<Settings, 'normalFactor' | 'normalFactorDen'>

/**
 * Whether learning has slowed enough to freeze (pH_train): the table last changed `lastModCount` calls ago, and
 * trainCount : (trainCount - lastModCount) exceeds normalFactor : normalFactorDen.
 */
export function hasSettled(
  set: Pick<DataSet<unknown>, 'trainCount' | 'lastModCount'>,
  settings: Ratio,
): boolean {
  const normalCount = set.trainCount - set.lastModCount
  // A call that changes the table never freezes it, whatever the ratio.
  if (set.lastModCount === 0) return false
  return normalCount > 0 && set.trainCount * settings.normalFactorDen > normalCount * settings.normalFactor
}

/** How a profile is called: it can be normal and frozen at once, and is normal then. */
export function stateName(life: { normal: boolean; frozen: boolean }): ProfileStateName {
  return life.normal ? 'normal' : life.frozen ? 'frozen' : 'learning'
}

/** What the reader of a sensor keeps of a profile's life between two looks at its counters. */
export interface LifeState {
  frozen: boolean
  /** ms since the epoch: when a frozen profile may become normal. */
  normalTime: number
  /** calls - lastModCount when it froze: names the table that froze. */
  lastModified: number
}

export const NEW_LIFE: Readonly<LifeState> = Object.freeze({ frozen: false, normalTime: 0, lastModified: 0 })

/** What lifeStep must know of a profile: ProfileCounters of the sensor have it. */
export interface LifeCounters {
  calls: number
  trainCount: number
  lastModCount: number
}

export type LifeTransition = 'frozen' | 'normal-cancelled' | 'started-normal'

export interface LifeStep {
  state: LifeState
  transitions: LifeTransition[]
  /**
   * The wait is over: the sensor is to be told `normalize` with this as `lastModified`. When it answers true,
   * `state` goes on as NEW_LIFE and the profile has 'started-normal'; when false, `state` stays and the next step
   * finds that the table changed.
   */
  startNormal?: number
}

/**
 * pH's decisions about a profile that a sensor trains, taken now and then instead of at every call: freeze, cancel
 * when the table changed since, become normal strictly after `normalTime`. Pure; `now` in ms since the epoch.
 */
export function lifeStep(
  state: LifeState,
  counters: LifeCounters,
  settings: Ratio & Pick<Settings, 'normalWait'>,
  now: number,
): LifeStep {
  const transitions: LifeTransition[] = []
  const lastModified = counters.calls - counters.lastModCount
  let next = state
  if (next.frozen && next.lastModified !== lastModified) {
    transitions.push('normal-cancelled')
    next = NEW_LIFE
  }
  if (!next.frozen && hasSettled(counters, settings)) {
    transitions.push('frozen')
    next = { frozen: true, normalTime: now + settings.normalWait * 1000, lastModified }
  }
  if (next.frozen && now > next.normalTime) return { state: next, transitions, startNormal: lastModified }
  return { state: next, transitions }
}
