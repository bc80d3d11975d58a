import { type ChildProcess, spawn } from 'node:child_process'
import type { OwnObservable } from './config.ts'
import { reason } from './errors.ts'
import { numberIn, textLimit } from './own-files.ts'
import { Draft } from './reading.ts'
import type { Slots } from './slots.ts'
import type { Moment, Probe, Reading } from './types.ts'

/** Commands that run at once, at most. */
export const commandsAtOnce = 4

type Outcome = { value: number } | { problem: string }

/**
 * A number that a command of the operator's prints. It is started without a shell, in a process group of its own, and
 * never waited for: a reading gives what the last run that ended said. Output and time are limited; a group that
 * takes longer is killed.
 */
export class CommandProbe implements Probe {
  readonly name: string
  readonly #argv: readonly string[]
  readonly #pattern: RegExp | undefined
  readonly #everyMs: number
  readonly #timeoutMs: number
  readonly #slots: Slots
  #child: ChildProcess | undefined
  #startedMs: number | undefined
  /** In line, or running. */
  #busy = false
  #outcome: Outcome | undefined

  constructor({ name, command, pattern, every, timeout }: OwnObservable, slots: Slots) {
    this.name = name
    this.#argv = command!
    this.#pattern = pattern === undefined ? undefined : new RegExp(pattern, 'm')
    this.#everyMs = every
    this.#timeoutMs = timeout
    this.#slots = slots
  }

  read({ monotonicMs }: Moment): Reading {
    const draft = new Draft()
    const due = this.#startedMs === undefined || monotonicMs - this.#startedMs >= this.#everyMs
    if (due && !this.#busy) {
      this.#startedMs = monotonicMs
      this.#busy = true
      this.#slots.enter(this.#start)
    }
    const outcome = this.#outcome
    if (outcome && 'value' in outcome) draft.put(this.name, outcome.value)
    else if (outcome)
      draft.problem(this.name, `command ${this.#argv[0]}: ${outcome.problem}: no value for ${this.name}`)
    return draft
  }

  close(): void {
    this.#slots.cancel(this.#start)
    this.#kill()
  }

  readonly #start = (): void => {
    const output: Buffer[] = []
    let length = 0
    let ended: string | undefined
    let child: ReturnType<typeof start>
    try {
      child = start(this.#argv)
    } catch (error) {
      this.#done({ problem: `it cannot be started (${reason(error)})` })
      return
    }
    this.#child = child
    const stop = (why: string) => {
      ended ??= why
      this.#kill()
      // A descendant in a session of its own may hold the pipe open for ever.
      child.stdout.destroy()
    }
    const timer = setTimeout(
      () => stop(`longer than ${this.#timeoutMs / 1000} s, and killed`),
      this.#timeoutMs,
    )
    timer.unref()
    child.stdout.on('data', (part: Buffer) => {
      length += part.length
      if (length > textLimit) stop(`more than ${textLimit / 1024} KiB of output, and killed`)
      else output.push(part)
    })
    child.stdout.on('error', () => {})
    const finish = (problem: string | undefined) => {
      if (this.#child !== child) return
      this.#child = undefined
      clearTimeout(timer)
      const text = Buffer.concat(output).toString()
      const value = problem === undefined ? numberIn(text, this.#pattern) : undefined
      this.#done(value === undefined ? { problem: problem ?? 'it printed no number' } : { value })
    }
    child.on('error', (error) => finish(`it cannot be started (${reason(error)})`))
    child.on('close', (code, signal) =>
      finish(ended ?? (code === 0 ? undefined : `it ended with ${signal ?? `exit status ${code}`}`)),
    )
  }

  #done(outcome: Outcome): void {
    this.#outcome = outcome
    this.#busy = false
    this.#slots.leave()
  }

  #kill(): void {
    const pid = this.#child?.pid
    if (pid === undefined) return
    try {
      process.kill(-pid, 'SIGKILL')
    } catch {
      // The group has ended by itself.
    }
  }
}

function start([file, ...args]: readonly string[]) {
  return spawn(file!, args, {
    cwd: '/',
    env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' },
    stdio: ['ignore', 'pipe', 'ignore'],
    detached: true,
  })
}
