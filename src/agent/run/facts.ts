/** What a run knows: what the daemon told, checked, and what the host is and what time it is. */
import { z } from 'zod'
import { evaluateClasses, type HostFacts, hostClasses, timeClasses } from '#classes'
import type { Policy } from '../policy/types.ts'
import type { Offender, Offenders } from '../promises/offenders.ts'
import type { DelayFigures } from '../promises/world.ts'

const CLASSES_LIMIT = 4096
const OFFENDERS_LIMIT = 10_000

const offender = z.object({
  pid: z.int().min(1),
  binary: z.string().max(4096),
  seenAt: z.number(),
  lfc: z.number().min(0).max(128),
  incident: z.string().max(64),
  tolerated: z.boolean(),
})

/** `GET /agent/facts`. The daemon is not trusted: what has another shape is refused whole. */
export const factsShape = z.object({
  /** When this was true, ms since the epoch; handed back when semaphores are expedited. */
  at: z.number(),
  classes: z
    .array(z.object({ name: z.string().regex(/^[A-Za-z0-9_]{1,128}$/), until: z.number() }))
    .max(CLASSES_LIMIT),
  offenders: z.object({
    ph_sequence: z.array(offender).max(OFFENDERS_LIMIT),
    ph_load: z.array(offender).max(OFFENDERS_LIMIT),
  }),
  /** Offenders of ph_sequence that have ended: short processes are gone before any run. */
  ended: z
    .array(offender.extend({ endedAt: z.number() }))
    .max(OFFENDERS_LIMIT)
    .default([]),
  /** Programs of which something is tolerated: none of theirs is delayed. */
  excused: z
    .array(z.object({ binary: z.string().max(4096), until: z.number() }))
    .max(OFFENDERS_LIMIT)
    .default([]),
  delays: z.object({ unitMs: z.number().min(0), limitMs: z.number().min(0) }).optional(),
})

export type Facts = z.infer<typeof factsShape>

/** What is known where no daemon answers: time and host alone. */
export const noFacts = (now: number): Facts => ({
  at: now,
  classes: [],
  offenders: { ph_sequence: [], ph_load: [] },
  ended: [],
  excused: [],
})

export interface Sight {
  at: number
  /** Classes that hold, the policy's own not yet among them. */
  classes: Set<string>
  /** Of those, the ones that stand until a run has dealt with them. */
  semaphores: Set<string>
  offenders: Offenders
  ended: Facts['ended']
  delays: DelayFigures | undefined
  excused: ReadonlyMap<string, number>
  tolerated: Set<string>
}

/**
 * A semaphore all of whose offenders are tolerated is none: an operator has spoken, and that outranks every detector,
 * here and wherever else such an offender would turn up.
 */
export function sightOf(facts: Facts, host: HostFacts, now: number, zone: string): Sight {
  const { ph_sequence, ph_load } = facts.offenders
  const { ended } = facts
  const tolerated = new Set(
    [...ph_sequence, ...ph_load, ...ended].filter((one) => one.tolerated).map(({ incident }) => incident),
  )
  const excused = (list: readonly Offender[]) => list.length > 0 && list.every((one) => one.tolerated)
  const told = facts.classes.filter(
    ({ name }) =>
      !(name === 'ph_sequence_anomaly' && excused([...ph_sequence, ...ended])) &&
      !(name === 'ph_load_anomaly' && excused(ph_load)),
  )
  return {
    at: facts.at,
    classes: new Set([...hostClasses(host), ...timeClasses(now, zone), ...told.map(({ name }) => name)]),
    semaphores: new Set(told.filter(({ until }) => until === 0).map(({ name }) => name)),
    offenders: facts.offenders,
    ended,
    delays: facts.delays,
    excused: new Map(facts.excused.map(({ binary, until }) => [binary, until])),
    tolerated,
  }
}

/** With those that the policy makes of others: in its order each is told by those before it. */
export function withPolicyClasses(
  policy: Pick<Policy, 'classes'>,
  classes: ReadonlySet<string>,
): Set<string> {
  const all = new Set(classes)
  for (const { name, expression } of policy.classes)
    if (evaluateClasses(expression, (one) => all.has(one))) all.add(name)
  return all
}
