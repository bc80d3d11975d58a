/** Which calls of a trace are wanted, gathered into runs of one task, so that the batch loops see typed arrays. */
import { slotOf } from '#homeostasis'
import type { Abi, TraceSink } from '#syscalls'

const RUN = 16_384
/** Programs named in an error message when --binary fits none. */
const SEEN_MOST = 64

interface State<Work> {
  number: number
  binary: string
  watched: boolean
  work: Work
}

/** What is done with the calls of tasks. `Work` is whatever is kept per task. */
export interface TaskWork<Work> {
  begin(task: number): Work
  fork(parent: Work, task: number): Work
  /** The task became another program; calls that follow are of it. `from`: what it was, '' where that is not watched. */
  exec(work: Work, from: string, started: string): void
  /** Calls `0 .. count` of one task, as slots. The array is used again. */
  calls(work: Work, calls: Uint16Array, count: number): void
  /** The task ended, or the trace did. */
  end(work: Work): void
}

/** A sink that knows tasks, their windows' life (fork, exec, exit), and `--binary`. One serves many traces. */
export class TaskSink<Work> implements TraceSink {
  /** Calls handed on. */
  total = 0
  /** Calls of tasks that ran another ABI. */
  readonly foreignCalls = new Map<Abi, number>()
  readonly binariesSeen = new Set<string>()
  readonly #binary: string | undefined
  readonly #work: TaskWork<Work>
  #tasks = new Map<number, State<Work>>()
  #run = new Uint16Array(RUN)
  #used = 0
  #current: State<Work> | undefined

  /** @param binary only tasks that run this, as the trace names it; undefined: all. */
  constructor(work: TaskWork<Work>, binary?: string) {
    this.#work = work
    this.#binary = binary
  }

  call(task: number, call: number): void {
    const state = this.#current?.number === task ? this.#current : this.#switch(task)
    if (!state.watched) return
    if (this.#used === RUN) this.#flush()
    this.#run[this.#used++] = slotOf(call)
  }

  exec(task: number, binary: string): void {
    const state = this.#switch(task)
    const from = state.watched ? state.binary : ''
    state.binary = binary
    if (this.binariesSeen.size < SEEN_MOST) this.binariesSeen.add(binary)
    state.watched = this.#binary === undefined || this.#binary === binary
    this.#work.exec(state.work, from, binary)
  }

  fork(task: number, parent: number): void {
    const from = this.#switch(parent)
    const state = { ...from, number: task, work: this.#work.fork(from.work, task) }
    this.#tasks.set(task, state)
  }

  exit(task: number): void {
    const state = this.#switch(task)
    this.#work.end(state.work)
    this.#tasks.delete(task)
    this.#current = undefined
  }

  foreign(_task: number, abi: Abi): void {
    this.foreignCalls.set(abi, (this.foreignCalls.get(abi) ?? 0) + 1)
  }

  /** The trace ended: whoever is left is done with. */
  end(): void {
    this.#flush()
    for (const state of this.#tasks.values()) this.#work.end(state.work)
    this.#tasks = new Map()
    this.#current = undefined
  }

  /** Makes `task` the one whose calls are gathered. */
  #switch(task: number): State<Work> {
    this.#flush()
    let state = this.#tasks.get(task)
    if (state === undefined) {
      state = { number: task, binary: '', watched: this.#binary === undefined, work: this.#work.begin(task) }
      this.#tasks.set(task, state)
    }
    this.#current = state
    return state
  }

  #flush(): void {
    if (this.#used === 0) return
    this.#work.calls(this.#current!.work, this.#run, this.#used)
    this.total += this.#used
    this.#used = 0
  }
}
