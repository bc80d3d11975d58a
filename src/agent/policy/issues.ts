/** What the shape of a policy has against it, in words for whoever wrote it: which keys there are, and what was meant. */
import type { z } from 'zod'
import { nearest } from '#classes'
import type { Path } from './document.ts'
import { keysAt } from './keys.ts'

const within = (path: Path): string => (path.length > 0 ? ` in ${path.join('.')}` : '')

/** `unknown key iff in promises.0, did you mean if?` @param schema the JSON Schema of policies */
export function unknownKey(key: string, path: Path, schema: unknown): string {
  const keys = keysAt(schema, path)
  const meant = nearest(key, keys)
  const rest = meant.length > 0 ? `, did you mean ${meant.join(' or ')}?` : `: there are ${keys.join(', ')}`
  return `unknown key ${key}${within(path)}${rest}`
}

/** Where it is to be told, and what. @param issue of a parse with `reportInput` */
export function issueText(issue: z.core.$ZodIssue, path: Path): { at: Path; text: string } {
  const where = path.join('.') || 'the policy'
  const values = issue.code === 'invalid_value' ? issue.values.map(String) : []
  if ((issue.code === 'invalid_type' || issue.code === 'invalid_value') && issue.input === undefined) {
    const above = path.slice(0, -1)
    const oneOf = values.length > 0 ? `: one of ${values.join(', ')}` : ''
    return { at: above, text: `${String(path.at(-1))} is missing${within(above)}${oneOf}` }
  }
  if (issue.code !== 'invalid_value') return { at: path, text: `${where}: ${issue.message}` }
  const written = String(issue.input)
  const [meant] = nearest(written, values, 1)
  const hint = meant === undefined ? '' : `: did you mean ${meant}?`
  return { at: path, text: `${where}: ${written} is none of ${values.join(', ')}${hint}` }
}
