/** Which processes a promise is about, and which of them are spared, and why. */
import { one } from '../../policy/shapes.ts'
import { endedOffenders, endedText } from '../ended.ts'
import type { Offender } from '../offenders.ts'
import type { World } from '../world.ts'
import { globOf, offence, type ProcessFacts } from './filter.ts'
import type { ProcessesBody } from './shape.ts'

export interface Selected {
  process: ProcessFacts
  /** The detectors' word on it, where the promise asked for it or not. */
  offence: Offender | undefined
}

/** Ended offenders named by a promise. */
const NAMED = 50

const named = (all: readonly string[]): string[] =>
  all.length <= NAMED ? [...all] : [...all.slice(-NAMED), `and ${all.length - NAMED} before them`]

export function select(
  body: Pick<ProcessesBody, 'filter' | 'name' | 'binary' | 'owner'>,
  world: World,
): { selected: Selected[]; spared: string[]; ended: string[] } {
  const now = world.now()
  const wanted = one(body.filter ?? []).map((name) => world.filters.get(name as string))
  const name = body.name === undefined ? undefined : new RegExp(body.name, 'u')
  const binaries =
    body.binary === undefined ? undefined : one(body.binary).map((text) => globOf(text as string))
  const owners = body.owner === undefined ? undefined : one(body.owner)
  const selected: Selected[] = []
  const spared: string[] = []
  for (const process of world.processes()) {
    const { pid, binary } = process
    if (name && !name.test(process.name)) continue
    if (binaries && !binaries.some((pattern) => pattern.test(binary))) continue
    if (owners && !owners.includes(process.owner) && !owners.includes(String(process.uid))) continue
    if (!wanted.every((filter) => filter?.holds(process, world.offenders, now))) continue
    const found = offence(process, world.offenders.ph_sequence) ?? offence(process, world.offenders.ph_load)
    const why = found?.tolerated ? `incident ${found.incident} is tolerated` : world.never.why(process)
    if (why === undefined) selected.push({ process, offence: found })
    else spared.push(`${binary} (${pid}): ${why}`)
  }
  const detectors = wanted.flatMap((filter) => filter?.detectors ?? [])
  const ended = endedOffenders(detectors, world)
    .filter(({ binary }) => !binaries || binaries.some((pattern) => pattern.test(binary)))
    .map(endedText)
  return { selected, spared, ended: named(ended) }
}
