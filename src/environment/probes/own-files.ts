import { statSync } from 'node:fs'
import type { OwnObservable } from './config.ts'
import { reason } from './errors.ts'
import { FileGrowth } from './growth.ts'
import { readText } from './read-file.ts'
import { Draft, unreadable } from './reading.ts'
import type { Moment, Probe, Reading } from './types.ts'

/** Bytes of the operator's files and commands looked at, from the beginning. */
export const textLimit = 64 * 1024

/** A plain number: an integer, a decimal, an exponent. */
const numberPattern = /[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?/

/** The number that a pattern's group holds, or the first number there is; undefined if there is none. */
export function numberIn(text: string, pattern: RegExp | undefined): number | undefined {
  const found = pattern ? pattern.exec(text)?.[1]?.trim() : numberPattern.exec(text)?.[0]
  if (found === undefined || !new RegExp(`^${numberPattern.source}$`).test(found)) return undefined
  const value = Number(found)
  return Number.isFinite(value) ? value : undefined
}

/** A number in a file of the operator's. */
export class NumberProbe implements Probe {
  readonly name: string
  readonly #path: string
  readonly #pattern: RegExp

  constructor({ name, number, pattern }: OwnObservable) {
    this.name = name
    this.#path = number!
    this.#pattern = new RegExp(pattern!, 'm')
  }

  read(_now: Moment): Reading {
    const draft = new Draft()
    const about = `${this.name} ${this.#path}`
    try {
      if (!statSync(this.#path).isFile()) {
        draft.problem(about, `${this.#path}: no regular file: no value for ${this.name}`)
        return draft
      }
      const value = numberIn(readText(this.#path, textLimit), this.#pattern)
      if (value === undefined)
        draft.problem(
          about,
          `${this.#path}: no number where ${this.#pattern.source} looks for it: no value for ${this.name}`,
        )
      draft.put(this.name, value)
    } catch (error) {
      draft.problem(about, unreadable(this.#path, reason(error), this.name))
    }
    return draft
  }
}

/** The growth of a file of the operator's, in bytes a second. */
export class GrowthProbe implements Probe {
  readonly name: string
  readonly #growth: FileGrowth
  #before: number | undefined

  constructor({ name, growth }: OwnObservable) {
    this.name = name
    this.#growth = new FileGrowth(growth!)
  }

  read({ monotonicMs }: Moment): Reading {
    const draft = new Draft()
    const seconds = this.#before === undefined ? 0 : (monotonicMs - this.#before) / 1000
    this.#before = monotonicMs
    const step = this.#growth.read()
    const { path } = this.#growth
    const say = (why: string) =>
      draft.problem(`${this.name} ${path}`, `${path}: ${why}: no value for ${this.name}`)
    if (step.kind === 'grown' && seconds > 0) draft.put(this.name, step.bytes / seconds)
    else if (step.kind === 'absent') say('not there')
    else if (step.kind === 'vanished') say('it was there and is gone')
    else if (step.kind === 'no-file') say('no regular file')
    else if (step.kind === 'error') say(`cannot be seen (${step.why})`)
    return draft
  }
}
