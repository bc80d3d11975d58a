/** Collects evidence of a process: all of it under one id, or nothing. */
import { execFile } from 'node:child_process'
import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { AgentError } from '../errors.ts'
import type { LeasePort } from '../promises/world.ts'
import { bytesBelow, listEvidence, type Manifest, manifestName } from './manifest.ts'
import { freeBytes, runTool, type ToolLimits } from './run-tool.ts'
import { type EvidenceTool, evidenceTools, installed } from './tools.ts'

export interface EvidenceLimits extends ToolLimits {
  /** Of all evidence that is kept; beyond it nothing is collected until somebody makes room. */
  totalBytes: number
  /** Collections kept at most. */
  count: number
}

export const evidenceLimits: EvidenceLimits = {
  timeMs: 10_000,
  bytes: 64 * 1024 * 1024,
  reserveBytes: 512 * 1024 * 1024,
  totalBytes: 2 * 1024 ** 3,
  count: 200,
}

export interface EvidenceRequest {
  /** `STATE/evidence`; made 0700. */
  folder: string
  pid: number
  /** ms since the epoch: a process that began later is another one with the same number. */
  seenAt?: number | undefined
  incident?: string
  /** Names of `evidenceTools`. */
  tools: readonly string[]
  limits?: Partial<EvidenceLimits>
  now: () => number
  /** Four hex digits. */
  random: () => string
  signal?: AbortSignal
  /** Why this process is left alone; undefined: it may be looked at. */
  never?: (process: { pid: number; binary: string; name: string }) => string | undefined
  /** Whoever ends the tools when this process dies. */
  leases?: Pick<LeasePort, 'program'>
  /** Others than the installed ones, for tests. */
  known?: readonly EvidenceTool[]
}

interface Seen {
  startTicks: string
  state: string
  name: string
}

function statOf(pid: number): Seen | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1')
    const end = text.lastIndexOf(')')
    const fields = text.slice(end + 2).split(' ')
    const [state = ''] = fields
    return state === 'Z' || state === 'X'
      ? undefined
      : { startTicks: fields[19] ?? '', state, name: text.slice(text.indexOf('(') + 1, end) }
  } catch {
    return undefined
  }
}

/** ms since the epoch; the clock of /proc/PID/stat has 100 ticks a second (proc(5), USER_HZ). */
function startedAt(startTicks: string, now: number): number {
  const [uptime = '0'] = readFileSync('/proc/uptime', 'utf8').split(' ')
  return now - Number(uptime) * 1000 + Number(startTicks) * 10
}

const idOf = (at: number, random: string): string => {
  const [date = '', time = ''] = new Date(at).toISOString().split('T')
  return `${date.replaceAll('-', '')}-${time.slice(0, 8).replaceAll(':', '')}-${random}`
}

function chosen({ tools, known = evidenceTools }: EvidenceRequest): EvidenceTool[] {
  return tools.map((name) => {
    const tool = known.find((one) => one.name === name)
    if (!tool)
      throw new AgentError(
        `no tool is called "${name}": there are ${known.map((one) => one.name).join(', ')}`,
        2,
      )
    return tool
  })
}

async function versionOf(program: string, { version }: EvidenceTool): Promise<string> {
  if (version.length === 0) return ''
  const told = await promisify(execFile)(program, [...version], { timeout: 5000, env: { LANG: 'C' } }).catch(
    () => undefined,
  )
  return `${told?.stdout || told?.stderr || ''}`.trim().split('\n')[0]?.slice(0, 200) ?? ''
}

/** @throws AgentError, exit 4, where there is no room for all that may come; nothing has been done then */
function room(folder: string, tools: number, limits: EvidenceLimits): void {
  const wanted = limits.bytes * tools
  const free = freeBytes(folder)
  const make = 'make room, ask for less with --size, or move old evidence away'
  if (free - wanted < limits.reserveBytes)
    throw new AgentError(
      `${folder}: no room for evidence: ${free} bytes are free, up to ${wanted} may come, and ${limits.reserveBytes} are to stay free: ${make}`,
    )
  const kept = bytesBelow(folder)
  if (kept + wanted > limits.totalBytes)
    throw new AgentError(
      `${folder}: ${kept} bytes of evidence are kept, up to ${wanted} may come, and ${limits.totalBytes} is the most: ${make}`,
    )
  if (listEvidence(folder).manifests.length >= limits.count)
    throw new AgentError(`${folder}: ${limits.count} collections are kept, which is the most: ${make}`)
}

interface Ready {
  tool: EvidenceTool
  program: string
}

/** All at once, but for those that trace: a process has one tracer. In the order of `ready`. */
function inTurn<T>(ready: readonly Ready[], run: (one: Ready) => Promise<T>): Promise<T>[] {
  const tracers = ready
    .filter(({ tool }) => tool.traces)
    .sort((a, b) => Number(a.tool.endless) - Number(b.tool.endless))
  const runs = new Map<Ready, Promise<T>>()
  let before: Promise<unknown> = Promise.resolve()
  for (const one of tracers) {
    const running = before.then(() => run(one))
    before = running.catch(() => {})
    runs.set(one, running)
  }
  return ready.map((one) => runs.get(one) ?? run(one))
}

/** @throws AgentError; nothing half is left behind */
export async function collectEvidence(request: EvidenceRequest): Promise<Manifest> {
  const { folder, pid, seenAt, incident = '', now, random, signal = new AbortController().signal } = request
  const limits = { ...evidenceLimits, ...request.limits }
  const tools = chosen(request)
  const seen = statOf(pid)
  const began = now()
  // Whole seconds of slack: the two clocks are not one.
  if (!seen || (seenAt !== undefined && startedAt(seen.startTicks, began) > seenAt + 2000))
    throw new AgentError(`process ${pid} is not there any more: there is nothing to collect of it`)
  const binary = linkOf(`/proc/${pid}/exe`)
  const why =
    request.never?.({ pid, binary, name: seen.name }) ?? (pid === process.pid ? 'it is this one' : undefined)
  if (why !== undefined) throw new AgentError(`process ${pid} is left alone: ${why}`)
  const ready = tools.flatMap((tool) => {
    const program = installed(tool)
    return program === undefined ? [] : [{ tool, program }]
  })
  const missing = tools.filter((tool) => !ready.some((one) => one.tool === tool)).map(({ name }) => name)
  if (ready.length === 0)
    throw new AgentError(
      `none of ${missing.join(', ')} is installed: install one, or ask for another with --tool`,
    )
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  room(folder, ready.length, limits)
  const id = idOf(began, random())
  const draft = join(folder, `.${id}`)
  mkdirSync(draft, { mode: 0o700 })
  const alive = () => statOf(pid)?.startTicks === seen.startTicks
  try {
    // All at once: what they tell of is happening now. Where one cannot go on, none does.
    const failed = new AbortController()
    const one = async ({ tool, program }: Ready) => {
      const own = join(draft, tool.name)
      mkdirSync(own, { mode: 0o700 })
      const argv = tool.argv({ pid, bytes: limits.bytes, folder: own })
      const toolVersion = await versionOf(program, tool)
      const looksAt = tool.process && seen.state !== 'T' ? { pid, startTicks: +seen.startTicks } : undefined
      const ran = await runTool({
        ...{ tool, program, toolVersion, argv, folder: own, limits, now, alive },
        signal: AbortSignal.any([signal, failed.signal]),
        lease: request.leases?.program(`${tool.name} of ${pid}`, limits.timeMs, looksAt),
      }).catch((error) => {
        failed.abort()
        throw error
      })
      // The folder was another one then.
      const files = ran.files.map((file) => ({ ...file, name: `${tool.name}/${file.name}` }))
      return { ...ran, argv: argv.map((word) => word.replace(own, tool.name)), files }
    }
    const ended = await Promise.allSettled(inTurn(ready, one))
    const done = ended.map((result) => {
      if (result.status === 'rejected') throw result.reason
      return result.value
    })
    const manifest: Manifest = {
      version: 1,
      ...{ id, incident, began, ended: now(), tools: done, missing },
      offender: { pid, startTicks: seen.startTicks, binary, command: commandOf(pid) },
    }
    writeFileSync(join(draft, manifestName), `${JSON.stringify(manifest, null, 2)}\n`, {
      mode: 0o600,
      flush: true,
    })
    renameSync(draft, join(folder, id))
    const directory = openSync(folder, 'r')
    fsyncSync(directory)
    closeSync(directory)
    return manifest
  } catch (error) {
    rmSync(draft, { recursive: true, force: true })
    const { code, message } = error as NodeJS.ErrnoException
    if (code === 'ENOSPC' || code === 'EDQUOT')
      throw new AgentError(
        `${folder}: the disk is full: nothing of this evidence is kept: make room and collect it again`,
      )
    throw error instanceof AgentError
      ? error
      : new AgentError(`${folder}: evidence of process ${pid} could not be collected: ${message}`)
  } finally {
    // A tracer that was killed may leave it stopped.
    if (seen.state !== 'T' && alive() && statOf(pid)?.state === 'T') process.kill(pid, 'SIGCONT')
  }
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path)
  } catch {
    return ''
  }
}

function commandOf(pid: number): string[] {
  try {
    const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').slice(0, 4096).split('\0')
    return words.at(-1) === '' ? words.slice(0, -1) : words
  } catch {
    return []
  }
}
