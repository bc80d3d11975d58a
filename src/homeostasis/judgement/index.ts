export {
  checkJudgementBody,
  type JudgementBody,
  judgementBody,
  judgementFrom,
} from './body.ts'
export * from './calibration.ts'
export { countsAlone, type JudgementDigest, judgementDigest } from './digest.ts'
export type { ExecEdge } from './edges.ts'
export * from './events.ts'
export { GRAMS_LIMIT, type GramGauge, GramTable } from './grams.ts'
export * from './judgement.ts'
export * from './levels.ts'
export * from './live.ts'
export {
  condensed,
  HELD_CALLS_LIMIT,
  type Learnable,
  QUARANTINE_UNITS,
  type QuarantineGauge,
} from './quarantine.ts'
export { DRIFT, RECURRING } from './recurrence.ts'
export * from './slots.ts'
export { ORDERS, type Order, Supports } from './supports.ts'
export * from './types.ts'
export { measureUnit, UnitMeter } from './unit.ts'
export * from './verdict.ts'
