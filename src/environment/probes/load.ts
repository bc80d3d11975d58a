import { Draft } from './reading.ts'
import type { Moment, Places, Probe, Reading } from './types.ts'

/** The load average over one minute. */
export class LoadProbe implements Probe {
  readonly name = 'load'
  readonly #path: string

  constructor({ proc }: Places) {
    this.#path = `${proc}/loadavg`
  }

  read(_now: Moment): Reading {
    const draft = new Draft()
    draft.put('loadavg', draft.parse(this.#path, 'loadavg', parseLoad))
    return draft
  }
}

export function parseLoad(text: string): number | undefined {
  const found = /^(\d+\.\d+) \d+\.\d+ \d+\.\d+ /.exec(text)
  return found ? Number(found[1]) : undefined
}
