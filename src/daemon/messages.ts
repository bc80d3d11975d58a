/**
 * Messages to the journal or syslog, with pH's levels and meaning. Under systemd the journal takes standard error
 * with a <priority> before each line (sd-daemon(3)); elsewhere util-linux's `logger` hands lines to syslog; where
 * neither is, they go to log/lymph.log of the state folder. Bounded: beyond 50 lines a second they are counted.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { appendFileSync, existsSync, renameSync, statSync } from 'node:fs'

export type MessageLevel = 1 | 2 | 3 | 4

/** pH: err -> KERN_ERR, state -> KERN_INFO, action and io -> KERN_DEBUG; syslog hides debug, so notice for actions. */
const priorities: Record<MessageLevel, number> = { 1: 3, 2: 6, 3: 5, 4: 7 }
const linesPerSecond = 50
const fileLimitBytes = 16 * 1024 * 1024

export interface Messages {
  level: number
  say(level: MessageLevel, line: string): void
  close(): void
}

/** @param logFile where lines go when neither journal nor syslog is there; renamed to `.1` at 16 MiB */
export function openMessages(level: number, logFile: string, environment = process.env): Messages {
  const write = openSink(logFile, environment)
  let second = 0
  let said = 0
  let held = 0
  const messages: Messages = {
    level,
    say(at, line) {
      if (at > messages.level) return
      const now = Math.floor(Date.now() / 1000)
      if (now !== second) {
        if (held > 0) write.line(4, `pH: ${held} more messages in that second`)
        second = now
        said = 0
        held = 0
      }
      if (++said > linesPerSecond && at > 1) held++
      else write.line(priorities[at], `pH: ${line}`)
    },
    close: () => write.close(),
  }
  return messages
}

interface Sink {
  line(priority: number, text: string): void
  close(): void
}

function openSink(logFile: string, environment: NodeJS.ProcessEnv): Sink {
  if (environment.JOURNAL_STREAM)
    return { line: (priority, text) => void process.stderr.write(`<${priority}>${text}\n`), close: () => {} }
  const file = fileSink(logFile)
  if (!existsSync('/dev/log') || !existsSync('/usr/bin/logger')) return file
  let sink: Sink = file
  const child: ChildProcess = spawn('/usr/bin/logger', ['--tag', 'lymph', '--prio-prefix'], {
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  child.on('spawn', () => {
    sink = {
      line: (priority, text) => void child.stdin?.write(`<${priority + 3 * 8}>${text}\n`),
      close: () => {},
    }
  })
  const fallBack = () => {
    sink = file
  }
  child.on('error', fallBack)
  child.on('exit', fallBack)
  child.stdin?.on('error', fallBack)
  return { line: (priority, text) => sink.line(priority, text), close: () => child.stdin?.end() }
}

function fileSink(logFile: string): Sink {
  return {
    line(priority, text) {
      try {
        appendFileSync(logFile, `${new Date().toISOString()} <${priority}> ${text}\n`, { mode: 0o600 })
        if (statSync(logFile).size > fileLimitBytes) renameSync(logFile, `${logFile}.1`)
      } catch {
        // A full disk must not stop detection; the incident store says what happened once there is room.
      }
    },
    close: () => {},
  }
}
