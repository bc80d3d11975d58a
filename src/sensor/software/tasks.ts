import type { Task } from '#homeostasis'
import type { WatchedProgram } from './programs.ts'

export interface WatchedTask {
  pid: number
  task: Task
  program: WatchedProgram
  /** Its number among the processes of its program; 0: it has made no call yet. */
  process: number
}

/** Tasks followed at once. */
const TASKS_LIMIT = 65_536

/**
 * The tasks a software sensor follows. Beyond the limit the one that was met first is forgotten: a trace may never say
 * that a task ended. Also remembers which tasks run a program there was no room for.
 */
export class WatchedTasks {
  readonly #tasks = new Map<number, WatchedTask>()
  readonly #noRoom = new Set<number>()
  readonly #onEnd: (watched: WatchedTask) => void

  /** `onEnd` is called for each task that leaves. */
  constructor(onEnd: (watched: WatchedTask) => void) {
    this.#onEnd = onEnd
  }

  get(pid: number): WatchedTask | undefined {
    return this.#tasks.get(pid)
  }

  all(): IterableIterator<WatchedTask> {
    return this.#tasks.values()
  }

  begin(pid: number, program: WatchedProgram, task: Task = program.profile.begin()): void {
    this.end(pid)
    if (this.#tasks.size >= TASKS_LIMIT) this.end(this.#tasks.keys().next().value as number)
    program.tasks++
    this.#tasks.set(pid, { pid, task, program, process: 0 })
  }

  /** A child of `parent`, with a copy of its window. A task that is followed already is left as it is. */
  fork(pid: number, parent: number): void {
    if (this.#tasks.has(pid)) return
    const of = this.#tasks.get(parent)
    if (of) this.begin(pid, of.program, of.task.fork())
    else if (this.#noRoom.has(parent)) this.refuse(pid)
  }

  end(pid: number): void {
    this.#noRoom.delete(pid)
    const watched = this.#tasks.get(pid)
    if (!watched) return
    this.#tasks.delete(pid)
    watched.program.tasks--
    this.#onEnd(watched)
  }

  endAll(): void {
    for (const pid of [...this.#tasks.keys()]) this.end(pid)
  }

  /** The task runs a program there is no room for: its calls are lost. */
  refuse(pid: number): void {
    if (this.#noRoom.size < TASKS_LIMIT) this.#noRoom.add(pid)
  }

  isRefused(pid: number): boolean {
    return this.#noRoom.has(pid)
  }
}
