/** A process the experiment started: ends with it, and its end is told in the words it left. */
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { ExperimentError } from './errors.ts'

const setpriv = '/usr/bin/setpriv'
const linesKept = 20

export class Child {
  readonly pid: number
  readonly name: string
  /** Resolves when it has ended. */
  readonly ended: Promise<string>
  readonly #process: ReturnType<typeof spawn>
  readonly #lines: string[] = []
  readonly #waiting = new Set<(line: string) => void>()
  #over = false
  #asked = false

  /** @param onDeath told when it ends without having been asked to */
  constructor(
    name: string,
    command: string,
    args: readonly string[],
    onDeath: (error: ExperimentError) => void,
  ) {
    this.name = name
    // Even kill -9 of the experiment ends it. In a group of its own: Ctrl-C comes to the experiment alone.
    const [file, ...rest] = existsSync(setpriv)
      ? [setpriv, '--pdeathsig', 'TERM', command, ...args]
      : [command, ...args]
    const child = spawn(file as string, rest, { detached: true, stdio: ['ignore', 'pipe', 'pipe'] })
    this.#process = child
    this.pid = child.pid ?? 0
    for (const stream of [child.stdout, child.stderr])
      createInterface({ input: stream }).on('line', (line) => this.#take(line))
    this.ended = new Promise((resolve) => {
      const end = (how: string) => {
        this.#over = true
        resolve(how)
        if (this.#asked) return
        const said = this.#lines.at(-1)
        onDeath(new ExperimentError(`${name} ended (${how})${said ? `: ${said}` : ''}`))
      }
      child.on('error', (error) => end(error.message))
      child.on('exit', (code, signal) => {
        // Whom it left behind, as a killed nginx its workers, holds the pipes open and would stay.
        endGroup(child.pid)
        // After its output: its last line says why.
        child.on('close', () => end(signal ?? `exit ${code}`))
      })
    })
  }

  #take(line: string): void {
    this.#lines.push(line)
    if (this.#lines.length > linesKept) this.#lines.shift()
    for (const take of this.#waiting) take(line)
  }

  /** What it said last, oldest first. */
  get said(): readonly string[] {
    return this.#lines
  }

  /** Resolves once it says this line. The caller has the time limit. */
  async line(wanted: string, signal: AbortSignal): Promise<void> {
    if (this.#lines.includes(wanted)) return
    const heard = Promise.withResolvers<void>()
    const take = (line: string) => void (line === wanted && heard.resolve())
    const stop = () => heard.reject(signal.reason)
    this.#waiting.add(take)
    signal.addEventListener('abort', stop)
    try {
      signal.throwIfAborted()
      await heard.promise
    } finally {
      this.#waiting.delete(take)
      signal.removeEventListener('abort', stop)
    }
  }

  /** Asks it to end, and makes it after a while. */
  async stop(patienceMs: number): Promise<void> {
    this.#asked = true
    if (this.#over) return
    this.#process.kill('SIGTERM')
    const force = setTimeout(() => this.#process.kill('SIGKILL'), patienceMs)
    await this.ended
    clearTimeout(force)
  }
}

function endGroup(leader: number | undefined): void {
  if (leader === undefined) return
  try {
    process.kill(-leader, 'SIGKILL')
  } catch {
    // Nobody is left in it.
  }
}
