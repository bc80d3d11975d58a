/** Acts that last: each takes its lease before it does anything, and gives it back where it fails. */
import { getPriority, setPriority } from 'node:os'
import { canFreeze, freeze, limitCpu, planCpu, planFreeze } from '../../host/cgroup.ts'
import { signalProcess } from '../../host/pidfd.ts'
import { startTicksOf } from '../../host/processes.ts'
import type { Outcome } from '../interface.ts'
import type { Hands, Undone } from '../world.ts'

export interface Held {
  pid: number
  startTicks: number
  binary: string
}

const named = ({ pid, binary }: Held) => `${binary} (${pid})`

/** @param act throws where it cannot be done */
function hold(what: string, undo: Undone, forMs: number, hands: Hands, act: () => void): Outcome {
  const [one] = 'back' in undo ? undo.back : [undo]
  const until = one && hands.leases.held(one, undo.kind)
  if (until !== undefined)
    return { result: 'kept', line: `${what}: it is so already, until ${new Date(until).toISOString()}` }
  let id: string
  try {
    id = hands.leases.take({ undo, untilMs: hands.now() + forMs, what })
  } catch (error) {
    return { result: 'not_kept', line: `${what}: not done: ${(error as Error).message}` }
  }
  try {
    act()
  } catch (error) {
    hands.leases.giveBack(id)
    return { result: 'not_kept', line: `${what}: ${(error as Error).message}` }
  }
  return {
    result: 'repaired',
    line: `${what} for ${forMs / 1000} s`,
    undo: { of: 'processes', lease: id },
  }
}

export function stop(held: Held, forMs: number, hands: Hands): Outcome {
  return hold(`stopped ${named(held)}`, { kind: 'continue', ...nameOf(held) }, forMs, hands, () => {
    const sent = signalProcess(held, 'SIGSTOP')
    if (sent !== 'sent') throw new Error(sent === 'gone' ? 'it has ended' : 'the kernel refuses')
  })
}

/** Without cgroup v2 it is stopped by a signal, which its parent sees; the line says so. */
export function freezeProcess(held: Held, forMs: number, hands: Hands): Outcome {
  if (!canFreeze) {
    const outcome = stop(held, forMs, hands)
    return { ...outcome, line: `${outcome.line} (by SIGSTOP: this host has no cgroup v2)` }
  }
  let grouped: ReturnType<typeof planFreeze>
  try {
    grouped = planFreeze(held.pid, held.startTicks, hands.id, hands.leases.groupBefore(held))
  } catch (error) {
    return { result: 'not_kept', line: `froze ${named(held)}: ${(error as Error).message}` }
  }
  return hold(`froze ${named(held)}`, { kind: 'thaw', ...grouped }, forMs, hands, () => freeze(grouped))
}

export function limit(held: Held, percent: number, forMs: number, hands: Hands): Outcome {
  let grouped: ReturnType<typeof planCpu>
  try {
    grouped = planCpu(held.pid, held.startTicks, hands.id)
  } catch (error) {
    return { result: 'not_kept', line: `limited ${named(held)}: ${(error as Error).message}` }
  }
  const what = `limited ${named(held)} to ${percent} % of a core`
  return hold(what, { kind: 'ungroup', ...grouped }, forMs, hands, () => limitCpu(grouped, percent))
}

export function renice(held: Held, nice: number, forMs: number, hands: Hands): Outcome {
  let before: number
  try {
    before = getPriority(held.pid)
  } catch {
    return { result: 'kept', line: `${named(held)} has ended` }
  }
  if (before >= nice) return { result: 'kept', line: `${named(held)} has a nice value of ${before} already` }
  const undo: Undone = { kind: 'renice', ...nameOf(held), nice: before }
  return hold(`gave ${named(held)} a nice value of ${nice}`, undo, forMs, hands, () => {
    if (startTicksOf(held.pid) !== held.startTicks) throw new Error('it has ended')
    setPriority(held.pid, nice)
  })
}

const nameOf = ({ pid, startTicks }: Held) => ({ pid, startTicks })
