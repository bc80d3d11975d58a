import type { Abi, TraceEvent } from '#syscalls'
import type { CallSource, Program } from './source.ts'

export interface RecordedOptions {
  abi: Abi
  /** What a task runs of which the trace names no program. */
  binary: string
  names?: ReadonlyMap<number, string>
  /** Events of one batch. */
  batch?: number
}

/** Calls of other tasks' making an exec are not this program's: execve and execveat. */
const EXECS: Readonly<Record<Abi, readonly number[]>> = {
  'x86-64': [59, 322],
  i386: [11, 358],
  arm64: [221, 281],
}

/**
 * A recorded trace, as a source of calls. A task whose program the trace never names runs `binary` from its first
 * call on; where that call is an execve, the trace is about to name it. Files of a recording are another machine's
 * or another day's: they are not looked for, and profiles stay unidentified.
 */
export class RecordedSource implements CallSource {
  readonly kind = 'trace'
  readonly abi: Abi
  readonly names: ReadonlyMap<number, string>
  readonly foreignCalls = 0
  readonly #events: Iterable<TraceEvent> | AsyncIterable<TraceEvent>
  readonly #options: RecordedOptions
  #closed = false

  constructor(events: Iterable<TraceEvent> | AsyncIterable<TraceEvent>, options: RecordedOptions) {
    this.#events = events
    this.#options = options
    this.abi = options.abi
    this.names = options.names ?? new Map()
  }

  async open(): Promise<void> {}

  async *events() {
    const { binary, batch: size = 4096 } = this.#options
    const running = new Set<number>()
    let batch: TraceEvent[] = []
    for await (const event of this.#events) {
      if (event.type === 'exit') running.delete(event.task)
      else if (event.type === 'fork' && !running.has(event.parent)) continue
      else if (event.type === 'call' && !running.has(event.task)) {
        if (!EXECS[this.abi].includes(event.call)) {
          batch.push({ type: 'exec', task: event.task, binary })
          running.add(event.task)
        }
      } else running.add(event.task)
      batch.push(event)
      if (batch.length < size) continue
      yield batch
      batch = []
      if (this.#closed) return
    }
    yield batch
  }

  async program(_task: number, binary: string): Promise<Program> {
    return {
      executable: {
        path: binary,
        abi: this.abi,
        device: 0,
        inode: '0',
        generation: 0,
        mountNamespace: 0,
        deleted: false,
      },
      unidentified: 'a recorded trace does not tell what its files held',
    }
  }

  async close(): Promise<void> {
    this.#closed = true
  }
}
