import type { ClassBoard, ClassChange } from './board.ts'

/** Makes the classes of one source those that are wanted, each until its time (ms since the epoch), and no others. */
export function settleClasses(
  board: ClassBoard,
  source: string,
  wanted: readonly { name: string; until: number }[],
  now: number,
): ClassChange[] {
  const ends = new Map(wanted.filter(({ until }) => until > now).map(({ name, until }) => [name, until]))
  const changes: ClassChange[] = []
  for (const held of board.at(now)) {
    if (held.source !== source) continue
    const until = ends.get(held.name)
    // `set` only ever lengthens: what is to end sooner is taken away first.
    if (until === undefined || until < held.until) changes.push(...board.unset(held.name, source))
  }
  for (const [name, until] of ends) changes.push(...board.set(name, source, until - now, now))
  return changes
}
