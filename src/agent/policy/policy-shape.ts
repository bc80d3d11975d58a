/** The shape of a whole policy, made of the types of promises there are; `lymph policy check --schema` prints it. */
import { z } from 'zod'
import type { PromiseType } from '../promises/interface.ts'
import { filterShape } from '../promises/processes/filter.ts'
import { classNameShape, durationShape, nameShape } from './shapes.ts'

const expressionShape = z
  .string()
  .max(4096)
  .meta({ description: 'a class expression: ( ), !, . or &, | over classes' })

const language = {
  name: nameShape.optional(),
  comment: z.string().max(4096).optional(),
  if: expressionShape.optional(),
  ifelapsed: durationShape.optional().meta({ description: 'not again within this time' }),
  expireafter: durationShape
    .optional()
    .meta({ description: 'a run that has been at it for longer is ended, and another takes over' }),
  define: z
    .strictObject({
      kept: z.array(classNameShape).default([]),
      repaired: z.array(classNameShape).default([]),
      not_kept: z.array(classNameShape).default([]),
    })
    .partial()
    .optional()
    .meta({ description: 'classes for the rest of the run, by how it went' }),
}

export interface PromiseBody {
  name?: string | undefined
  comment?: string | undefined
  if?: string | undefined
  ifelapsed?: string | number | undefined
  expireafter?: string | number | undefined
  define?: Partial<Record<'kept' | 'repaired' | 'not_kept', string[]>> | undefined
  [type: string]: unknown
}

export interface PolicyBody {
  control: { sequence?: string[]; ifelapsed?: string | number; expireafter?: string | number }
  variables: Record<string, string | number | boolean>
  declare: string[]
  classes: Record<string, string>
  filters: Record<string, z.infer<typeof filterShape>>
  promises: PromiseBody[]
}

export function policyShape(types: readonly PromiseType[]): z.ZodType<PolicyBody> {
  const names = types.map(({ name }) => name)
  const promise = z.strictObject({
    ...language,
    ...Object.fromEntries(
      types.map(({ name, shape, summary }) => [name, shape.optional().meta({ description: summary })]),
    ),
  })
  return z.strictObject({
    control: z
      .strictObject({
        sequence: z
          .array(z.enum(names as [string, ...string[]]))
          .optional()
          .meta({
            description: 'types in the order they run; those it does not name do not. Default: as written',
          }),
        ifelapsed: durationShape.optional(),
        expireafter: durationShape.optional(),
      })
      .default({}),
    variables: z
      .record(z.string().regex(/^[A-Za-z0-9_.]{1,64}$/), z.union([z.string(), z.number(), z.boolean()]))
      .default({})
      .meta({ description: 'used as $(name) in any text' }),
    declare: z
      .array(classNameShape)
      .default([])
      .meta({ description: 'classes that something else sets: tags of other hosts' }),
    classes: z.record(classNameShape, expressionShape).default({}),
    filters: z.record(nameShape, filterShape).default({}),
    promises: z.array(promise).max(1000).default([]),
  }) as unknown as z.ZodType<PolicyBody>
}

/** JSON Schema (draft 2020-12) of what may be written. */
export function policySchema(types: readonly PromiseType[]): unknown {
  return z.toJSONSchema(policyShape(types), { io: 'input', unrepresentable: 'any' })
}
