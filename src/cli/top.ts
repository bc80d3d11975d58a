/** `lymph top`: what is happening, most unusual first. Plain refresh; `q` or Ctrl-C ends it. */
import { setTimeout as sleep } from 'node:timers/promises'
import { Command } from 'commander'
import type { Api } from './api.ts'
import { contextOf, print, printJson } from './context.ts'
import { duration, parseDuration } from './duration.ts'
import { CommandError } from './errors.ts'
import { compact, plain } from './format.ts'
import type { ProcessLine, ProfileLine, Status } from './shapes.ts'
import { type Column, table } from './table.ts'
import { type Activity, activities, type Sample } from './top/activity.ts'

/** New pairs are counted over this long: they come singly, and a second shows most of them as none. */
const historyMs = 60_000
/** q, Q, Ctrl-C, Ctrl-D: in raw mode the terminal makes no signals of them. */
const endKeys = [0x71, 0x51, 3, 4]

export function topCommand(): Command {
  return new Command('top')
    .description('What programs do now: highest LFC first, then new pairs, then calls a second. q ends it.')
    .option('--once', 'measure for one interval, print, end')
    .option('--interval <duration>', 'between refreshes', '1s')
    .action(async (options: { once?: boolean; interval: string }, command: Command) => {
      const { api, json } = contextOf(command)
      const intervalMs = parseDuration(options.interval)
      if (intervalMs < 100) throw new CommandError('--interval: at least 100ms')
      const first = await sample(api)
      if (options.once || json || !process.stdout.isTTY) {
        await sleep(intervalMs)
        const second = await sample(api)
        const rows = activities([first], second)
        if (json) printJson(rows)
        else print(...head(second, rows), table(rows, columns, 'no program has been seen yet'))
      } else await refresh(api, first, intervalMs)
    })
}

async function sample(api: Api): Promise<Sample & { status: Status }> {
  const [status, profiles, processes] = await Promise.all([
    api.get<Status>('/status'),
    api.get<ProfileLine[]>('/profiles'),
    api.get<ProcessLine[]>('/processes'),
  ])
  return { at: Date.now(), status, profiles, processes }
}

async function refresh(api: Api, first: Sample & { status: Status }, intervalMs: number): Promise<void> {
  const enough = new AbortController()
  const release = listen(() => enough.abort())
  const history: Sample[] = []
  let latest = first
  // The alternate screen, so that what stood on the terminal is there again afterwards; no cursor; long lines are cut.
  process.stdout.write('\x1b[?1049h\x1b[?25l\x1b[?7l')
  try {
    while (!enough.signal.aborted) {
      const { rows = 24 } = process.stdout
      const shown = activities(history, latest)
      const top = head(latest, shown)
      const body = table(
        shown.slice(0, Math.max(1, rows - top.length - 2)),
        columns,
        'no program has been seen yet',
      )
      process.stdout.write(
        `\x1b[H${[...top, ...body.split('\n')].map((line) => `${line}\x1b[K`).join('\n')}\x1b[J`,
      )
      await sleep(intervalMs, undefined, { signal: enough.signal }).catch(() => undefined)
      history.push(latest)
      while (history[0] && history[0].at < Date.now() - historyMs) history.shift()
      if (!enough.signal.aborted) latest = await sample(api)
    }
  } finally {
    process.stdout.write('\x1b[?7h\x1b[?25h\x1b[?1049l')
    release()
  }
}

/** q, Ctrl-C as a key, or a signal. Returns what gives the terminal back. */
function listen(stop: () => void): () => void {
  const { stdin } = process
  const onKey = (keys: Buffer) => {
    if (keys.some((key) => endKeys.includes(key))) stop()
  }
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, stop)
  if (stdin.isTTY) {
    stdin.setRawMode(true)
    stdin.on('data', onKey)
    stdin.resume()
  }
  return () => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, stop)
    if (!stdin.isTTY) return
    stdin.off('data', onKey)
    stdin.setRawMode(false)
    stdin.pause()
  }
}

function head(now: { status: Status }, rows: readonly Activity[]): string[] {
  const { status } = now
  const { learning, frozen, normal } = status.profiles
  const rate = rows.reduce((sum, row) => sum + row.callsPerSecond, 0)
  return [
    plain(
      `${status.host}  sensor ${status.sensor}  ${compact(Math.round(rate))} calls/s  ${compact(status.lost)} lost  ` +
        `${learning} learning ${frozen} frozen ${normal} normal  ${status.incidents} incidents`,
    ),
    '',
  ]
}

const columns: Column<Activity>[] = [
  { head: 'LFC', cell: (a) => a.lfc, right: true, style: (a) => (a.lfc > 0 ? 'red' : undefined) },
  {
    head: 'NEW',
    cell: (a) => a.newPairs,
    right: true,
    style: (a) => (a.newPairs > 0 ? 'yellow' : undefined),
  },
  { head: 'CALLS/S', cell: (a) => compact(Math.round(a.callsPerSecond)), right: true },
  { head: 'PROCS', cell: (a) => a.processes, right: true },
  { head: 'DELAY', cell: (a) => (a.delayedMs > 0 ? duration(a.delayedMs) : '-'), right: true },
  { head: 'STATE', cell: (a) => a.state },
  { head: 'ANOMALIES', cell: (a) => a.anomalies, right: true },
  { head: 'BINARY', cell: (a) => a.binary, shrink: true },
]
