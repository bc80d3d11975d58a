/** One agent run: the promises whose guards hold and whose time has come, planned, written down, acted on, reported. */
import { randomBytes } from 'node:crypto'
import { evaluateClasses, whyNot } from '#classes'
import type { Policy, PolicyPromise } from '../policy/types.ts'
import type { Outcome, Plan, Step } from '../promises/interface.ts'
import type { Hands, LeasePort, World } from '../promises/world.ts'
import { type Sight, withPolicyClasses } from './facts.ts'
import type { Ledger } from './ledger.ts'
import type { PromiseLocks } from './locks.ts'
import { semaphoresOf } from './semaphores.ts'

export interface RunPorts
  extends Omit<World, 'classes' | 'offenders' | 'ended' | 'excused' | 'delays' | 'filters'> {
  /** Eight hex digits. */
  id: string
  sight: Sight
  ledger: Pick<Ledger, 'add' | 'close'>
  locks: Pick<PromiseLocks, 'wait' | 'ran'>
  leases: LeasePort
  signal: AbortSignal
  /** Plans and tells, acts on nothing. */
  dryRun: boolean
  /** Locks are not looked at (cfengine's -K). */
  noLocks?: boolean
  /** Told of each promise before it is acted on. */
  begins?: (promise: PolicyPromise) => void
  say: (line: string) => void
}

export interface StepReport {
  id: string
  act: string
  target: string
  /** Those it answered. */
  incidents: readonly string[]
  result: Outcome['result'] | 'dry'
  line: string
  /** Of a dry run: what would come after it. */
  outlook?: readonly string[]
}

export interface PromiseReport {
  name: string
  type: string
  place: string
  /** `idle`: nothing to do. `skipped`: its guard does not hold, or its time has not come. `dry`: it would act. */
  state: 'skipped' | 'idle' | 'dry' | 'kept' | 'repaired' | 'not_kept'
  why: string
  spared: string[]
  /** Offenders that have ended, named. */
  ended: string[]
  steps: StepReport[]
}

export interface RunReport {
  id: string
  at: number
  dryRun: boolean
  promises: PromiseReport[]
  /** Semaphores that were dealt with. */
  expedited: string[]
  /** Something was to be done and could not be. */
  degraded: boolean
}

/** setTimeout's own limit, about 24 days. */
const LONGEST_MS = 2 ** 31 - 1

/** @throws AgentError where an act cannot be written down; what was held by then is taken back by its keeper */
export async function runPolicy(policy: Policy, ports: RunPorts): Promise<RunReport> {
  const { id } = ports
  const classes = withPolicyClasses(policy, ports.sight.classes)
  const reports: PromiseReport[] = []
  const dealt = new Set<string>()
  const left = new Set<string>()
  for (const promise of policy.promises) {
    if (ports.signal.aborted) break
    const report = await runPromise(promise, { policy, ports, run: id, classes })
    reports.push(report)
    const state = report.state === 'idle' ? 'kept' : report.state
    if (state === 'kept' || state === 'repaired' || state === 'not_kept')
      for (const name of promise.define[state]) classes.add(name)
    if (report.state === 'skipped') continue
    // A semaphore is dealt with when every promise that answers it now has done what it could.
    for (const name of semaphoresOf(policy, promise, ports.sight.semaphores))
      (report.state === 'dry' || report.state === 'not_kept' ? left : dealt).add(name)
  }
  return {
    id,
    at: ports.now(),
    dryRun: ports.dryRun,
    promises: reports,
    expedited: ports.dryRun ? [] : [...dealt].filter((name) => !left.has(name)),
    degraded: reports.some(({ state }) => state === 'not_kept'),
  }
}

interface Run {
  policy: Policy
  ports: RunPorts
  run: string
  classes: Set<string>
}

async function runPromise(promise: PolicyPromise, run: Run): Promise<PromiseReport> {
  const { policy, ports, classes } = run
  const { name, type, place } = promise
  const report: PromiseReport = {
    name,
    type: type.name,
    place,
    state: 'skipped',
    why: '',
    spared: [],
    ended: [],
    steps: [],
  }
  const not = whyNot(promise.guard, (one) => classes.has(one))
  if (not.length > 0 || !evaluateClasses(promise.guard, (one) => classes.has(one)))
    return { ...report, why: `it is guarded by ${promise.guardText}, and ${not.join(', ')} does not hold` }
  const { key } = promise
  const wait = ports.noLocks ? 0 : ports.locks.wait(key, promise.ifelapsedMs, ports.now())
  if (wait > 0)
    return { ...report, why: `it ran less than ifelapsed ago: ${Math.ceil(wait / 1000)} s are left` }
  const world: World = {
    now: ports.now,
    folder: ports.folder,
    daemon: ports.daemon,
    never: ports.never,
    processes: ports.processes,
    classes,
    offenders: ports.sight.offenders,
    ended: ports.sight.ended,
    excused: ports.sight.excused,
    delays: ports.sight.delays,
    filters: policy.filters,
  }
  let plan: Plan
  try {
    plan = await type.plan(promise.body, world)
  } catch (error) {
    return { ...report, state: 'not_kept', why: `it cannot be planned: ${(error as Error).message}` }
  }
  const { steps, spared } = withoutTolerated(plan, ports.sight.tolerated)
  report.spared = spared
  report.ended = [...(plan.ended ?? [])]
  if (plan.refused) return { ...report, state: 'not_kept', why: plan.why }
  if (steps.length === 0) {
    if (!ports.dryRun) ports.locks.ran(key, ports.now())
    return { ...report, state: 'idle', why: plan.why || 'all of it is tolerated' }
  }
  ports.begins?.(promise)
  // Before the first act: a promise that kills its own run must not do so each time.
  ports.locks.ran(key, ports.now())
  const signal = AbortSignal.any([
    ports.signal,
    AbortSignal.timeout(Math.min(LONGEST_MS, Math.max(1, promise.expireafterMs))),
  ])
  for (const step of steps) {
    if (signal.aborted) {
      report.why = `ended before its time: ${steps.length - report.steps.length} steps were left`
      break
    }
    report.steps.push(await runStep(step, promise, run, world, signal))
  }
  report.state = ports.dryRun ? 'dry' : stateOf(report, steps.length)
  return report
}

async function runStep(
  step: Step,
  promise: PolicyPromise,
  { ports, run }: Run,
  world: World,
  signal: AbortSignal,
): Promise<StepReport> {
  const id = newId()
  const { act, target, incidents = [], outlook } = step
  ports.ledger.add({
    id,
    at: ports.now(),
    run,
    promise: promise.name,
    type: promise.type.name,
    act,
    target,
    incidents: [...incidents],
    dry: ports.dryRun,
    result: ports.dryRun ? 'dry' : 'begun',
    line: ports.dryRun ? `would ${act} ${target}` : '',
  })
  if (ports.dryRun) {
    const line = `would ${act} ${target}`
    return { id, act, target, incidents, result: 'dry', line, ...(outlook ? { outlook } : {}) }
  }
  const hands: Hands = {
    ...world,
    run,
    leases: ports.leases,
    signal,
    id,
    progress: (line) => ports.say(`${promise.name}: ${line}`),
  }
  let outcome: Outcome
  try {
    outcome = await promise.type.act(step, promise.body, hands)
  } catch (error) {
    outcome = { result: 'not_kept', line: `${act} ${target}: ${(error as Error).message}` }
  }
  for (const name of outcome.classes ?? []) (world.classes as Set<string>).add(name)
  ports.ledger.close(id, outcome)
  return { id, act, target, incidents, result: outcome.result, line: outcome.line }
}

/** Whatever a type planned: a step that answers a tolerated incident is not taken. */
function withoutTolerated(
  plan: Plan,
  tolerated: ReadonlySet<string>,
): { steps: readonly Step[]; spared: string[] } {
  const spared = [...plan.spared]
  const steps = plan.steps.filter(({ target, incidents = [] }) => {
    const excused = incidents.find((id) => tolerated.has(id))
    if (excused !== undefined) spared.push(`${target}: incident ${excused} is tolerated`)
    return excused === undefined
  })
  return { steps, spared }
}

function stateOf({ steps }: PromiseReport, planned: number): PromiseReport['state'] {
  if (steps.length < planned || steps.some(({ result }) => result === 'not_kept')) return 'not_kept'
  return steps.some(({ result }) => result === 'repaired') ? 'repaired' : 'kept'
}

export const newId = (): string => randomBytes(4).toString('hex')
