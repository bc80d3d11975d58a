/** Which keys may stand somewhere in a policy, read from its JSON Schema: for `did you mean`. */
import type { Path } from './document.ts'

interface Schema {
  properties?: Record<string, Schema>
  additionalProperties?: Schema | boolean
  items?: Schema
  anyOf?: Schema[]
}

/** Empty: no object with named keys stands there. */
export function keysAt(schema: unknown, path: Path): string[] {
  let here = [schema as Schema]
  for (const step of path) {
    here = here.flatMap(variants).flatMap((one) => {
      const named = one.properties?.[String(step)]
      if (named) return [named]
      const rest = typeof step === 'number' ? one.items : one.additionalProperties
      return typeof rest === 'object' ? [rest] : []
    })
  }
  return [...new Set(here.flatMap(variants).flatMap(({ properties }) => Object.keys(properties ?? {})))]
}

function variants(schema: Schema): Schema[] {
  return [schema, ...(schema.anyOf ?? []).flatMap(variants)]
}
