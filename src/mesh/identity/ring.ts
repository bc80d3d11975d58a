/** Which of the keys this host holds opens a connection, by what the admin log says now. */
import { createHmac } from 'node:crypto'
import type { RingRules } from '../administration/adminstate.ts'
import type { RingKey } from '../transport/protector.ts'

/**
 * The keys to try, the one to dial with first. A key that the log wants dialled with and that has not arrived yet leaves the
 * next one to dial with. Those that only recover come last.
 */
export function openers(held: RingKey[], rules: RingRules): RingKey[] {
  return pick(held, [...rules.accept, ...rules.recover])
}

/** Ids of keys in force that this host does not hold. */
export function lacking(held: RingKey[], rules: RingRules): string[] {
  const ids = new Set(held.map(({ id }) => id))
  return rules.accept.filter((id) => !ids.has(id))
}

/** The keys in force among those held: what other members may be given. */
export const inForce = (held: RingKey[], rules: RingRules): RingKey[] => pick(held, rules.accept)

/** What a purpose is keyed with, made of the key that is dialled with: 32 bytes, the same on every member that dials with it. */
export function derived(held: RingKey[], rules: RingRules, purpose: string): Uint8Array {
  const [used] = openers(held, rules)
  return new Uint8Array(
    createHmac('sha256', used?.key ?? '')
      .update(`lymph/v1/derive/${purpose}\0`)
      .digest(),
  )
}

/** What is worth keeping: `held` and `news`, without those the log does not know or no longer wants. */
export function merged(held: RingKey[], news: RingKey[], rules: RingRules): RingKey[] {
  return pick([...held, ...news], [...rules.accept, ...rules.recover])
}

function pick(keys: RingKey[], ids: string[]): RingKey[] {
  return ids.flatMap((id) => keys.find((key) => key.id === id) ?? [])
}
