/**
 * Filters of processes, reusable by name: cfengine's criteria, and the detectors' lists of offenders. A filter holds
 * where all of its criteria do, or as `result` combines their names (`owner.!detector`).
 */
import { z } from 'zod'
import { type ClassExpression, classesNamed, evaluateClasses, parseClassExpression } from '#classes'
import { durationShape, milliseconds, one } from '../../policy/shapes.ts'
import type { Offender, Offenders } from '../offenders.ts'

/** What is known of one running process. */
export interface ProcessFacts {
  pid: number
  startTicks: number
  /** ms since the epoch */
  startedAt: number
  parent: number
  group: number
  /** R, S, D, T, ... */
  status: string
  /** As the kernel names it, at most 15 characters. */
  name: string
  /** Path of its executable; '' for a kernel thread, or where it may not be read. */
  binary: string
  command: string
  uid: number
  /** Name of `uid`, or its number. */
  owner: string
  residentBytes: number
  virtualBytes: number
  cpuMs: number
  threads: number
  nice: number
  tty: boolean
}

export const detectorNames = ['ph_sequence', 'ph_load'] as const
export type DetectorName = (typeof detectorNames)[number]

const number = z.number().min(0)
const range = z
  .strictObject({ from: number.optional(), to: number.optional() })
  .refine(({ from, to }) => from !== undefined || to !== undefined, 'from, to, or both')
const spans = z
  .strictObject({ from: durationShape.optional(), to: durationShape.optional() })
  .refine(({ from, to }) => from !== undefined || to !== undefined, 'from, to, or both')
const names = z.union([z.string().min(1), z.array(z.string().min(1)).min(1)])

export const filterShape = z.strictObject({
  detector: z.enum(detectorNames).optional().meta({ description: 'on the list of offenders it hands over' }),
  lfc: range.optional().meta({ description: "an offender's locality frame count (ph_sequence)" }),
  binary: names.optional().meta({ description: 'full path, or with * for any part: /usr/sbin/*' }),
  name: z.string().optional().meta({ description: 'regular expression on the name' }),
  command: z.string().optional().meta({ description: 'regular expression on the command line' }),
  owner: names.optional().meta({ description: 'name or number of its user' }),
  pid: range.optional(),
  parent: range.optional(),
  group: range.optional(),
  status: z
    .string()
    .regex(/^[A-Za-z]+$/)
    .optional()
    .meta({ description: 'any of these letters: RSDTZ' }),
  resident: range.optional().meta({ description: 'bytes' }),
  virtual: range.optional().meta({ description: 'bytes' }),
  age: spans.optional(),
  cpu_time: spans.optional(),
  threads: range.optional(),
  nice: z.strictObject({ from: z.number().optional(), to: z.number().optional() }).optional(),
  tty: z.boolean().optional(),
  result: z
    .string()
    .optional()
    .meta({ description: 'class expression over the names of criteria; default: all' }),
})

export type FilterBody = z.infer<typeof filterShape>
type Criterion = Exclude<keyof FilterBody, 'result'>

export interface ProcessFilter {
  name: string
  detectors: readonly DetectorName[]
  /** What of it is true of this process. */
  holds(process: ProcessFacts, offenders: Offenders, now: number): boolean
}

export class FilterError extends Error {
  static override readonly name = 'FilterError'
  readonly key: string
  readonly at: number

  constructor(key: string, message: string, at = 0) {
    super(message)
    this.name = 'FilterError'
    this.key = key
    this.at = at
  }
}

/** @throws FilterError naming the key */
export function compileFilter(name: string, body: FilterBody): ProcessFilter {
  const { result, ...criteria } = body
  const tests = new Map<Criterion, (process: ProcessFacts, offenders: Offenders, now: number) => boolean>()
  for (const key of Object.keys(criteria) as Criterion[]) tests.set(key, testOf(key, body))
  if (tests.size === 0) throw new FilterError(name, 'a filter with no criterion would take every process')
  const expression = result === undefined ? undefined : resultOf(result, [...tests.keys()])
  return {
    name,
    detectors: body.detector === undefined ? [] : [body.detector],
    holds(process, offenders, now) {
      const met = (key: string) => tests.get(key as Criterion)?.(process, offenders, now) ?? false
      return expression ? evaluateClasses(expression, met) : [...tests.keys()].every(met)
    },
  }
}

/** The detectors' own filters, which every policy has. */
export const builtInFilters: readonly ProcessFilter[] = detectorNames.map((detector) =>
  compileFilter(detector, { detector }),
)

/** The detector's word on a process; its start shows whether it is still the same. */
export function offence(process: ProcessFacts, offenders: readonly Offender[]): Offender | undefined {
  return offenders.find(
    ({ pid, binary, seenAt }) =>
      pid === process.pid && binary === process.binary && process.startedAt <= seenAt + startSlackMs,
  )
}

/** Starts are told in clock ticks since a boot whose time is known to the second. */
const startSlackMs = 1500

function testOf(
  key: Criterion,
  body: FilterBody,
): (process: ProcessFacts, offenders: Offenders, now: number) => boolean {
  switch (key) {
    case 'detector': {
      const detector = body.detector as DetectorName
      return (process, offenders) => offence(process, offenders[detector]) !== undefined
    }
    case 'lfc':
      return (process, offenders) => {
        const found = offence(process, offenders.ph_sequence)
        return found !== undefined && within(found.lfc, body.lfc)
      }
    case 'binary': {
      const patterns = one(body.binary as string | string[]).map(globOf)
      return ({ binary }) => patterns.some((pattern) => pattern.test(binary))
    }
    case 'owner': {
      const owners = one(body.owner as string | string[])
      return ({ owner, uid }) => owners.includes(owner) || owners.includes(String(uid))
    }
    case 'name':
    case 'command': {
      const pattern = regularExpression(key, body[key] as string)
      return (process) => pattern.test(process[key])
    }
    case 'status':
      return ({ status }) => (body.status as string).includes(status)
    case 'tty':
      return ({ tty }) => tty === body.tty
    case 'age':
      return ({ startedAt }, _offenders, now) => within(now - startedAt, inMs(body.age))
    case 'cpu_time':
      return ({ cpuMs }) => within(cpuMs, inMs(body.cpu_time))
    case 'resident':
      return ({ residentBytes }) => within(residentBytes, body.resident)
    case 'virtual':
      return ({ virtualBytes }) => within(virtualBytes, body.virtual)
    default:
      return (process) => within(process[key], body[key])
  }
}

interface Range {
  from?: number | undefined
  to?: number | undefined
}

const within = (value: number, range: Range = {}): boolean =>
  value >= (range.from ?? -Infinity) && value <= (range.to ?? Infinity)

const inMs = (
  range: { from?: string | number | undefined; to?: string | number | undefined } = {},
): Range => ({
  from: range.from === undefined ? undefined : milliseconds(range.from),
  to: range.to === undefined ? undefined : milliseconds(range.to),
})

export function regularExpression(key: string, source: string): RegExp {
  try {
    return new RegExp(source, 'u')
  } catch (error) {
    throw new FilterError(key, `no regular expression: ${(error as Error).message}`)
  }
}

/** `*` stands for any characters, / included. */
export function globOf(text: string): RegExp {
  const parts = text.split('*').map((part) => part.replaceAll(/[.+?^${}()|[\]\\]/g, '\\$&'))
  return new RegExp(`^${parts.join('.*')}$`, 's')
}

function resultOf(text: string, criteria: readonly string[]): ClassExpression {
  let expression: ClassExpression
  try {
    expression = parseClassExpression(text)
  } catch (error) {
    throw new FilterError('result', (error as Error).message, (error as { at?: number }).at ?? 0)
  }
  for (const { name, at } of classesNamed(expression))
    if (!criteria.includes(name))
      throw new FilterError(
        'result',
        `${name} is no criterion of this filter, which has ${criteria.join(', ')}`,
        at,
      )
  return expression
}
