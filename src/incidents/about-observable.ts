/** Semaphores whose subject is an observable: an alarm of the environment daemon that a person is told (cfenvd's part). */
import { z } from 'zod'
import { canonify } from '#classes'
import { severities, time, timely } from './semaphore-parts.ts'
import type { Severity } from './types.ts'

const levels = ['dev1', 'dev2', 'dev3'] as const
const shape = /^(.+_(?:high|low|normal))_(dev[123]|anomalous)$/
const figure = z.number().min(-1e300).max(1e300)

/** What the environment tells of an alarm and of its observable now (its `HostReport` and `ObservableRow`). */
export interface ToldAlarm {
  name: string
  at: number
  why: string
}
export interface ToldObservable {
  name: string
  value: number
  expected?: number
  sigma?: number
  class: string
  level?: string
}

/** Times in ms since the epoch, by the author's clock. */
export interface ObservableSemaphore {
  about: 'observable'
  /** The strongest class that holds of it: `www_in_high_dev2`; weaker ones are implied. */
  kind: string
  /** The observable: `www_in`. */
  subject: string
  severity: Severity
  value: number
  /** What this time of the week leads its host to expect. */
  expected: number
  /** How far off, in standard deviations; below 0: low. */
  sigmas: number
  /** Since when, and when it was looked at last. */
  firstSeen: number
  lastSeen: number
}

/** An alarm and its observable now, as a semaphore; nothing where the model does not say enough of it. */
export function toObservableSemaphore(
  report: ToldAlarm,
  row: ToldObservable,
  now: number,
): ObservableSemaphore | undefined {
  const { expected, sigma, value } = row
  const kind = kindOf(row)
  if (kind === undefined || expected === undefined || sigma === undefined) return undefined
  const said: ObservableSemaphore = {
    about: 'observable',
    kind,
    subject: report.name,
    severity: report.why === 'lasting' ? 'notice' : 'incident',
    ...{ value, expected, sigmas: Math.round(sigma * 100) / 100 },
    ...{ firstSeen: Math.min(Math.round(report.at), Math.round(now)), lastSeen: Math.round(now) },
  }
  return observableSchema.safeParse(said).success ? said : undefined
}

function kindOf({ name, class: strongest, level }: ToldObservable): string | undefined {
  const found = shape.exec(strongest)
  if (found === null) return undefined
  // How far it is off says more to others than that its way there has no precedent here.
  return level === undefined || level === 'normal' ? strongest : `${found[1] ?? canonify(name)}_${level}`
}

/** A class and those it implies: dev3 is also dev2 and dev1, as in CFEngine. */
export function impliedBy(kind: string): string[] {
  const found = shape.exec(kind)
  const height = levels.indexOf(found?.[2] as (typeof levels)[number])
  if (found === null || height < 0) return [kind]
  return levels.slice(0, height + 1).map((level) => `${found[1]}_${level}`)
}

/** Observable and direction: what two hosts mean the same by, however far each is off. */
export const sideOf = (kind: string): string => shape.exec(kind)?.[1] ?? kind

export const observableSchema = z
  .strictObject({
    about: z.literal('observable'),
    kind: z
      .string()
      .max(116)
      .regex(/^[A-Za-z0-9_]+$/)
      .regex(shape, 'is no class of an observable'),
    subject: z.string().regex(/^[A-Za-z0-9_.:/@-]{1,128}$/, 'is no name of an observable'),
    severity: z.enum(severities),
    value: figure,
    expected: figure,
    sigmas: z.number().min(-1000).max(1000),
    firstSeen: time,
    lastSeen: time,
  })
  .refine(timely, 'lastSeen lies before firstSeen')
  .refine(
    ({ kind, subject }) => sideOf(kind).replace(/_(high|low|normal)$/, '') === canonify(subject),
    'the class is not one of the observable',
  )
  .refine(({ kind, sigmas }) => {
    const low = sideOf(kind).endsWith('_low')
    return low ? sigmas <= 0 : !sideOf(kind).endsWith('_high') || sigmas >= 0
  }, 'the deviation has the other direction')
