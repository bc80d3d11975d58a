/** Which process of the traces showed a pair first, and how many did: counted from the calls. */
import { EMPTY, type EmptyRule, type SupportCounter } from '#homeostasis'
import type { TaskWork } from './tasks.ts'

/** Calls before the current one: as many as a window can have. */
const PREVIOUS = 8

interface WithSupport<Work> {
  inner: Work
  /** Its number; 0: it has made no call yet. */
  process: number
  /** The calls before, nearest first; EMPTY before the first. */
  previous: Uint16Array
}

/** The same work, and `counter` is shown each pair with the number of its process: from exec or fork to the next. */
export function withSupport<Work>(
  work: TaskWork<Work>,
  counter: SupportCounter,
  window: number,
  empty: EmptyRule,
): TaskWork<WithSupport<Work>> {
  const fresh = () => new Uint16Array(PREVIOUS).fill(EMPTY)
  return {
    begin: (task) => ({ inner: work.begin(task), process: 0, previous: fresh() }),
    fork: (parent, task) => ({
      inner: work.fork(parent.inner, task),
      process: 0,
      previous: parent.previous.slice(),
    }),
    exec: (held, from, started) => {
      held.process = 0
      held.previous = fresh()
      work.exec(held.inner, from, started)
    },
    calls: (held, calls, count) => {
      work.calls(held.inner, calls, count)
      held.process ||= counter.begin()
      const { previous, process } = held
      for (let i = 0; i < count; i++) {
        const current = calls[i]!
        counter.window(process, current, previous, window, empty)
        previous.copyWithin(1, 0, PREVIOUS - 1)
        previous[0] = current
      }
    },
    end: (held) => work.end(held.inner),
  }
}
