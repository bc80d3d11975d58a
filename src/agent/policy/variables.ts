/** `$(name)` in any text of a policy. `$(this.pid)` and other `this.` names are of the process an act is on, and stay. */
import { nearest } from '#classes'
import type { Path } from './document.ts'

export interface VariableFault {
  path: Path
  at: number
  message: string
}

const reference = /\$\(([^()]*)\)/g
const VALUE_LIMIT = 65_536

/** The values of variables, each with those it names put in. Cycles and unknown names are faults. */
export function resolveVariables(
  written: Readonly<Record<string, string | number | boolean>>,
  builtIn: ReadonlyMap<string, string>,
  faults: VariableFault[],
): Map<string, string> {
  const values = new Map(builtIn)
  const open: string[] = []
  const resolve = (name: string): string | undefined => {
    const have = values.get(name)
    if (have !== undefined || !Object.hasOwn(written, name)) return have
    if (open.includes(name)) {
      const cycle = [...open.slice(open.indexOf(name)), name].join(' -> ')
      faults.push({ path: ['variables', name], at: 0, message: `variables in a circle: ${cycle}` })
      return ''
    }
    open.push(name)
    const value = expand(String(written[name]), resolve, ['variables', name], faults, () => [
      ...builtIn.keys(),
      ...Object.keys(written),
    ])
    open.pop()
    values.set(name, value)
    return value
  }
  for (const name of Object.keys(written)) resolve(name)
  return values
}

/** A value with every `$(name)` in its texts replaced. */
export function expandAll(
  value: unknown,
  values: ReadonlyMap<string, string>,
  path: Path,
  faults: VariableFault[],
): unknown {
  if (typeof value === 'string')
    return expand(
      value,
      (name) => values.get(name),
      path,
      faults,
      () => [...values.keys()],
    )
  if (Array.isArray(value)) return value.map((one, index) => expandAll(one, values, [...path, index], faults))
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(
      Object.entries(value).map(([key, one]) => [key, expandAll(one, values, [...path, key], faults)]),
    )
  return value
}

function expand(
  text: string,
  lookUp: (name: string) => string | undefined,
  path: Path,
  faults: VariableFault[],
  names: () => string[],
): string {
  const expanded = text.replaceAll(reference, (whole, name: string, at: number) => {
    if (name.startsWith('this.')) return whole
    const value = lookUp(name)
    if (value !== undefined) return value
    const [near] = nearest(name, names(), 1)
    faults.push({
      path,
      at,
      message: `unknown variable $(${name})${near === undefined ? ': write it under variables' : `, did you mean $(${near})?`}`,
    })
    return whole
  })
  if (expanded.length <= VALUE_LIMIT) return expanded
  faults.push({ path, at: 0, message: `with its variables it is longer than ${VALUE_LIMIT} characters` })
  return ''
}
