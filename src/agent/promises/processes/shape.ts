/** What a policy writes to select processes and to say what becomes of them. */
import { z } from 'zod'
import { argvShape, durationShape } from '../../policy/shapes.ts'
import { unknownFilter } from '../faults.ts'
import type { Fault, PolicyNames } from '../interface.ts'
import { FilterError, regularExpression } from './filter.ts'

export const acts = [
  'warn',
  'signal',
  'kill',
  'stop',
  'delay',
  'freeze',
  'cpu',
  'nice',
  'suspend_exec',
  'restart',
  'ladder',
] as const
export type ProcessAct = (typeof acts)[number]

export const signals = ['hup', 'int', 'quit', 'usr1', 'usr2', 'term', 'kill', 'stop', 'cont'] as const

const names = z.union([z.string().min(1), z.array(z.string().min(1)).min(1).max(64)])

export const ladderShape = z.strictObject({
  upto: z
    .enum(['delay', 'freeze', 'kill'])
    .default('freeze')
    .meta({ description: 'the last step; kill only where it is written' }),
  observe: durationShape.default('5m').meta({ description: 'before the first step, from when it was seen' }),
  delay: durationShape.default('10m').meta({ description: 'how long it is slowed down, per call' }),
  freeze: durationShape.default('10m').meta({ description: 'how long it stands still' }),
  forget: durationShape
    .default('1h')
    .meta({ description: 'after so long without an anomaly it starts anew' }),
})

export const processesShape = z.strictObject({
  filter: names
    .optional()
    .meta({ description: 'filters that must all hold: ph_sequence, ph_load, or your own' }),
  name: z.string().optional().meta({ description: 'regular expression on the name' }),
  binary: names.optional().meta({ description: 'full path, * for any part' }),
  owner: names.optional().meta({ description: 'name or number of its user' }),
  act: z.enum(acts),
  signal: z.enum(signals).optional(),
  for: durationShape
    .optional()
    .meta({ description: 'how long stop, delay, freeze, cpu, nice, suspend_exec last' }),
  unit: durationShape.optional().meta({
    description: 'of delay: a call waits 2^LFC times this; default: delay_factor * jiffy_ms, or 10 ms',
  }),
  percent: z.number().min(1).max(100).optional().meta({ description: 'of cpu: of one core' }),
  nice: z.int().min(1).max(19).optional(),
  restart: argvShape
    .optional()
    .meta({ description: 'started when no process matches, or once they are killed' }),
  limit: z.int().min(1).max(60).default(3).meta({ description: 'restarts within an hour' }),
  most: z
    .int()
    .min(1)
    .max(10_000)
    .default(20)
    .meta({ description: 'processes at once; where more match, none is touched' }),
  ladder: ladderShape.optional(),
})

export type ProcessesBody = z.infer<typeof processesShape>

/** Which key an act must have, and which only it may have. */
const needs: Partial<Record<ProcessAct, keyof ProcessesBody>> = {
  signal: 'signal',
  stop: 'for',
  delay: 'for',
  freeze: 'for',
  cpu: 'percent',
  nice: 'nice',
  suspend_exec: 'for',
  restart: 'restart',
}
const owns: Partial<Record<keyof ProcessesBody, readonly ProcessAct[]>> = {
  signal: ['signal'],
  for: ['stop', 'delay', 'freeze', 'cpu', 'nice', 'suspend_exec'],
  unit: ['delay', 'ladder'],
  percent: ['cpu'],
  nice: ['nice'],
  restart: ['restart', 'kill', 'signal'],
  ladder: ['ladder'],
}

export function parseProcesses(
  body: ProcessesBody,
  names: PolicyNames,
): { body: ProcessesBody } | { faults: readonly Fault[] } {
  const faults: Fault[] = []
  const fault = (key: keyof ProcessesBody, message: string) => faults.push({ path: [key], message })
  const needed = needs[body.act]
  if (needed && body[needed] === undefined) fault('act', `${body.act} needs ${needed}`)
  for (const [key, allowed] of Object.entries(owns) as [keyof ProcessesBody, readonly ProcessAct[]][])
    if (body[key] !== undefined && !allowed.includes(body.act))
      fault(key, `${key} belongs to ${allowed.join(', ')}, not to ${body.act}`)
  if (['cpu', 'nice'].includes(body.act) && body.for === undefined)
    fault('act', `${body.act} needs for: nothing is slowed down for ever`)
  if (body.signal === 'stop')
    fault('signal', 'to stop is an act of its own, with for: nothing is stopped for ever')
  if (
    body.filter === undefined &&
    body.name === undefined &&
    body.binary === undefined &&
    body.owner === undefined
  )
    fault('act', 'select processes by filter, name, binary or owner: all of them is never meant')
  for (const [index, name] of [body.filter ?? []].flat().entries())
    faults.push(...unknownFilter(name, names, Array.isArray(body.filter) ? ['filter', index] : ['filter']))
  if (body.name !== undefined)
    try {
      regularExpression('name', body.name)
    } catch (error) {
      if (!(error instanceof FilterError)) throw error
      fault('name', error.message)
    }
  return faults.length > 0 ? { faults } : { body }
}
