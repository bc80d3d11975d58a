/**
 * `lymph up`: starts the sensor and the daemon, starts them again when they die, and continues whoever a dead sensor
 * left stopped. It has no network and no store, and trusts neither child: what they say is printed, no more.
 */
import { renameSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { Duplex } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { inspectKernel, SensorSupervisor } from '#sensor'
import { Child } from './child.ts'
import { readConfig } from './config.ts'
import { oneLine } from './errors.ts'
import { claimState, daemonUser, prepareState, stateNames } from './state-folder.ts'

export interface UpOptions {
  state: string
  listen?: string[]
  host?: string
  /** False: the daemon alone, even as root. */
  sensor: boolean
  configFile?: string
  /** Takes one line for the person who started it. */
  say: (line: string) => void
}

const sensorMain = fileURLToPath(new URL('../sensor/kernel/main.ts', import.meta.url))
const cliMain = fileURLToPath(new URL('../cli/main.ts', import.meta.url))

const daemonPatienceMs = 10_000
const sensorPatienceMs = 5000
const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
/** The sensor's exit codes for "wrong arguments" and "cannot watch here": another start would end the same way. */
const refusals = [2, 4]

/**
 * Runs this host until a signal, or until the daemon says that it cannot go on.
 * @returns the exit code
 * @throws DaemonError where the state folder or the config cannot be used
 */
export async function runUp(options: UpOptions): Promise<number> {
  const config = readConfig(options.configFile)
  const state = prepareState(options.state)
  const claim = claimState(state)
  let finish: (exit: number) => void = () => {}
  const finished = new Promise<number>((done) => {
    finish = done
  })
  const onSignal = () => finish(0)
  for (const signal of signals) process.on(signal, onSignal)
  let sensor: SensorChild | undefined
  let daemon: Child | undefined
  try {
    if (options.sensor && (await canSense(options.say)))
      sensor = new SensorChild(state, writeNeverDelay(state, config.neverDelay), options.say)
    sensor?.start()
    daemon = daemonChild(options, state, sensor !== undefined, finish)
    daemon.start()
    return await finished
  } finally {
    try {
      await daemon?.stop(daemonPatienceMs)
      await sensor?.stop()
    } finally {
      for (const signal of signals) process.off(signal, onSignal)
      claim.release()
    }
  }
}

async function canSense(say: (line: string) => void): Promise<boolean> {
  if (process.getuid?.() !== 0) {
    say(
      'no sensor: run as root for the kernel sensor; lymph doctor says more; lymph watch -- COMMAND works without',
    )
    return false
  }
  const { ok, problems } = await inspectKernel()
  for (const { what, why, fix } of problems) say(oneLine(`no sensor: ${what}: ${why}: ${fix}`))
  return ok
}

/** @returns the path of a file of root's, as the sensor wants it: a path a line */
function writeNeverDelay(state: string, paths: string[]): string {
  const file = join(state, 'never-delay')
  rmSync(`${file}.new`, { force: true })
  writeFileSync(`${file}.new`, paths.map((path) => `${path}\n`).join(''), { mode: 0o600, flag: 'wx' })
  renameSync(`${file}.new`, file)
  return file
}

/** The sensor, and the leases it holds. */
class SensorChild {
  readonly #supervisor = new SensorSupervisor()
  readonly #child: Child
  readonly #say: (line: string) => void
  #overdue: NodeJS.Timeout | undefined

  constructor(state: string, neverDelay: string, say: (line: string) => void) {
    this.#say = say
    const user = daemonUser()
    this.#child = new Child({
      name: 'sensor',
      args: [
        sensorMain,
        ...['--socket', stateNames.sensorSocket, '--supervisor-fd', '3', '--never-delay', neverDelay],
        ...(user ? ['--owner', `${user.uid}:${user.gid}`] : []),
      ],
      cwd: state,
      onStart: (child) => {
        const reports = child.stdio[3] as Duplex | undefined
        if (reports) this.#supervisor.listen(reports)
      },
      onOutput: (line) => say(line.startsWith('sensor: ') ? line : `sensor: ${line}`),
      onDeath: (how, code, pauseMs) => this.#died(how, code, pauseMs),
    })
  }

  start(): void {
    this.#child.start()
    this.#overdue = setInterval(() => {
      const late = this.#supervisor.continueOverdue(Date.now())
      if (late.length > 0) this.#say(`sensor is late: continued ${processes(late)}`)
    }, 1000)
  }

  async #died(how: string, code: number | null, pauseMs: number): Promise<boolean> {
    await this.#recover()
    const again = code === null || !refusals.includes(code)
    this.#say(
      again
        ? `sensor ended (${how}): starting it again in ${pauseMs / 1000} s`
        : `sensor cannot work here (${how}): going on without it; lymph doctor says more`,
    )
    return again
  }

  async #recover(): Promise<void> {
    const continued = await this.#supervisor.recover()
    if (continued.length > 0) this.#say(`continued ${processes(continued)} that the sensor had stopped`)
  }

  async stop(): Promise<void> {
    const end = await this.#child.stop(sensorPatienceMs)
    clearInterval(this.#overdue)
    // A sensor that ended in order has continued everyone itself; looking again would wake what a person stopped.
    if (end && (end.code !== 0 || this.#supervisor.held.length > 0)) await this.#recover()
  }
}

const processes = (pids: number[]) =>
  pids.length === 1 ? `process ${pids[0]}` : `processes ${pids.join(', ')}`

/** What the daemon writes to its fd 3, a line each. */
interface Note {
  ready?: unknown
  say?: unknown
  fatal?: unknown
  exit?: unknown
}

function daemonChild(
  options: UpOptions,
  state: string,
  sensed: boolean,
  finish: (exit: number) => void,
): Child {
  const { listen = [], host, configFile, say } = options
  let wasReady = false
  let over = false
  return new Child({
    name: 'daemon',
    args: [
      ...[cliMain, '--state', state],
      ...(configFile === undefined ? [] : ['--config', resolve(configFile)]),
      ...['daemon', '--supervisor-fd', '3'],
      ...(sensed ? [] : ['--no-sensor']),
      ...listen.flatMap((address) => ['--listen', address]),
      ...(host === undefined ? [] : ['--host', host]),
    ],
    cwd: state,
    onLine(line) {
      const note = parseNote(line)
      if (typeof note.say === 'string') say(note.say)
      if (note.ready === true) {
        say(wasReady ? 'daemon is back' : 'ready')
        wasReady = true
      }
      if (typeof note.fatal === 'string' && !over) {
        over = true
        say(note.fatal)
        finish(typeof note.exit === 'number' ? note.exit : 2)
      }
    },
    // A line for the journal keeps its <priority> in front.
    onOutput: (line) => say(/^<[0-7]>|^daemon: /.test(line) ? line : `daemon: ${line}`),
    onDeath: async (how, _code, pauseMs) => {
      if (over) return false
      say(`daemon ended (${how}): starting it again in ${pauseMs / 1000} s`)
      return true
    },
  })
}

function parseNote(line: string): Note {
  try {
    return (JSON.parse(line) as Note | null) ?? {}
  } catch {
    return { say: `daemon: ${line}` }
  }
}
