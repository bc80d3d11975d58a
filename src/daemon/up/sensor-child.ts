/** The sensor as a child of `lymph up`, and the leases it holds: whoever it left stopped is continued here. */
import type { Duplex } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { SensorSupervisor } from '#sensor'
import { daemonUser, stateNames } from '../state-folder.ts'
import { Child } from './child.ts'

export const sensorMain = fileURLToPath(new URL('../../sensor/kernel/main.ts', import.meta.url))

const patienceMs = 5000
/** The sensor's exit codes for "wrong arguments" and "cannot watch here": another start would end the same way. */
const refusals = [2, 4]

export interface SensorChildOptions {
  state: string
  /** A file of root's: paths that are never delayed. */
  neverDelay: string
  say: (line: string) => void
  /** It died, whatever comes next. */
  onDied?: () => void
  /** It cannot work here, and is not started again. */
  onRefused: () => void
}

export class SensorChild {
  readonly #supervisor = new SensorSupervisor()
  readonly #child: Child
  readonly #options: SensorChildOptions
  #overdue: NodeJS.Timeout | undefined

  constructor(options: SensorChildOptions) {
    this.#options = options
    const { state, neverDelay, say } = options
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
      if (late.length > 0) this.#options.say(`sensor is late: continued ${processes(late)}`)
    }, 1000)
  }

  async #died(how: string, code: number | null, pauseMs: number): Promise<boolean> {
    const { say, onRefused, onDied } = this.#options
    onDied?.()
    await this.#recover()
    if (code === null || !refusals.includes(code)) {
      say(`sensor ended (${how}): starting it again in ${pauseMs / 1000} s`)
      return true
    }
    say(`sensor cannot work here (${how}): going on without it; lymph doctor says more`)
    onRefused()
    return false
  }

  async #recover(): Promise<void> {
    const continued = await this.#supervisor.recover()
    if (continued.length > 0)
      this.#options.say(`continued ${processes(continued)} that the sensor had stopped`)
  }

  async stop(): Promise<void> {
    const end = await this.#child.stop(patienceMs)
    clearInterval(this.#overdue)
    // A sensor that ended in order has continued everyone itself; looking again would wake what a person stopped.
    if (end && (end.code !== 0 || this.#supervisor.held.length > 0)) await this.#recover()
  }
}

const processes = (pids: number[]) =>
  pids.length === 1 ? `process ${pids[0]}` : `processes ${pids.join(', ')}`
