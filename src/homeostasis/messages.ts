import type { LifeTransition } from './life.ts'

/**
 * pH's log lines (0.18), word for word, without its prefix "pH: ". `level` is pH's: `action` what one call did, `state`
 * what became of a profile. Who decides once a second knows no process; the path stands alone then.
 */
export interface Message {
  level: 'error' | 'state' | 'action'
  text: string
}

/** `pid`: the process at whose call it happened, where there is one. */
export interface Where {
  pid?: number
  binary: string
}

const who = ({ pid, binary }: Where) => (pid === undefined ? `(${binary})` : `${pid} (${binary})`)

export function anomalousMessage(
  where: Where & { call: number | string; misses: number; count: number },
): Message {
  const { call, misses, pid, binary, count } = where
  return {
    level: 'action',
    text: `Anomalous ${call} (${misses} misses), PID ${pid ?? '?'} (${binary}), count ${count}`,
  }
}

/** `jiffies`: delay_factor * 2^LFC; `count`: the task's calls. */
export function delayingMessage(where: { pid: number; count: number; jiffies: number }): Message {
  return { level: 'action', text: `Delaying ${where.pid} at ${where.count} for ${where.jiffies} jiffies` }
}

export function frozenMessage(where: Where): Message {
  return { level: 'action', text: `${who(where)} frozen` }
}

export function normalCancelledMessage(where: Where): Message {
  return { level: 'action', text: `${who(where)} normal cancelled` }
}

/** What pH says beside `frozen`: how far training has come. */
export function trainingMessage(where: Where & { trainCount: number; lastModCount: number }): Message {
  return {
    level: 'state',
    text: `${who(where)} now has ${where.trainCount} training calls and ${where.lastModCount} since last change`,
  }
}

/** `count`: the profile's calls, `taskCount` the task's, `total` all calls that were seen. */
export function startingNormalMessage(
  where: Where & { count: number; taskCount?: number; total?: number; sequences: number },
): Message {
  const { count, taskCount = 0, total = 0, sequences } = where
  return {
    level: 'state',
    text: `Starting normal monitoring in ${who(where)} at ${count} (${taskCount}, ${total}) with ${sequences} sequences`,
  }
}

export function normalResetMessage(where: Where & { limit: number; count: number }): Message {
  return {
    level: 'state',
    text: `Anomaly limit ${where.limit} exceeded for ${who(where)} at ${where.count}, normal reset`,
  }
}

/** pH drops training without a word; lymph says so. */
export function trainingResetMessage(where: Where & { limit: number; lfc: number; count: number }): Message {
  return {
    level: 'state',
    text: `Tolerize limit ${where.limit} exceeded for ${who(where)} at ${where.count}: LFC ${where.lfc}, training reset`,
  }
}

/** What pH says of each change in a profile's life, in order. */
export function lifeMessages(
  transitions: readonly LifeTransition[],
  where: Where & { calls: number; trainCount: number; lastModCount: number; sequences: number },
): Message[] {
  return transitions.flatMap((transition) => {
    if (transition === 'frozen') return [trainingMessage(where), frozenMessage(where)]
    if (transition === 'normal-cancelled') return [normalCancelledMessage(where)]
    return [startingNormalMessage({ ...where, count: where.calls })]
  })
}
