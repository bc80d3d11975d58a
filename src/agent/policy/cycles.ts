/** Classes that policies make of other classes, in an order in which each can be told; a circle has none. */
import { type ClassExpression, classesNamed } from '#classes'

export function orderClasses(made: ReadonlyMap<string, ClassExpression>): {
  order: { name: string; expression: ClassExpression }[]
  /** `['a', 'b', 'a']` */
  cycle: string[] | undefined
} {
  const order: { name: string; expression: ClassExpression }[] = []
  const done = new Set<string>()
  const open: string[] = []
  let cycle: string[] | undefined
  const visit = (name: string): void => {
    const expression = made.get(name)
    if (!expression || done.has(name) || cycle) return
    if (open.includes(name)) {
      cycle = [...open.slice(open.indexOf(name)), name]
      return
    }
    open.push(name)
    for (const { name: below } of classesNamed(expression)) visit(below)
    open.pop()
    done.add(name)
    order.push({ name, expression })
  }
  for (const name of made.keys()) visit(name)
  return { order, cycle }
}
