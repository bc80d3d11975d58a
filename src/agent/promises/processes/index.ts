/** The promise about processes: the 2003 paper's list of offenders, and what a policy does with them. */

import { signalProcess } from '../../host/pidfd.ts'
import { startProgram } from '../../host/run-program.ts'
import { readClimbs, writeClimb } from '../../ladder/keep.ts'
import { type Climb, nextStep } from '../../ladder/ladder.ts'
import { leasesFolder } from '../../leases/file.ts'
import { endLease } from '../../leases/port.ts'
import { milliseconds } from '../../policy/shapes.ts'
import type { Outcome, PromiseType, Step, Undo } from '../interface.ts'
import type { Hands, World } from '../world.ts'
import { delayBinary, notDelayed } from './delay.ts'
import { freezeProcess, type Held, limit, renice, stop } from './hold.ts'
import { ladderOutlook } from './outlook.ts'
import { countRestart, restartsOf } from './restarts.ts'
import { type Selected, select } from './select.ts'
import { type ProcessAct, type ProcessesBody, parseProcesses, processesShape } from './shape.ts'
import { suspendExec } from './suspend-exec.ts'

interface ProcessStep extends Step {
  act: ProcessAct | 'observe'
  detail: { held?: Held; binary?: string; climb?: Climb; why?: string; argv?: readonly string[] }
}

export const processes: PromiseType<ProcessesBody, ProcessStep> = {
  name: 'processes',
  shape: processesShape,
  summary: 'processes by name, user or filter: warn, signal, kill, stop, delay, freeze, slow down, restart',
  parse: parseProcesses,

  async plan(body, world) {
    const { selected, spared, ended } = select(body, world)
    if (selected.length > body.most)
      return {
        steps: [],
        spared,
        ended,
        why: `${selected.length} processes match, and at most ${body.most} are acted on at once: none is touched; raise most if so many are meant`,
        refused: true,
      }
    const steps = stepsOf(body, selected, world)
    if (body.act === 'delay')
      for (const binary of new Set(selected.map(({ process }) => process.binary))) {
        const until = world.excused.get(binary)
        if (until !== undefined) spared.push(notDelayed(binary, until))
      }
    return { steps, spared, ended, why: steps.length > 0 ? '' : emptyWhy(body, selected, spared, ended) }
  },

  async act(step, body, hands) {
    const { held, binary, climb, argv } = step.detail
    const why = held && hands.never.why({ pid: held.pid, binary: held.binary, name: '' })
    // Asked once more here, at the last moment: a plan may be seconds old.
    if (why !== undefined) return { result: 'not_kept', line: `${step.target}: left alone: ${why}` }
    const outcome = await actOn(step, body, hands)
    if (climb && binary && outcome.result !== 'not_kept')
      try {
        writeClimb(hands.folder, binary, climb)
      } catch (error) {
        return {
          ...outcome,
          result: 'not_kept',
          line: `${outcome.line}; where it stands is not kept: ${(error as Error).message}`,
        }
      }
    if (argv && step.act !== 'restart' && outcome.result === 'repaired') {
      const again = await restart(argv, body.limit, hands)
      return { ...again, line: `${outcome.line}; ${again.line}` }
    }
    return outcome
  },

  async undo(undo, hands) {
    const { lease, delayed } = undo as Undo & { lease?: string; delayed?: string }
    if (lease !== undefined)
      return endLease(leasesFolder(hands.folder), lease) ? 'taken back' : 'it was over already'
    if (delayed !== undefined) {
      if (!hands.daemon) return `not taken back: no daemon answers; without one nobody is delayed`
      await hands.daemon.post('/agent/delay', { binary: delayed, unitMs: null, untilMs: 0 })
      return `${delayed} is delayed no more`
    }
    return 'there is nothing to take back'
  },
}

function stepsOf(body: ProcessesBody, selected: readonly Selected[], world: World): ProcessStep[] {
  if (body.act === 'restart') {
    if (selected.length > 0) return []
    const argv = body.restart as string[]
    return [{ act: 'restart', target: argv.join(' '), detail: { argv } }]
  }
  if (body.act === 'ladder') return climbSteps(body, selected, world)
  if (body.act === 'delay')
    return byBinary(
      selected.filter(({ process }) => !world.excused.has(process.binary)),
      world,
    ).map(([binary, of]) => ({
      act: 'delay',
      target: binary,
      incidents: incidentsOf(of),
      detail: { binary },
    }))
  return selected.map((one, index) => ({
    act: body.act,
    target: targetOf(one),
    incidents: incidentsOf([one]),
    detail: {
      held: heldOf(one),
      // Once, after the last of them.
      ...(body.restart && index === selected.length - 1 ? { argv: body.restart } : {}),
    },
  }))
}

function climbSteps(body: ProcessesBody, selected: readonly Selected[], world: World): ProcessStep[] {
  const { upto = 'freeze', observe = '5m', delay = '10m', freeze = '10m', forget = '1h' } = body.ladder ?? {}
  const times = {
    upto,
    observeMs: milliseconds(observe),
    delayMs: milliseconds(delay),
    freezeMs: milliseconds(freeze),
    forgetMs: milliseconds(forget),
  }
  const climbs = readClimbs(world.folder)
  const binaries = byBinary(selected, world)
  return binaries.flatMap(([binary, of], at): ProcessStep[] => {
    const seenAt = Math.max(...of.map(({ offence }) => offence?.seenAt ?? 0))
    const before = climbs.get(binary)
    const { climb, act, why } = nextStep(before, seenAt, times, world.now())
    const lfc = Math.max(...of.map(({ offence }) => offence?.lfc ?? 0))
    const pids = of.map(({ process: { pid } }) => pid)
    const unitMs = body.unit === undefined ? undefined : milliseconds(body.unit)
    const outlook = ladderOutlook({ binary, before, seenAt, times, lfc, pids, unitMs }, world)
    if (at === binaries.length - 1 && world.never.told)
      outlook.push(`never touched, whatever a policy says: ${world.never.told}`)
    const incidents = incidentsOf(of)
    if (act === undefined || act === 'delay')
      return [{ act: act ?? 'observe', target: binary, incidents, outlook, detail: { binary, climb, why } }]
    return of.map((one, index) => ({
      act,
      target: targetOf(one),
      incidents,
      // The same for all of them: told once.
      ...(index === of.length - 1 ? { outlook } : {}),
      detail: { held: heldOf(one), binary, climb },
    }))
  })
}

async function actOn(step: ProcessStep, body: ProcessesBody, hands: Hands): Promise<Outcome> {
  const { held, binary, argv, why } = step.detail
  const forMs = milliseconds(body.for ?? lastsInLadder(step.act, body))
  const unitMs = body.unit === undefined ? undefined : milliseconds(body.unit)
  switch (step.act) {
    case 'observe':
      return { result: 'kept', line: `${step.target}: nothing more for now: ${why}` }
    case 'warn':
      return { result: 'kept', line: `${step.target}: warned of, as the policy asks; nothing is done to it` }
    case 'restart':
      return restart(argv as readonly string[], body.limit, hands)
    case 'delay':
      return delayBinary(binary as string, forMs, unitMs, hands)
    case 'stop':
      return stop(held as Held, forMs, hands)
    case 'freeze':
      return freezeProcess(held as Held, forMs, hands)
    case 'cpu':
      return limit(held as Held, body.percent as number, forMs, hands)
    case 'nice':
      return renice(held as Held, body.nice as number, forMs, hands)
    case 'suspend_exec':
      return suspendExec(held as Held, forMs, hands)
    case 'kill':
      return send(step, held as Held, 'SIGKILL')
    default:
      return send(step, held as Held, `SIG${(body.signal as string).toUpperCase()}` as NodeJS.Signals)
  }
}

function lastsInLadder(act: ProcessStep['act'], body: ProcessesBody): string | number {
  return (act === 'delay' ? body.ladder?.delay : body.ladder?.freeze) ?? '10m'
}

function send(step: ProcessStep, held: Held, signal: NodeJS.Signals): Outcome {
  switch (signalProcess(held, signal)) {
    case 'sent':
      return { result: 'repaired', line: `sent ${signal} to ${step.target}; that cannot be taken back` }
    case 'gone':
      return { result: 'kept', line: `${step.target} has ended by itself` }
    default:
      return { result: 'not_kept', line: `${step.target}: the kernel refuses ${signal}: run this as root` }
  }
}

async function restart(argv: readonly string[], most: number, hands: Hands): Promise<Outcome> {
  const what = argv.join(' ')
  const before = restartsOf(hands.folder, argv, hands.now())
  if (before.length >= most)
    return {
      result: 'not_kept',
      line: `${what}: it was started ${before.length} times within an hour and did not stay, which is the most: look why it ends`,
    }
  try {
    countRestart(hands.folder, argv, hands.now())
  } catch (error) {
    return {
      result: 'not_kept',
      line: `${what}: not started: starts cannot be counted: ${(error as Error).message}`,
    }
  }
  const started = await startProgram(argv)
  return 'pid' in started
    ? { result: 'repaired', line: `started ${what} as process ${started.pid}` }
    : { result: 'not_kept', line: `${what}: cannot be started: ${started.error}` }
}

function emptyWhy(
  body: ProcessesBody,
  selected: readonly Selected[],
  spared: readonly string[],
  ended: readonly string[],
): string {
  if (body.act === 'restart' && selected.length > 0) return `it runs: ${selected.length} processes match`
  if (spared.length > 0) return 'all that match are left alone'
  return ended.length > 0 ? 'whoever was meant has ended' : 'no process matches'
}

const heldOf = ({ process: { pid, startTicks, binary } }: Selected): Held => ({ pid, startTicks, binary })
const targetOf = ({ process: { pid, binary } }: Selected): string => `${pid} ${binary}`
const incidentsOf = (of: readonly Selected[]): string[] =>
  [...new Set(of.map(({ offence }) => offence?.incident ?? ''))].filter((id) => id !== '')

/** A delay is for every process of a program: one that is tolerated keeps it from all. */
function byBinary(selected: readonly Selected[], { offenders }: World): [string, Selected[]][] {
  const tolerated = new Set(
    [...offenders.ph_sequence, ...offenders.ph_load]
      .filter((one) => one.tolerated)
      .map(({ binary }) => binary),
  )
  const groups = new Map<string, Selected[]>()
  for (const one of selected) {
    if (tolerated.has(one.process.binary)) continue
    const group = groups.get(one.process.binary)
    if (group) group.push(one)
    else groups.set(one.process.binary, [one])
  }
  return [...groups]
}
