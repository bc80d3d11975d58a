/** Runs one tool with limits on time, size and disk. What it says is written here, so that no more than allowed is. */
import { chmodSync, closeSync, openSync, readdirSync, statfsSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { killGroup, type ProgramLease, spawnMortal } from '../host/mortal.ts'
import { bytesBelow, type Manifest, sha256Of } from './manifest.ts'
import type { EvidenceTool } from './tools.ts'

export interface ToolLimits {
  timeMs: number
  /** Of all that one tool writes. */
  bytes: number
  /** Bytes of the disk that stay free. */
  reserveBytes: number
}

export interface ToolRun {
  tool: EvidenceTool
  program: string
  toolVersion: string
  argv: string[]
  /** Of the collection: where its files go. */
  folder: string
  limits: ToolLimits
  now: () => number
  signal: AbortSignal
  /** Whether the process it looks at is still there. */
  alive: () => boolean
  /** Whoever ends it when this process dies. */
  lease?: ProgramLease | undefined
}

const lookEveryMs = 100
const graceMs = 2000
const errorBytes = 2000
/** util-linux: the kernel stops a file that grows too large, for tools that write their own. */
const prlimit = '/usr/bin/prlimit'

export const freeBytes = (folder: string): number => {
  const { bavail, bsize } = statfsSync(folder)
  return bavail * bsize
}

/** @throws the error of a disk that is full: nothing half is kept then */
export async function runTool(run: ToolRun): Promise<Manifest['tools'][number]> {
  const { tool, program, argv, folder, limits, now, signal, alive } = run
  const began = now()
  const streams = tool.output !== 'files'
  const command = streams ? [program, ...argv] : [prlimit, `--fsize=${limits.bytes}`, '--', program, ...argv]
  const file = streams ? openSync(join(folder, tool.file), 'wx', 0o600) : undefined
  const child = spawnMortal(
    command,
    {
      cwd: folder,
      env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LANG: 'C' },
      stdio: ['ignore', 'pipe', 'pipe'],
    },
    run.lease,
  )
  let written = 0
  let cut = ''
  let ended = ''
  let full: unknown
  let said = ''
  const end = (why: string, isCut: boolean) => {
    if (ended !== '') return
    ended = why
    if (isCut) cut = why
    killGroup(child.pid, 'SIGINT')
    setTimeout(() => killGroup(child.pid, 'SIGKILL'), graceMs).unref()
  }
  const keep = (chunk: Buffer) => {
    if (file === undefined || full) return
    const room = Math.max(0, limits.bytes - written)
    try {
      for (let done = 0, part = chunk.subarray(0, room); done < part.length; )
        done += writeSync(file, part, done)
    } catch (error) {
      full = error
      end('the disk is full', true)
      return
    }
    written += Math.min(room, chunk.length)
    if (chunk.length > room) end(`more than ${limits.bytes} bytes came`, true)
  }
  for (const name of ['stdout', 'stderr'] as const)
    child[name]?.on('data', (chunk: Buffer) => {
      if (name === tool.output) keep(chunk)
      else if (said.length < errorBytes) said += chunk.toString('utf8')
    })
  const timer = setTimeout(() => end(`${limits.timeMs / 1000} s were over`, !tool.endless), limits.timeMs)
  const abort = () => end('the run was ended', true)
  signal.addEventListener('abort', abort, { once: true })
  if (signal.aborted) abort()
  const look = setInterval(() => {
    if (!streams && bytesBelow(folder) > limits.bytes) end(`more than ${limits.bytes} bytes came`, true)
    if (freeBytes(folder) < limits.reserveBytes) end('the disk was about to be full', true)
    if (tool.process && !alive()) end('the process ended', false)
  }, lookEveryMs)
  const how = await new Promise<string>((resolve) => {
    child.on('error', (error) => resolve(`it cannot be started: ${error.message}`))
    child.on('close', (code, by) => resolve(by ? `killed by ${by}` : `exit ${code}`))
  })
  clearTimeout(timer)
  clearInterval(look)
  signal.removeEventListener('abort', abort)
  killGroup(child.pid, 'SIGKILL')
  if (file !== undefined) closeSync(file)
  if (full) throw full
  // Nobody ended it, and it did not end well by itself.
  if (ended === '' && how !== 'exit 0' && !(tool.process && !alive()))
    cut = `it ended by itself (${how})${said ? `: ${said.trim().split('\n').at(-1)}` : ''}`
  const paths = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
  for (const path of paths) chmodSync(path, 0o600)
  const files = paths.map((path) => ({ name: path.slice(folder.length + 1), ...sha256Of(path) }))
  // The kernel refused to let it grow; a tool may end as if that were nothing.
  if (cut === '' && !streams && files.some(({ bytes }) => bytes >= limits.bytes))
    cut = `more than ${limits.bytes} bytes came`
  return {
    ...{ tool: tool.name, program, toolVersion: run.toolVersion, argv, began, ended: now() },
    ...{ end: ended === '' ? how : `${ended} (${how})`, cut },
    files,
  }
}
