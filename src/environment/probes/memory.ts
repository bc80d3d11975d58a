import { Draft } from './reading.ts'
import type { Moment, Places, Probe, Reading } from './types.ts'

const fields = {
  mem_total: 'MemTotal',
  mem_free: 'MemFree',
  mem_cached: 'Cached',
  mem_swap: 'SwapTotal',
  mem_freeswap: 'SwapFree',
} as const

/** Memory and swap in MiB. */
export class MemoryProbe implements Probe {
  readonly name = 'memory'
  readonly #path: string

  constructor({ proc }: Places) {
    this.#path = `${proc}/meminfo`
  }

  read(_now: Moment): Reading {
    const draft = new Draft()
    const found = draft.parse(this.#path, Object.keys(fields).join(', '), parseMemory)
    for (const [name, mebibytes] of found ?? []) draft.put(name, mebibytes)
    return draft
  }
}

/** `mem_total` ... to MiB; a field that the kernel does not have (no swap support) is left out. */
export function parseMemory(text: string): Map<string, number> | undefined {
  const kilobytes = new Map<string, number>()
  for (const [, name, value] of text.matchAll(/^(\w+): +(\d+) kB$/gm)) kilobytes.set(name!, Number(value))
  if (!kilobytes.has('MemTotal') || !kilobytes.has('MemFree')) return undefined
  const values = new Map<string, number>()
  for (const [name, field] of Object.entries(fields)) {
    const value = kilobytes.get(field)
    if (value !== undefined) values.set(name, value / 1024)
  }
  return values
}
