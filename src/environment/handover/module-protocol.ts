import { HandOverError } from './errors.ts'
import { fitted, said } from './lines.ts'
import type { HandOver, WriterOptions, Written } from './types.ts'

/** What cf-agent takes: characters of a value, and of a line. */
const valueLimit = 3500
const lineLimit = 4000

/**
 * CFEngine's module protocol, for `read_module_protocol(FILE)` or a module: `+class`, `-class`, `=name=value`,
 * `=array[key]=value`, `@list`. A class that is hard in that agent (its own, or env_data's) must not be withdrawn: the
 * agent would abort.
 * @throws HandOverError for a context that is no name of a bundle
 */
export function moduleProtocol(handOver: HandOver, options: WriterOptions = {}): Written {
  const { monitordNames = false, context = 'lymph' } = options
  if (!/^[A-Za-z0-9_]{1,50}$/.test(context))
    throw new HandOverError(`context ${JSON.stringify(context.slice(0, 60))}: 1 to 50 letters, digits and _`)
  const { classes, withdrawn, variables, lists, elements, dropped } = said(
    handOver,
    monitordNames,
    valueLimit,
  )
  const lines = [`^context=${context}`]
  for (const name of withdrawn) lines.push(`-${name}`)
  for (const name of classes) lines.push(`+${name}`)
  for (const [name, value] of variables) lines.push(`=${name}=${value}`)
  for (const [array, key, value] of elements) lines.push(`=${array}[${key}]=${value}`)
  for (const [name, items] of lists) {
    const quoted = items.map((item) => `"${item}"`)
    const text = fitted(name, quoted, ', ', lineLimit - name.length - 6, dropped)
    if (text !== undefined) lines.push(`@${name}={ ${text} }`)
  }
  return { text: `${lines.join('\n')}\n`, dropped }
}
