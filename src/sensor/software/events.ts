import type { Outcome } from '#homeostasis'
import type { SensorEvent } from '../interface.ts'
import type { WatchedTask } from './tasks.ts'

/** Who an event is about: the fields that all events of a task share. */
export function whereOf({ pid, task, program }: WatchedTask, at: number) {
  return { profile: program.number, pid, tid: pid, taskCalls: task.calls, at }
}

/** What one call has to be told of. What is learned and dropped by the same call is not news. */
export function* eventsOf(watched: WatchedTask, outcome: Outcome, at: number): Generator<SensorEvent> {
  const { task, program } = watched
  const { anomalies, settings } = program.profile
  const { lfc, missingTrain, missingTest, stoppedNormal, trainingReset, trainingResetBegan } = outcome
  const where = whereOf(watched, at)
  const window = () => ({ current: task.ring[task.at] as number, previous: task.previous() })
  if (missingTest !== 0)
    yield {
      type: 'anomaly',
      ...where,
      ...window(),
      missing: missingTest,
      lfc,
      maxLfc: task.maxLfc,
      anomalies,
    }
  if (stoppedNormal) yield { type: 'normal-stopped', ...where, anomalies, limit: settings.anomalyLimit }
  if (trainingResetBegan) yield { type: 'training-reset', ...where, lfc, limit: settings.tolerizeLimit }
  if (missingTrain !== 0 && !trainingReset)
    yield { type: 'novelty', ...where, ...window(), missing: missingTrain }
}
