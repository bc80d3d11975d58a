/** Which semaphores a promise answers: those its guard asks for, by itself or by classes the policy makes of others. */
import { classesNamed } from '#classes'
import type { Policy, PolicyPromise } from '../policy/types.ts'

export function semaphoresOf(
  policy: Pick<Policy, 'classes'>,
  promise: Pick<PolicyPromise, 'guard'>,
  standing: ReadonlySet<string>,
): string[] {
  const made = new Map(policy.classes.map(({ name, expression }) => [name, expression]))
  const found = new Set<string>()
  const seen = new Set<string>()
  const look = (expression: PolicyPromise['guard'], positive: boolean): void => {
    for (const one of classesNamed(expression, positive)) {
      if (one.positive && standing.has(one.name)) found.add(one.name)
      const below = made.get(one.name)
      const key = `${one.name} ${one.positive}`
      if (!below || seen.has(key)) continue
      seen.add(key)
      look(below, one.positive)
    }
  }
  look(promise.guard, true)
  return [...found]
}
