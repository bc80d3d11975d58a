import { fitted, said } from './lines.ts'
import type { HandOver, WriterOptions, Written } from './types.ts'

/** What cf-agent takes of a value or a whole list; it cuts off the rest without a word, in the middle of an item. */
const valueLimit = 255

/**
 * cf-monitord's env_data, for the state folder of a CFEngine without cf-monitord: a class a line, `value_x=`, `av_x=`,
 * `dev_x=`, `array[key]=value`, `@list={'a','b'}`. Agents make hard classes and `$(mon.*)` of it, and discard it
 * an hour after it was written.
 */
export function envData(handOver: HandOver, options: Pick<WriterOptions, 'monitordNames'> = {}): Written {
  const { classes, variables, lists, elements, dropped } = said(
    handOver,
    options.monitordNames ?? false,
    valueLimit,
  )
  const lines = [...classes]
  for (const [name, value] of variables) lines.push(`${name}=${value}`)
  for (const [name, items] of lists) {
    const quoted = items.map((item) => `'${item}'`)
    const text = fitted(name, quoted, ',', valueLimit - 2, dropped)
    if (text !== undefined) lines.push(`@${name}={${text}}`)
  }
  for (const [array, key, value] of elements) lines.push(`${array}[${key}]=${value}`)
  return { text: `${lines.join('\n')}\n`, dropped }
}
