import { readFileSync } from 'node:fs'
import { parse } from 'yaml'
import { z } from 'zod'
import { ProbeError, reason } from './errors.ts'

/** Which ports belong to which service: `www` -> [80]. */
export type PortTable = ReadonlyMap<string, readonly number[]>

export const defaultPortsFile = new URL('../../../config/ports.yaml', import.meta.url).pathname

/** Names of services and observables: what stands before `_in`, `_high` in a class. */
export const namePattern = /^[a-z][a-z0-9_]{0,63}$/

export const portSchema = z
  .int('a port: a whole number')
  .min(1, 'a port from 1')
  .max(65_535, 'a port up to 65535')

const tableSchema = z.record(
  z.string().regex(namePattern, 'a service: small letters, digits and _'),
  z.union([portSchema.transform((port) => [port]), z.array(portSchema).min(1)]),
)

/**
 * The services whose sockets are counted.
 * @param more services of the operator's, beside the file's
 * @throws ProbeError a file that cannot be read, a name or port that cannot be, a port of two services
 */
export function readPorts(more: PortTable = new Map(), file = defaultPortsFile): PortTable {
  let value: unknown
  try {
    value = parse(readFileSync(file, 'utf8'))
  } catch (error) {
    throw new ProbeError(
      `ports ${file}: ${reason(error)}: it must be a readable YAML file of SERVICE: PORT lines`,
    )
  }
  const checked = tableSchema.safeParse(value ?? {})
  if (!checked.success) {
    const issue = checked.error.issues[0] as z.core.$ZodIssue
    const message = issue.code === 'invalid_key' ? issue.issues[0]?.message : issue.message
    throw new ProbeError(`ports ${file}: ${issue.path.join('.') || 'the whole'}: ${message}`)
  }
  const table = new Map(Object.entries(checked.data))
  for (const [service, ports] of more) {
    if (table.has(service))
      throw new ProbeError(`service ${service}: ${file} has it already: choose another name`)
    table.set(service, [...ports])
  }
  checkPorts(table)
  return table
}

function checkPorts(table: PortTable): void {
  const owner = new Map<number, string>()
  for (const [service, ports] of table)
    for (const port of ports) {
      const other = owner.get(port)
      if (other !== undefined)
        throw new ProbeError(
          `port ${port} is given to ${other} and ${service}: a port belongs to one service`,
        )
      owner.set(port, service)
    }
}
