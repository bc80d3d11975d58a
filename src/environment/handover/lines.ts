import { decimal, elementKey, escaped, identifier } from './escape.ts'
import { monitordName } from './names.ts'
import type { HandOver } from './types.ts'

/** Classes, variables, lists and array elements of one file, at most. */
const limits = { classes: 2048, observables: 1000, lists: 64, elements: 2048 } as const

export interface Said {
  classes: string[]
  withdrawn: string[]
  variables: [name: string, value: string][]
  lists: [name: string, items: string[]][]
  elements: [array: string, key: string, value: string][]
  dropped: string[]
}

/**
 * What both formats say, in one order, with nothing left that could be more than a name or a value.
 * @param valueLimit characters of a value at most
 */
export function said(handOver: HandOver, monitordNames: boolean, valueLimit: number): Said {
  const dropped: string[] = []
  const cap = <T>(what: keyof typeof limits, all: readonly T[]): readonly T[] => {
    const limit = limits[what]
    if (all.length > limit) dropped.push(`${what}: ${all.length - limit} after the first ${limit}`)
    return all.slice(0, limit)
  }
  const classes = names(cap('classes', handOver.classes), dropped)
  if (monitordNames)
    for (const name of [...classes]) {
      const other = monitordName(name)
      if (other !== undefined) classes.add(other)
    }
  const withdrawn = names(cap('classes', handOver.withdrawn ?? []), dropped)
  if (monitordNames) for (const name of [...withdrawn]) withdrawn.add(monitordName(name) ?? name)

  const variables = new Map<string, string>()
  for (const { name, value, expected, deviation } of cap('observables', handOver.observables)) {
    const id = identifier(name)
    const text = decimal(value)
    if (id === undefined || text === undefined)
      dropped.push(`observable ${shown(name)}: no name or no number`)
    else if (variables.has(`value_${id}`))
      dropped.push(`observable ${shown(name)}: value_${id} is there already`)
    else
      for (const [prefix, number] of [
        ['value', value],
        ['av', expected],
        ['dev', deviation],
      ] as const) {
        const part = number === undefined ? undefined : decimal(number)
        if (part !== undefined) variables.set(`${prefix}_${id}`, part)
      }
  }
  variables.set('lymph_time', String(Math.floor(handOver.at / 1000)))

  const lists: Said['lists'] = []
  for (const [name, items] of cap('lists', Object.entries(handOver.lists))) {
    const id = identifier(name)
    // An empty list arrives as a list of one empty text: better none.
    if (id === undefined) dropped.push(`list ${shown(name)}: no name`)
    else if (items.length > 0) lists.push([id, items.map((item) => escaped(item, valueLimit))])
  }
  const elements: Said['elements'] = []
  for (const [array, values] of Object.entries(handOver.arrays ?? {})) {
    const id = identifier(array)
    if (id === undefined) dropped.push(`array ${shown(array)}: no name`)
    else
      for (const [key, value] of Object.entries(values))
        elements.push([id, elementKey(key), escaped(value, valueLimit)])
  }
  return {
    classes: [...classes].sort(),
    withdrawn: [...withdrawn].filter((name) => !classes.has(name)).sort(),
    variables: [...variables],
    lists,
    elements: [...cap('elements', elements)],
    dropped,
  }
}

/** The items of a list that fit, whole, into so many characters between its braces; what does not is said. */
export function fitted(
  name: string,
  items: readonly string[],
  between: string,
  limit: number,
  dropped: string[],
): string | undefined {
  let text = ''
  for (const [index, item] of items.entries()) {
    const more = index === 0 ? item : `${between}${item}`
    if (text.length + more.length > limit) {
      dropped.push(
        `list ${name}: ${items.length - index} of ${items.length} items do not fit into ${limit} characters`,
      )
      return index === 0 ? undefined : text
    }
    text += more
  }
  return text
}

function names(all: readonly string[], dropped: string[]): Set<string> {
  const ids = new Set<string>()
  for (const name of all) {
    const id = identifier(name)
    if (id === undefined) dropped.push(`class ${shown(name)}: no name`)
    else ids.add(id)
  }
  return ids
}

function shown(name: string): string {
  return JSON.stringify(name.slice(0, 60))
}
