/**
 * A command under `strace -f`, without any privilege. Its calls come through a FIFO, so that the command inherits
 * nothing but the terminal; the FIFO also holds strace back when we read more slowly than it writes.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, constants, openSync } from 'node:fs'
import { access, mkdtemp, rm, stat } from 'node:fs/promises'
import { Socket } from 'node:net'
import { constants as osConstants, tmpdir } from 'node:os'
import { delimiter, join, resolve } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { promisify } from 'node:util'
import { OUT_OF_RANGE, SLOTS } from '#homeostasis'
import { type Abi, CallNames, hostAbi, parserOf } from '#syscalls'
import { SoftwareSensorError } from './errors.ts'
import { ExecutableFinder } from './executable.ts'
import { EventSink } from './sink.ts'
import type { CallSource, Program } from './source.ts'

const run = promisify(execFile)

/**
 * Short lines: only names, pids and paths are read; signals are no calls. What strace says of new processes goes to
 * the terminal and is left out, ends and changes of ABI go into the FIFO. Ctrl-C reaches the command, not strace.
 */
const STRACE_OPTIONS = [
  '-f',
  '-a',
  '1',
  '-s',
  '0',
  '-e',
  'quiet=attach',
  '-e',
  'signal=none',
  '-e',
  'verbose=none',
]

type End = 'inherit' | 'ignore' | 'pipe' | number

export interface StraceOptions {
  cwd?: string
  env?: NodeJS.ProcessEnv
  /** What the command gets as input and output; the terminal unless said. */
  stdio?: [End, End, End]
}

/** Where a command is; undefined when there is none, or nothing that may be run. */
async function findCommand(name: string, cwd: string, path: string): Promise<string | undefined> {
  const places = name.includes('/')
    ? [resolve(cwd, name)]
    : path.split(delimiter).map((folder) => join(folder || cwd, name))
  for (const place of places) {
    const usable = await access(place, constants.X_OK).then(
      async () => (await stat(place)).isFile(),
      () => false,
    )
    if (usable) return place
  }
  return undefined
}

/** Throws SoftwareSensorError when strace is missing or may not trace. */
async function checkStrace(strace: string, env: NodeJS.ProcessEnv): Promise<void> {
  try {
    await run(strace, ['-qq', '-o', '/dev/null', '-e', 'trace=none', '/bin/sh', '-c', ':'], { env })
  } catch (error) {
    const { code, stderr = '' } = error as { code?: string | number; stderr?: string }
    if (code === 'ENOENT')
      throw new SoftwareSensorError(
        'no-strace',
        'strace is not installed, and calls are watched through it: install it (Debian, Ubuntu: apt-get install strace)',
      )
    const said = stderr.trim().split('\n')[0] ?? ''
    if (/not permitted|denied/i.test(said))
      throw new SoftwareSensorError(
        'ptrace-forbidden',
        `this user may not trace here (${said}): as root set kernel.yama.ptrace_scope to 1 or 0, or give the container the capability SYS_PTRACE`,
      )
    throw new SoftwareSensorError(
      'strace-failed',
      `strace does not work here: ${said || (error as Error).message}`,
    )
  }
}

/** How a command ended: its exit code, or 128 and the number of the signal that ended it, as a shell has it. */
export function exitCodeOf(code: number | null, signal: NodeJS.Signals | null): number {
  return code ?? 128 + (signal ? osConstants.signals[signal] : 0)
}

/** Calls of one command and all its children. */
export class StraceSource implements CallSource {
  readonly kind = 'ptrace'
  readonly abi: Abi
  readonly names: ReadonlyMap<number, string> = new Map()
  readonly #argv: readonly string[]
  readonly #options: StraceOptions
  readonly #finder: ExecutableFinder
  readonly #names: CallNames
  // As the kernel sensor has it: a number that no table of 512 holds is one call, whatever it is.
  readonly #sink = new EventSink((call) => (call < SLOTS ? call : OUT_OF_RANGE))
  #child: ChildProcess | undefined
  #pipe: Socket | undefined
  #exit: Promise<number> | undefined
  #closing = false

  constructor(argv: readonly string[], options: StraceOptions = {}) {
    this.abi = hostAbi()
    this.#argv = argv
    this.#options = options
    this.#names = new CallNames(this.abi)
    this.#finder = new ExecutableFinder(this.abi, options.cwd ?? process.cwd())
  }

  get foreignCalls(): number {
    return this.#sink.foreignCalls
  }

  async open(): Promise<void> {
    const {
      cwd = process.cwd(),
      env = process.env,
      stdio = ['inherit', 'inherit', 'inherit'],
    } = this.#options
    const [name = '', ...rest] = this.#argv
    const command = await findCommand(name, cwd, env.PATH ?? '/usr/local/bin:/usr/bin:/bin')
    if (command === undefined)
      throw new SoftwareSensorError('command-not-found', `there is no command '${name}' to watch`)
    await checkStrace('strace', env)
    const folder = await mkdtemp(join(tmpdir(), 'lymph-watch-'))
    try {
      const fifo = join(folder, 'calls')
      await run('mkfifo', ['-m', '600', fifo])
      // Both ends are opened here first, so that neither opening waits; ours of writing is closed when strace has ended.
      const reading = openSync(fifo, constants.O_RDONLY | constants.O_NONBLOCK)
      const writing = openSync(fifo, constants.O_WRONLY | constants.O_NONBLOCK)
      this.#pipe = new Socket({ fd: reading, readable: true, writable: false })
      const child = spawn('strace', [...STRACE_OPTIONS, '-o', fifo, '--', command, ...rest], {
        cwd,
        env,
        stdio,
      })
      this.#child = child
      this.#exit = once(child, 'exit').then(([code, signal]) => exitCodeOf(code, signal))
      child.once('exit', () => closeSync(writing))
      child.once('error', () => closeSync(writing))
      await once(child, 'spawn')
      await new Promise<void>((opened) => {
        // strace has the FIFO open before it starts the command; the first bytes, or its end, tell.
        this.#pipe?.once('readable', opened)
        child.once('exit', () => opened())
      })
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  }

  async *events() {
    if (!this.#pipe) return
    const parser = parserOf('strace', this.#names, this.#sink)
    for await (const chunk of this.#pipe) {
      parser.push(chunk as Buffer)
      yield this.#sink.take()
    }
    // A strace that was killed leaves half a line.
    if (!this.#closing) parser.end()
    yield this.#sink.take()
  }

  program(task: number, binary: string): Promise<Program> {
    return this.#finder.find(task, binary)
  }

  /** The command's input and output, where `stdio` says `pipe`. */
  get stdin(): Writable | null {
    return this.#child?.stdin ?? null
  }

  get stdout(): Readable | null {
    return this.#child?.stdout ?? null
  }

  /** The exit code of the command, once it has ended. */
  async exitCode(): Promise<number> {
    return (await this.#exit) ?? 0
  }

  /** The command runs on, untraced. strace holds back gentler signals. */
  async close(): Promise<void> {
    const child = this.#child
    this.#closing = true
    if (!child || child.exitCode !== null || child.signalCode !== null) return
    child.kill('SIGKILL')
    await this.#exit
  }
}
