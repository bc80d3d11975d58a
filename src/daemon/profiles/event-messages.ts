/** What pH would have logged of a sensor's event. */
import {
  anomalousMessage,
  delayingMessage,
  type Message,
  normalResetMessage,
  trainingResetMessage,
} from '#homeostasis'
import type { SensorEvent } from '#sensor'
import { callName } from '#syscalls'
import type { Tracked } from './tracked.ts'

export function messageOf(event: SensorEvent, { executable }: Tracked, jiffyMs: number): Message | undefined {
  const where = { binary: executable.path, ...('pid' in event ? { pid: event.pid } : {}) }
  switch (event.type) {
    case 'anomaly':
      return anomalousMessage({
        ...where,
        call: callName(executable.abi, event.current),
        misses: popcount(event.missing),
        count: event.taskCalls,
      })
    case 'normal-stopped':
      return normalResetMessage({ ...where, limit: event.limit, count: event.taskCalls })
    case 'training-reset':
      return trainingResetMessage({ ...where, limit: event.limit, lfc: event.lfc, count: event.taskCalls })
    case 'delayed':
      return delayingMessage({
        pid: event.pid,
        count: event.taskCalls,
        jiffies: Math.round(event.delayMs / jiffyMs),
      })
    default:
      return undefined
  }
}

/** Pairs in a mask of distances. */
export function popcount(bits: number): number {
  let count = 0
  for (let rest = bits; rest !== 0; rest &= rest - 1) count++
  return count
}
