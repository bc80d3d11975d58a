import type { Abi, TraceEvent, TraceSink } from '#syscalls'

/** Collects what a parser reads into batches of events. */
export class EventSink implements TraceSink {
  #events: TraceEvent[] = []
  /** Calls of tasks of another ABI: no event is made of them. */
  foreignCalls = 0
  readonly #slotOf: (call: number) => number

  constructor(slotOf: (call: number) => number) {
    this.#slotOf = slotOf
  }

  call(task: number, call: number): void {
    this.#events.push({ type: 'call', task, call: this.#slotOf(call) })
  }
  exec(task: number, binary: string): void {
    this.#events.push({ type: 'exec', task, binary })
  }
  fork(task: number, parent: number): void {
    this.#events.push({ type: 'fork', task, parent })
  }
  exit(task: number): void {
    this.#events.push({ type: 'exit', task })
  }
  foreign(_task: number, _abi: Abi): void {
    this.foreignCalls++
  }

  /** What came since the last time. */
  take(): TraceEvent[] {
    const events = this.#events
    this.#events = []
    return events
  }
}
