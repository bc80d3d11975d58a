/** Hosts as their user starts them: through scripts/lymph, each with a state folder; whatever a test leaves is ended. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { patience } from '../patience.ts'

const lymphScript = new URL('../../scripts/lymph', import.meta.url).pathname

export interface Ended {
  code: number | null
  out: string
  err: string
}

export interface RunOptions {
  /** What is put before the command: `['ip', 'netns', 'exec', NAME]`. */
  inside?: readonly string[]
  input?: string
  env?: Record<string, string>
  cwd?: string
  /** User and group to run as. */
  uid?: number
}

function start(args: readonly string[], options: RunOptions = {}): ChildProcess {
  const [command = '', ...rest] = [...(options.inside ?? []), lymphScript, ...args]
  const { NO_COLOR: _, FORCE_COLOR: __, ...environment } = process.env
  return spawn(command, rest, {
    env: { ...environment, ...options.env },
    ...(options.uid === undefined ? {} : { uid: options.uid, gid: options.uid }),
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  })
}

/** Runs `scripts/lymph ARGS` to its end. */
export async function lymph(args: readonly string[], options: RunOptions = {}): Promise<Ended> {
  const child = start(args, options)
  const ended = { out: '', err: '' }
  child.stdout?.on('data', (chunk) => {
    ended.out += chunk
  })
  child.stderr?.on('data', (chunk) => {
    ended.err += chunk
  })
  child.stdin?.on('error', () => {})
  child.stdin?.end(options.input ?? '')
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, ...ended }
}

/** Its answer as JSON; an exit code other than 0 is an error that carries what it said. */
export async function ask<T>(state: string, args: readonly string[], options: RunOptions = {}): Promise<T> {
  const { code, out, err } = await lymph(['--state', state, '--json', ...args], options)
  if (code !== 0) throw new Error(`lymph ${args.join(' ')} ended with ${code}: ${err}`)
  return JSON.parse(out) as T
}

/** A folder that every user may enter, removed by `end`. */
export function scratchFolder(name: string): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), `lymph-${name}-`)))
  chmodSync(folder, 0o755)
  return folder
}

/** A command of lymph that goes on until it is ended: `up`, `sensor`, `warnings --follow`. */
export class Live {
  readonly process: ChildProcess
  readonly lines: string[] = []
  readonly ended: Promise<number | null>
  #onLine: (line: string) => void = () => {}

  constructor(args: readonly string[], options: RunOptions = {}) {
    this.process = start(args, options)
    this.process.stdin?.end()
    for (const stream of [this.process.stdout, this.process.stderr]) {
      let rest = ''
      stream?.setEncoding('utf8').on('data', (text: string) => {
        const lines = (rest + text).split('\n')
        rest = lines.pop() as string
        for (const line of lines) {
          this.lines.push(line)
          this.#onLine(line)
        }
      })
    }
    this.ended = once(this.process, 'close').then(([code]) => code as number | null)
  }

  get pid(): number {
    return this.process.pid as number
  }

  get running(): boolean {
    return this.process.exitCode === null && this.process.signalCode === null
  }

  /** The first line that `wanted` takes, those of before included; rejects when the process ends without it. */
  line(wanted: (line: string) => boolean, seconds = 60): Promise<string> {
    return new Promise((resolve, reject) => {
      const take = (line: string) => {
        if (!wanted(line)) return
        clearTimeout(late)
        resolve(line)
      }
      const fail = (why: string) => reject(new Error(`${why}; it said: ${this.lines.join(' | ')}`))
      const limit = seconds * patience
      const late = setTimeout(() => fail(`no such line within ${limit} s`), limit * 1000)
      this.#onLine = take
      for (const line of this.lines) take(line)
      void this.ended.then((code) => {
        clearTimeout(late)
        fail(`it ended with ${code}`)
      })
    })
  }

  async end(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
    if (this.running) this.process.kill(signal)
    return this.ended
  }
}

/** Everything that a test starts, ended in the reverse order whatever became of the test. */
export class Cleanup {
  readonly #jobs: (() => unknown)[] = []

  add(job: () => unknown): void {
    this.#jobs.push(job)
  }

  folder(name: string): string {
    const folder = scratchFolder(name)
    this.add(() => rmSync(folder, { recursive: true, force: true }))
    return folder
  }

  live(args: readonly string[], options: RunOptions = {}): Live {
    const live = new Live(args, options)
    this.add(async () => {
      const insist = setTimeout(() => live.process.kill('SIGKILL'), 15_000)
      await live.end()
      clearTimeout(insist)
    })
    return live
  }

  /** `lymph up`, ready. */
  async up(state: string, args: readonly string[], options: RunOptions = {}): Promise<Live> {
    const live = this.live(['--state', state, 'up', ...args], options)
    await live.line((line) => line === 'ready')
    return live
  }

  async end(): Promise<void> {
    const errors: unknown[] = []
    for (const job of this.#jobs.splice(0).reverse())
      try {
        await job()
      } catch (error) {
        errors.push(error)
      }
    if (errors.length > 0) throw new AggregateError(errors, 'what a test had started is not all gone')
  }
}

export const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))

/** Asks until there is an answer; errors on the way are the cause of the one at the end. */
export async function until<T>(
  what: string,
  look: () => Promise<T | undefined> | T | undefined,
  seconds = 30,
): Promise<T> {
  let last: unknown
  const limit = seconds * patience
  for (const end = Date.now() + limit * 1000; Date.now() < end; await pause(50)) {
    try {
      const found = await look()
      if (found !== undefined) return found
    } catch (error) {
      last = error
    }
  }
  throw new Error(`${what}: not within ${limit} s`, { cause: last })
}

export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  await new Promise((resolve) => server.close(resolve))
  return port
}

export const loopback = async () => `/ip4/127.0.0.1/tcp/${await freePort()}`

export interface Seen {
  pid: number
  /** `R`, `S`, `T` (stopped), ... of proc(5). */
  state: string
  parent: number
  args: string
  /** Empty where it may not be read. */
  executable: string
}

export function processes(): Seen[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        const stat = readFileSync(`/proc/${name}/stat`, 'latin1')
        const [state = '', parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
        const args = readFileSync(`/proc/${name}/cmdline`, 'utf8').replaceAll('\0', ' ')
        let executable = ''
        try {
          executable = readlinkSync(`/proc/${name}/exe`)
        } catch {}
        return [{ pid: Number(name), state, parent: Number(parent), args, executable }]
      } catch {
        return []
      }
    })
}

export const childrenOf = (pid: number) => processes().filter(({ parent }) => parent === pid)

/** False for a zombie too: nothing of it runs. */
export const alive = (pid: number) =>
  processes().some((seen) => seen.pid === pid && seen.state !== 'Z' && seen.state !== 'X')

/** The eBPF programs a process holds, by id. */
export function programsOf(pid: number): number[] {
  return readdirSync(`/proc/${pid}/fdinfo`).flatMap((fd) => {
    try {
      const id = /^prog_id:\t(\d+)$/m.exec(readFileSync(`/proc/${pid}/fdinfo/${fd}`, 'latin1'))
      return id?.[1] ? [Number(id[1])] : []
    } catch {
      return []
    }
  })
}

/** The shipped config of a host whose agent acts, and runs when it is told to. */
export function actingConfig(): string {
  return readFileSync(new URL('../../config/lymph.yaml', import.meta.url), 'utf8')
    .replace('enabled: false\n  dry_run: true', 'enabled: true\n  dry_run: false')
    .replace('interval: 5m', 'interval: 10h')
}
