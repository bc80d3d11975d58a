import type { ProcessState } from '../interface.ts'
import type { SensorMaps } from './maps.ts'
import type { TaskState } from './program.ts'

/** Tasks as processes: the calls of all threads, the LFC of the worst, the profile of the leader. */
export function processStates(
  tasks: TaskState[],
  maps: SensorMaps,
  delayedMs: (pid: number) => number,
): ProcessState[] {
  const processes = new Map<number, ProcessState>()
  for (const task of tasks) {
    if (task.generation !== maps.get(task.profile, 'generation')) continue
    const process = processes.get(task.pid)
    if (!process) {
      const { pid, profile, calls, lfc, maxLfc } = task
      processes.set(pid, { pid, profile, calls, lfc, maxLfc, delayedMs: delayedMs(pid) })
      continue
    }
    process.calls += task.calls
    process.lfc = Math.max(process.lfc, task.lfc)
    process.maxLfc = Math.max(process.maxLfc, task.maxLfc)
    if (task.tid === task.pid) process.profile = task.profile
  }
  return [...processes.values()].sort((a, b) => a.pid - b.pid)
}
