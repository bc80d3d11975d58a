/** Mistakes that promises of several types can hold. */
import type { Fault, PolicyNames } from './interface.ts'

/** None where the policy, or a detector, has a filter of this name. */
export function unknownFilter(name: string, { filters }: PolicyNames, path: Fault['path']): Fault[] {
  if (filters.has(name)) return []
  return [{ path, message: `unknown filter ${name}: there are ${[...filters.keys()].join(', ')}` }]
}
