import { z } from 'zod'
import { namePattern, type PortTable, portSchema } from './ports.ts'

/** Operator's observables taken from a config, unless it says otherwise. */
export const ownLimit = 200

const path = z.string().startsWith('/', 'a full path').max(4096)

const units: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 }
const duration = (least: number, most: number, initial: string) =>
  z
    .union([z.number(), z.string()])
    .default(initial)
    .transform((value, context) => {
      const [, count, unit = 's'] = /^(\d+(?:\.\d+)?)([smhd])?$/.exec(String(value)) ?? []
      const seconds = Number(count) * (units[unit] ?? Number.NaN)
      if (seconds >= least && seconds <= most) return seconds * 1000
      context.addIssue({
        code: 'custom',
        message: `a duration like 30s or 5m, from ${least} to ${most} seconds`,
      })
      return z.NEVER
    })

const pattern = z
  .string()
  .max(1000)
  .superRefine((text, context) => {
    try {
      new RegExp(text)
    } catch (error) {
      context.addIssue({ code: 'custom', message: `no regular expression: ${(error as Error).message}` })
      return
    }
    // An alternative of nothing matches the empty text, and shows how many groups there are.
    const groups = (new RegExp(`${text}|`).exec('') as RegExpExecArray).length - 1
    if (groups !== 1)
      context.addIssue({
        code: 'custom',
        message: `${groups} groups: one pair of brackets around the number`,
      })
  })

const kinds = ['port', 'growth', 'number', 'command'] as const

const ownSchema = z
  .strictObject({
    name: z.string().regex(namePattern, 'small letters, digits and _, at most 64, first a letter'),
    port: portSchema.optional(),
    growth: path.optional(),
    number: path.optional(),
    command: z.array(z.string().max(4096)).min(1).max(100).optional(),
    pattern: pattern.optional(),
    every: duration(10, 86_400, '60s'),
    timeout: duration(0.1, 60, '5s'),
  })
  .superRefine((own, context) => {
    const given = kinds.filter((kind) => own[kind] !== undefined)
    const say = (message: string, at: string[] = []) =>
      context.addIssue({ code: 'custom', message, path: at })
    if (given.length !== 1)
      say(`${own.name}: ${given.join(' and ') || 'nothing to measure'}: give one of ${kinds.join(', ')}`)
    if (own.command?.[0]?.startsWith('/') === false)
      say('a full path first: no shell and no PATH is searched', ['command'])
    if (own.number !== undefined && own.pattern === undefined)
      say(`${own.name}: a number in a file needs a pattern with one group`)
    if (own.pattern !== undefined && own.number === undefined && own.command === undefined)
      say('a pattern belongs to number or command', ['pattern'])
  })

/** One observable of the operator's. Times in ms. */
export type OwnObservable = z.infer<typeof ownSchema>

/**
 * The probes' keys of the config's `environment:` section. A shape, so that the whole section can be one strict object:
 * `z.strictObject({ ...probeShape, ... })`.
 */
export const probeShape = {
  /** Binaries whose system calls are an observable (`ph_usr_sbin_nginx`). */
  binaries: z.array(path).max(32, 'at most 32 binaries').default([]),
  /** The operator's own observables. */
  observables: z
    .array(ownSchema)
    .default([])
    .superRefine((all, context) => {
      const names = new Set<string>()
      for (const [index, { name }] of all.entries()) {
        if (names.has(name))
          context.addIssue({ code: 'custom', message: `${name} is there twice`, path: [index, 'name'] })
        names.add(name)
      }
    }),
  /** How many of them are measured: the first of the list. */
  max_observables: z.int().min(0).max(1000).default(ownLimit),
}

export const probeSchema = z.strictObject(probeShape)
export type ProbeConfig = z.infer<typeof probeSchema>

/** The services among the operator's observables, for the port table. */
export function ownPorts(observables: readonly OwnObservable[]): PortTable {
  return new Map(
    observables.flatMap(({ name, port }) => (port === undefined ? [] : [[name, [port]] as const])),
  )
}
