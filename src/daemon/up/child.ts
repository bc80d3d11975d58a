/**
 * One child of `lymph up`: started, watched, started again when it dies, with a pause that doubles from half a second
 * to 30 seconds and falls back once it has lived a minute. The child has a pipe from here on fd 3: its end is how it
 * learns that `up` died, whatever killed it.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import type { Duplex } from 'node:stream'
import { eachLine, throttled } from './lines.ts'

export interface ChildOptions {
  name: string
  /** Arguments of node. */
  args: string[]
  cwd: string
  /** A line the child wrote to its fd 3, cut at 65536 characters. Left out where `onStart` takes that stream for itself. */
  onLine?: (line: string) => void
  /** What the child wrote to standard output or error: lines cut at 8192 characters, and 100 a second at most. */
  onOutput: (line: string) => void
  /** The child ended without being asked to, and its fd 3 is read. Answers whether to start it again, in `pauseMs`. */
  onDeath: (how: string, code: number | null, pauseMs: number) => Promise<boolean>
  onStart?: (child: ChildProcess) => void
}

/** How a child ended. */
export interface End {
  code: number | null
  signal: NodeJS.Signals | null
}

const firstPauseMs = 500
const longestPauseMs = 30_000
const settledMs = 60_000
/** What a dead child wrote is read by then, unless somebody it started holds the pipe open. */
const drainMs = 1000
/** What a child says is not trusted to be short or rare. */
const noteCharacters = 65_536
const outputCharacters = 8192
const outputPerSecond = 100

export class Child {
  readonly #options: ChildOptions
  #process: ChildProcess | undefined
  #ended: Promise<End> | undefined
  #death: Promise<void> | undefined
  #stopping = false
  #pauseMs = firstPauseMs
  #timer: NodeJS.Timeout | undefined
  restarts = 0

  constructor(options: ChildOptions) {
    this.#options = options
  }

  get pid(): number | undefined {
    return this.#process?.pid
  }

  start(): void {
    if (this.#stopping) return
    const { args, cwd, onLine, onOutput, onStart } = this.#options
    const started = Date.now()
    // A process group of its own: Ctrl-C goes to `up` alone, which stops its children in their order.
    const child = spawn(process.execPath, args, {
      cwd,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    })
    this.#process = child
    const notes = child.stdio[3] as Duplex | undefined
    notes?.on('error', () => {})
    if (notes && onLine) eachLine(notes, noteCharacters, onLine)
    const output = throttled(outputPerSecond, onOutput)
    for (const stream of [child.stdout, child.stderr]) if (stream) eachLine(stream, outputCharacters, output)
    onStart?.(child)
    this.#ended = new Promise<End>((resolve) => {
      child.on('exit', (code, signal) => resolve({ code, signal }))
      child.on('error', (error) => {
        onOutput(`${this.#options.name}: ${error.message}`)
        // Never started: there will be no exit.
        if (child.pid === undefined) resolve({ code: null, signal: null })
      })
    }).then(async (end) => {
      if (notes && child.pid !== undefined) await drained(notes)
      this.#process = undefined
      return end
    })
    this.#death = this.#ended.then((end) => this.#died(end, Date.now() - started))
  }

  async #died({ code, signal }: End, livedMs: number): Promise<void> {
    if (this.#stopping) return
    if (livedMs > settledMs) this.#pauseMs = firstPauseMs
    const pauseMs = this.#pauseMs
    const how = signal
      ? `killed by ${signal}`
      : code === null
        ? 'it could not be started'
        : `exit code ${code}`
    if (!(await this.#options.onDeath(how, code, pauseMs)) || this.#stopping) return
    this.#pauseMs = Math.min(pauseMs * 2, longestPauseMs)
    this.#timer = setTimeout(() => {
      this.restarts++
      this.start()
    }, pauseMs)
  }

  /**
   * Asks with SIGTERM, and after `patienceMs` insists with SIGKILL. Resolves once the child is gone, and `onDeath` is
   * through where it had died by itself.
   * @returns how it ended; undefined when it was not running
   */
  async stop(patienceMs: number): Promise<End | undefined> {
    this.#stopping = true
    clearTimeout(this.#timer)
    const child = this.#process
    let end: End | undefined
    if (child) {
      child.kill('SIGTERM')
      const insist = setTimeout(() => child.kill('SIGKILL'), patienceMs)
      end = await this.#ended
      clearTimeout(insist)
    }
    await this.#death
    return end
  }
}

/** Resolves when everything that was written to the stream has been read. */
function drained(stream: Duplex): Promise<void> {
  if (stream.readableEnded || stream.destroyed) return Promise.resolve()
  return new Promise((resolve) => {
    const late = setTimeout(resolve, drainMs)
    for (const event of ['end', 'close'])
      stream.once(event, () => {
        clearTimeout(late)
        resolve()
      })
  })
}
