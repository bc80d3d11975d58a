/** Runs a program of root's policy: an argument list, no shell, a bare environment, limits on time and output. */
import { type ChildProcess, spawn } from 'node:child_process'
import { killGroup, type ProgramLease, spawnMortal } from './mortal.ts'

export interface ProgramOptions {
  argv: readonly string[]
  timeoutMs: number
  /** Of standard output and error together; more is cut, and said. */
  outputBytes: number
  signal: AbortSignal
  input?: string
  uid?: number
  gid?: number
  cwd?: string
  env?: Readonly<Record<string, string>>
  /** Whoever ends it when this process dies. */
  lease?: ProgramLease | undefined
}

export interface ProgramEnd {
  code: number | null
  /** Why there is no code: `killed by SIGKILL`, `not within 60 s`, `cannot be started: ...`. */
  how: string
  output: string
  cut: boolean
}

/** After SIGTERM, this long to end in order. */
const GRACE_MS = 2000
const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

export async function runProgram(options: ProgramOptions): Promise<ProgramEnd> {
  const { argv, timeoutMs, outputBytes, signal, input, uid, gid, cwd = '/', env } = options
  let child: ChildProcess
  try {
    child = spawnMortal(
      argv,
      {
        cwd,
        env: { PATH, LANG: 'C.UTF-8', ...env },
        stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
        ...(uid === undefined ? {} : { uid }),
        ...(gid === undefined ? {} : { gid }),
      },
      options.lease,
    )
  } catch (error) {
    return { code: null, how: `cannot be started: ${(error as Error).message}`, output: '', cut: false }
  }
  const chunks: Buffer[] = []
  let size = 0
  let cut = false
  for (const stream of [child.stdout, child.stderr])
    stream?.on('data', (chunk: Buffer) => {
      const room = outputBytes - size
      if (chunk.length > room) cut = true
      if (room > 0) chunks.push(chunk.subarray(0, room))
      size += Math.min(chunk.length, Math.max(0, room))
    })
  child.stdin?.on('error', () => {})
  if (input !== undefined) child.stdin?.end(input)
  let late = ''
  const end = (why: string) => {
    late ||= why
    killGroup(child.pid, 'SIGTERM')
    setTimeout(() => killGroup(child.pid, 'SIGKILL'), GRACE_MS).unref()
  }
  const timer = setTimeout(() => end(`not within ${timeoutMs / 1000} s`), timeoutMs)
  const onAbort = () => end('ended before its time')
  signal.addEventListener('abort', onAbort, { once: true })
  if (signal.aborted) onAbort()
  const { code, how } = await new Promise<{ code: number | null; how: string }>((resolve) => {
    child.on('error', (error) => resolve({ code: null, how: `cannot be started: ${error.message}` }))
    // `exit` and not `close`: what it left in the background may hold its output open.
    child.on('exit', (status, by) =>
      setTimeout(() => resolve({ code: status, how: by ? `killed by ${by}` : '' }), 20),
    )
  })
  clearTimeout(timer)
  signal.removeEventListener('abort', onAbort)
  if (late) killGroup(child.pid, 'SIGKILL')
  child.stdout?.destroy()
  child.stderr?.destroy()
  return { code: late ? null : code, how: late || how, output: Buffer.concat(chunks).toString('utf8'), cut }
}

/** Starts what is to go on after the run: no pipe to it, a session of its own. */
export function startProgram(argv: readonly string[]): Promise<{ pid: number } | { error: string }> {
  const [program = '', ...rest] = argv
  const child = spawn(program, rest, {
    cwd: '/',
    env: { PATH, LANG: 'C.UTF-8' },
    stdio: 'ignore',
    detached: true,
  })
  return new Promise((resolve) => {
    child.on('error', (error) => resolve({ error: error.message }))
    child.on('spawn', () => {
      child.unref()
      resolve({ pid: child.pid as number })
    })
  })
}
