/**
 * The agent's schedule, kept by `lymph up`: a run every interval, at this host's own moment in it (its splay), and none
 * for any other reason. And the keeper of leases, whose death takes back what it kept.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { agentFolder, LeaseKeeper, leasesFolder } from '#agent'
import { Child } from '../up/child.ts'
import { eachLine, throttled } from '../up/lines.ts'
import type { AgentConfig } from './config.ts'

const cliMain = fileURLToPath(new URL('../../cli/main.ts', import.meta.url))
const keeperMain = fileURLToPath(new URL('../../agent/leases/main.ts', import.meta.url))

const keeperPatienceMs = 3000
const lineCharacters = 8192
const linesPerSecond = 100

export interface ScheduleOptions {
  state: string
  configFile?: string
  config: AgentConfig
  /** Spreads the runs of a fleet over the splay. */
  host: string
  say: (line: string) => void
}

/** A host's moment within the splay: the same at every start, another on every host. */
export function splayOf(host: string, splayMs: number): number {
  return splayMs === 0 ? 0 : createHash('sha256').update(host).digest().readUInt32BE(0) % splayMs
}

/** When the next run is: the next multiple of the interval, and this host's moment after it. Pure. */
export function nextRun(now: number, intervalMs: number, offsetMs: number): number {
  const offset = offsetMs % intervalMs
  return Math.floor((now - offset) / intervalMs) * intervalMs + intervalMs + offset
}

export class AgentSchedule {
  readonly #options: ScheduleOptions
  readonly #leases: LeaseKeeper
  readonly #keeper: Child
  #timer: NodeJS.Timeout | undefined
  #run: ChildProcess | undefined
  #stopped = false
  runs = 0

  constructor(options: ScheduleOptions) {
    this.#options = options
    const folder = leasesFolder(agentFolder(options.state))
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    this.#leases = new LeaseKeeper(folder)
    this.#keeper = new Child({
      name: 'keeper',
      args: [keeperMain, folder, options.config.execGate],
      cwd: options.state,
      onLine: () => {},
      onOutput: (line) => options.say(`agent: ${line}`),
      onDeath: async (how, _code, pauseMs) => {
        this.returnAll(`the keeper of leases ended (${how})`)
        options.say(`keeper ended (${how}): starting it again in ${pauseMs / 1000} s`)
        return true
      },
    })
  }

  start(): void {
    this.returnAll('an earlier lymph up left it')
    if (!this.#options.config.enabled) return
    this.#keeper.start()
    this.#plan()
  }

  /** Whoever the leases were held against runs free: a part of lymph has died, and nobody watches them. */
  returnAll(why: string): void {
    for (const { what } of this.#leases.returnAll()) this.#options.say(`agent: ${why}: taken back: ${what}`)
  }

  #plan(): void {
    if (this.#stopped) return
    const { config, host, state } = this.#options
    const at = nextRun(Date.now(), config.intervalMs, splayOf(host, config.splayMs))
    writeNext(state, at)
    this.#timer = setTimeout(() => {
      this.#start()
      this.#plan()
    }, at - Date.now())
  }

  #start(): void {
    const { state, configFile, say } = this.#options
    // Its own lock says how long it may be at work; two at once would only wait for each other.
    if (this.#run) return
    this.runs++
    const run = spawn(
      process.execPath,
      [
        ...[cliMain, '--state', state],
        ...(configFile === undefined ? [] : ['--config', configFile]),
        ...['agent', 'run', '--scheduled'],
      ],
      { cwd: '/', detached: true, stdio: ['ignore', 'pipe', 'pipe'] },
    )
    this.#run = run
    const tell = throttled(linesPerSecond, (line) => say(`agent: ${line}`))
    for (const stream of [run.stdout, run.stderr]) if (stream) eachLine(stream, lineCharacters, tell)
    run.on('error', (error) => say(`agent: it could not be started: ${error.message}`))
    run.on('close', () => {
      this.#run = undefined
    })
  }

  async stop(): Promise<void> {
    this.#stopped = true
    clearTimeout(this.#timer)
    const run = this.#run
    if (run) {
      const ended = new Promise((resolve) => run.on('close', resolve))
      run.kill('SIGTERM')
      const insist = setTimeout(() => run.kill('SIGKILL'), keeperPatienceMs)
      await ended
      clearTimeout(insist)
    }
    await this.#keeper.stop(keeperPatienceMs)
    this.returnAll('lymph up ends')
  }
}

/** For `lymph agent schedule`; a disk that does not take it costs no run. */
function writeNext(state: string, at: number): void {
  const file = join(agentFolder(state), 'schedule.json')
  try {
    writeFileSync(`${file}.new`, JSON.stringify({ nextAt: at }), { mode: 0o600 })
    renameSync(`${file}.new`, file)
  } catch {
    // It is only told.
  }
}
