/** What the environment measures of the live profiles. */
import type { DetectorFigures } from '#environment'
import type { ProcessState } from '#sensor'
import type { Tracked } from './tracked.ts'

export function figuresOf(
  live: readonly Tracked[],
  processes: readonly ProcessState[],
): Pick<DetectorFigures, 'abnormalProcesses' | 'callsByBinary'> {
  const callsByBinary = new Map<string, number>()
  for (const { executable, counters } of live)
    if (counters)
      callsByBinary.set(executable.path, (callsByBinary.get(executable.path) ?? 0) + counters.calls)
  return { abnormalProcesses: processes.filter(({ lfc }) => lfc > 0).length, callsByBinary }
}
