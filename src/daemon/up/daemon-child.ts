/** The daemon as a child of `lymph up`, and what it says on its fd 3. */
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { DaemonError } from '../errors.ts'
import { Child } from './child.ts'
import { throttled } from './lines.ts'
import { daemonNodeFlags } from './memory.ts'

const cliMain = fileURLToPath(new URL('../../cli/main.ts', import.meta.url))
const linesPerSecond = 100

export interface DaemonChildOptions {
  state: string
  listen?: string[]
  host?: string
  configFile?: string
  /** Whether it is to look for the sensor. */
  sensed: boolean
  say: (line: string) => void
  onReady: () => void
  /** It died, whatever comes next. */
  onDied?: () => void
  /** It cannot go on, and another start would end the same way. */
  onFatal: (error: DaemonError) => void
}

/** What the daemon writes to its fd 3, a line each. */
interface Note {
  ready?: unknown
  say?: unknown
  fatal?: unknown
  exit?: unknown
  /** The sensor's answer to being asked to watch was no: the sensor ends by itself, and says why. */
  sensorRefused?: unknown
}

export function daemonChild(options: DaemonChildOptions): Child {
  const { state, listen = [], host, configFile, sensed, onReady, onFatal } = options
  const say = throttled(linesPerSecond, options.say)
  let over = false
  let refused = false
  return new Child({
    name: 'daemon',
    args: [
      ...[...daemonNodeFlags, cliMain, '--state', state],
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
      if (note.ready === true) onReady()
      if (note.sensorRefused === true) refused = true
      if (typeof note.fatal === 'string' && !over) {
        over = true
        onFatal(new DaemonError(note.fatal, exitFrom(note.exit)))
      }
    },
    // A line for the journal keeps its <priority> in front.
    onOutput: (line) => say(/^<[0-7]>|^daemon: /.test(line) ? line : `daemon: ${line}`),
    onDeath: async (how, _code, pauseMs) => {
      options.onDied?.()
      if (over) return false
      // Unless the sensor's own end, which is under way, makes this one go on without it.
      if (!refused) say(`daemon ended (${how}): starting it again in ${pauseMs / 1000} s`)
      refused = false
      return true
    },
  })
}

function exitFrom(exit: unknown): number {
  return Number.isInteger(exit) && (exit as number) > 0 && (exit as number) < 256 ? (exit as number) : 2
}

function parseNote(line: string): Note {
  try {
    const note = JSON.parse(line) as unknown
    if (typeof note === 'object' && note !== null) return note
  } catch {
    // Said as it is.
  }
  return { say: `daemon: ${line}` }
}
