/** The agent as its commands use it: a policy of root's, what the daemon says, one run, what was done, taking it back. */
import { mkdirSync, readFileSync, statSync } from 'node:fs'
import { arch, hostname, machine } from 'node:os'
import { join } from 'node:path'
import { type HostFacts, hostClasses, hostZone } from '#classes'
import { AgentError, PolicyError } from './errors.ts'
import { neverList } from './host/never.ts'
import { allProcesses } from './host/processes.ts'
import { leasesFolder } from './leases/file.ts'
import { LeaseKeeper } from './leases/keeper.ts'
import { RunLeases } from './leases/port.ts'
import { readPolicy } from './policy/read.ts'
import type { Policy } from './policy/types.ts'
import { promiseTypes } from './promises/registry.ts'
import type { DaemonPort } from './promises/world.ts'
import { type Facts, factsShape, noFacts, sightOf } from './run/facts.ts'
import { Ledger } from './run/ledger.ts'
import { PromiseLocks, RunLock } from './run/locks.ts'
import { newId, type RunReport, runPolicy } from './run/run.ts'
import { actionsOf } from './run/told.ts'

export interface AgentOptions {
  /** The state folder, absolute. */
  state: string
  policyFile: string
  tags: readonly string[]
  /** Paths and names that nothing is done to: the config's `never_delay` and `agent.never`. */
  never: readonly string[]
  /** Whoever answers at the daemon's socket; undefined: not to be asked. */
  daemon: DaemonPort | undefined
  /** Classes to hold in this run, and not to, as cfengine's -D and -N. */
  define?: readonly string[]
  negate?: readonly string[]
  say: (line: string) => void
  now?: () => number
}

export interface RunOptions extends AgentOptions {
  /** `tell`: nothing is done, and nothing kept of it. `rehearse`: nothing is done, and the ledger tells what would be. */
  mode: 'act' | 'rehearse' | 'tell'
  noLocks?: boolean
  signal: AbortSignal
}

export const agentFolder = (state: string): string => join(state, 'agent')

/** The agent says so often that it lives; the daemon takes back what a silent one asked for. */
const ALIVE_MS = 1000

export function hostFacts(tags: readonly string[]): HostFacts {
  let osRelease = ''
  try {
    osRelease = readFileSync('/etc/os-release', 'utf8')
  } catch {
    // A host without one has no classes of a distribution.
  }
  return { platform: process.platform, machine: machine() || arch(), hostname: hostname(), osRelease, tags }
}

/** @throws PolicyError for a file that cannot be read, that others than root can change, or that has mistakes */
export function loadPolicy(file: string, tags: readonly string[], known: readonly string[] = []): Policy {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
    const { uid, mode } = statSync(file)
    if (process.getuid?.() === 0 && (uid !== 0 || (mode & 0o022) !== 0))
      throw new Error(
        `others than root can change it, and root would act on it: chown root ${file}; chmod go-w ${file}`,
      )
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    throw new PolicyError(
      `policy ${file}: ${code === 'ENOENT' ? 'there is no such file: name one that is there, or set agent.policy in the config' : message}`,
    )
  }
  return readPolicy(text, file, {
    types: promiseTypes,
    known: [...hostClasses(hostFacts(tags)), ...known],
    variables: new Map([
      ['host', hostname()],
      ['sys.host', hostname().split('.')[0] as string],
      ['sys.fqhost', hostname()],
    ]),
  })
}

/** What the daemon says; where none answers, time and host are all that is known. @throws AgentError for nonsense */
async function factsOf({ daemon, say, now = Date.now }: AgentOptions): Promise<{
  facts: Facts
  daemon: DaemonPort | undefined
}> {
  if (!daemon) return { facts: noFacts(now()), daemon }
  let told: unknown
  try {
    told = await daemon.get('/agent/facts')
  } catch (error) {
    say(`the daemon is not asked: ${(error as Error).message}`)
    return { facts: noFacts(now()), daemon: undefined }
  }
  const parsed = factsShape.safeParse(told)
  if (parsed.success) return { facts: parsed.data, daemon }
  const [issue] = parsed.error.issues
  throw new AgentError(
    `what the daemon says is not what it should be (${issue?.path.join('.')}: ${issue?.message}): nothing was done; is its version this one?`,
  )
}

/**
 * One run.
 * @returns its report; `held`: another run is at work, and this one did nothing
 * @throws PolicyError, AgentError: nothing was done, or what was done is taken back by whoever keeps leases
 */
export async function agentRun(
  options: RunOptions,
): Promise<RunReport | { held: { pid: number; promise: string } }> {
  const { state, tags, mode, say, now = Date.now } = options
  const folder = prepareFolder(state)
  const { facts, daemon } = await factsOf(options)
  const policy = loadPolicy(options.policyFile, tags, [
    ...facts.classes.map(({ name }) => name),
    ...(options.define ?? []),
  ])
  const sight = sightOf(facts, hostFacts(tags), now(), hostZone())
  for (const name of options.define ?? []) sight.classes.add(name)
  for (const name of options.negate ?? []) sight.classes.delete(name)
  const ledger = new Ledger(folder)
  const leases = new RunLeases(leasesFolder(folder), options.never)
  const id = newId()
  if (mode !== 'tell') ledger.checkRoom()
  const lock = mode === 'tell' ? undefined : await RunLock.take(folder, now)
  if (lock && 'held' in lock) return lock
  // Where nobody keeps leases, what a run left that was killed is ended by the next.
  if (lock)
    for (const { what, why } of new LeaseKeeper(leasesFolder(folder)).sweep(now()))
      say(`${what}: ended: ${why}`)
  // What only tells is no run: neither the daemon nor the journal hears of it.
  const told = mode === 'tell' ? undefined : daemon
  const word = (body: object) =>
    told?.post('/agent/run', { id, ...body }).catch((error: Error) => say(error.message))
  const alive = setInterval(() => void word({ state: 'alive' }), ALIVE_MS)
  try {
    const report = await runPolicy(policy, {
      id,
      sight,
      now,
      folder,
      daemon,
      never: neverList({ list: options.never, own: ownProcesses(state) }),
      processes: allProcesses,
      ledger: mode === 'tell' ? { add() {}, close() {} } : ledger,
      locks: locksFor(folder, mode),
      leases,
      signal: options.signal,
      dryRun: mode !== 'act',
      noLocks: options.noLocks ?? false,
      begins: ({ name, expireafterMs }) => lock?.at(name, expireafterMs, now()),
      say,
    })
    clearInterval(alive)
    if (!options.signal.aborted) leases.commit()
    await journal(told, report, say)
    await word({
      state: 'over',
      dealt: report.expedited,
      upTo: facts.at,
      report: { dryRun: report.dryRun, degraded: report.degraded, promises: report.promises.length },
    })
    return report
  } catch (error) {
    if (error instanceof PolicyError || error instanceof AgentError) throw error
    throw new AgentError(`the run ended early: ${(error as Error).message}`)
  } finally {
    clearInterval(alive)
    lock?.release()
  }
}

/** The ledger has it in any case. */
async function journal(
  daemon: DaemonPort | undefined,
  report: RunReport,
  say: (line: string) => void,
): Promise<void> {
  const records = actionsOf(report)
  if (!daemon || records.length === 0) return
  try {
    await daemon.post('/journal', { records })
  } catch (error) {
    say(`the journal does not tell of what was done: ${(error as Error).message}`)
  }
}

function locksFor(folder: string, mode: RunOptions['mode']): Pick<PromiseLocks, 'wait' | 'ran'> {
  if (mode === 'rehearse') return new PromiseLocks(folder, 'rehearsed.json')
  const locks = new PromiseLocks(folder)
  if (mode === 'act') return locks
  return { wait: (key, ifelapsedMs, at) => locks.wait(key, ifelapsedMs, at), ran() {} }
}

/** Takes back what an act of the ledger did. @throws AgentError for an id that none has, or that cannot be taken back */
export async function undoAct(options: AgentOptions, id: string): Promise<string> {
  const { state, daemon, now = Date.now, say } = options
  const folder = prepareFolder(state)
  const ledger = new Ledger(folder)
  const entry = ledger.entries().find((one) => one.id === id)
  if (!entry) throw new AgentError(`no act is called "${id}": see lymph agent ledger`, 2)
  if (entry.undone) throw new AgentError(`${id} was taken back already: ${entry.undone.line}`, 2)
  const { undo } = entry
  if (!undo)
    throw new AgentError(
      `${id} (${entry.act} ${entry.target}) has nothing to take back: ${entry.dry ? 'it was not done' : entry.line || 'its run died at it'}`,
      1,
    )
  const type = promiseTypes.find(({ name }) => name === undo.of)
  if (!type?.undo) throw new AgentError(`this version takes nothing of ${undo.of} back`)
  const line = await type.undo(undo, {
    now,
    run: entry.run,
    id,
    folder,
    daemon,
    classes: new Set(),
    offenders: { ph_sequence: [], ph_load: [] },
    ended: [],
    excused: new Map(),
    delays: undefined,
    never: neverList({ list: options.never, own: [] }),
    filters: new Map(),
    processes: allProcesses,
    leases: new RunLeases(leasesFolder(folder)),
    signal: new AbortController().signal,
    progress: say,
  })
  ledger.undone(id, now(), line)
  return line
}

/** @throws AgentError where the disk does not take it */
function prepareFolder(state: string): string {
  const folder = agentFolder(state)
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    const { uid, mode } = statSync(folder)
    if (uid !== process.getuid?.() || (mode & 0o022) !== 0)
      throw new Error("it is not this user's alone: remove it, or chown and chmod 0700 it")
    return folder
  } catch (error) {
    throw new AgentError(`${folder}: ${(error as Error).message}: nothing was done`)
  }
}

/** Of lymph's own processes those that root's files name; what descends from them is lymph's too. */
function ownProcesses(state: string): number[] {
  return ['up.json', 'sensor.json'].flatMap((name) => {
    try {
      const { pid } = JSON.parse(readFileSync(join(state, name), 'utf8')) as { pid: number }
      return Number.isSafeInteger(pid) ? [pid] : []
    } catch {
      return []
    }
  })
}
