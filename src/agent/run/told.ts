/** What a run did, as records of the journal: each step, and what a tolerance kept it from. */
import type { PromiseReport, RunReport, StepReport } from './run.ts'

/** A record of kind `action` (docs/reference/journal.schema.json). */
export interface ActionRecord {
  kind: 'action'
  run: string
  promise: string
  verb: string
  subject: string
  outcome: 'done' | 'would' | 'failed' | 'tolerated'
  why: string
  incident?: string
}

/** The API takes so many at once, and no longer text. */
const recordsLimit = 1000
const textLimit = 4096

const outcomes: Readonly<Record<StepReport['result'], ActionRecord['outcome']>> = {
  kept: 'done',
  repaired: 'done',
  not_kept: 'failed',
  dry: 'would',
}

const cut = (text: string): string => text.slice(0, textLimit)

export function actionsOf({ id, promises }: RunReport): ActionRecord[] {
  return promises
    .flatMap((promise) => [...stepsOf(promise, id), ...sparedOf(promise, id)])
    .slice(0, recordsLimit)
}

const where = ({ name, place }: PromiseReport): string => cut(place ? `${name} (${place})` : name)

const stepsOf = (promise: PromiseReport, run: string): ActionRecord[] =>
  promise.steps.flatMap(({ act, target, result, line, incidents }) => {
    // Looked, and nothing had to be done: no act.
    if (result === 'kept' && incidents.length === 0) return []
    const record: ActionRecord = {
      ...{ kind: 'action', run, promise: where(promise), verb: cut(act), subject: cut(target) },
      ...{ outcome: outcomes[result], why: cut(line) },
    }
    return incidents.length === 0 ? [record] : incidents.map((incident) => ({ ...record, incident }))
  })

/** Sentences as `PATH (PID): incident ID is tolerated`. */
function sparedOf(promise: PromiseReport, run: string): ActionRecord[] {
  return promise.spared.flatMap((text): ActionRecord[] => {
    const match = /^(.*): incident (\S+) is tolerated$/s.exec(text)
    if (!match) return []
    const [, subject = '', incident = ''] = match
    return [
      {
        ...{ kind: 'action', run, promise: where(promise), verb: promise.type, subject: cut(subject) },
        ...{ outcome: 'tolerated', why: 'its incident is tolerated', incident },
      },
    ]
  })
}
