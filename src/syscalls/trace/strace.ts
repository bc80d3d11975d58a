/**
 * `strace -f` text: what each line means for tasks. A call counts once, at its start, in the order of the file, as
 * the kernel sensor counts at sys_enter; restarted calls come as often as they are written; restart_syscall is no
 * call of the program and is left out.
 */
import type { CallNames } from '../call-names.ts'
import { TraceError } from '../errors.ts'
import type { Abi } from '../types.ts'
import { LineParser } from './lines.ts'
import { shown, type TraceSink } from './sink.ts'
import { childOf, pidOf, programOf, readLine, type StraceLine } from './strace-line.ts'

const MAKES_TASK = new Set(['clone', 'clone3', 'fork', 'vfork'])
const MAKES_PROGRAM = new Set(['execve', 'execveat'])
/** Lines kept back of children whose parent is not yet known; beyond, the latest parent is taken. */
const HELD_MOST = 10_000

interface Pending {
  name: string
  binary: string
  /** A child that was seen before the call returned. */
  child: number
}

interface TaskState {
  pending: Pending | undefined
  abi: Abi
}

export class StraceParser extends LineParser {
  readonly #names: CallNames
  readonly #sink: TraceSink
  readonly #tasks = new Map<number, TaskState>()
  /** Tasks in a call that makes a task, oldest first. */
  readonly #forking = new Set<number>()
  /** Lines of tasks that may be children of several. */
  readonly #held = new Map<number, StraceLine[]>()
  #heldLines = 0
  /** Pid of the first process, once lines with pids have come after lines without: its task stays 0. */
  #rootPid: number | undefined
  /** Whose call a message of strace's tore in two. */
  #torn: number | undefined
  readonly #announced = new Set<number>()
  /** strace says of each new process that it attached (it does unless -q or -o). */
  #announces = false

  constructor(names: CallNames, sink: TraceSink) {
    super()
    this.#names = names
    this.#sink = sink
  }

  protected override line(text: string, whole: boolean): void {
    const { pid, at } = pidOf(text)
    const said = readLine(at > 0 ? text.slice(at) : text, pid === 0 && this.#torn !== undefined)
    if (said.kind === 'nothing') return
    if (said.kind === 'cut' || (said.kind === 'foreign' && !whole && this.at > 1))
      throw new TraceError(
        whole
          ? `line ${this.at}: a call without its end: '${shown(text)}'`
          : `line ${this.at}: ends in the middle: the file was cut short`,
      )
    if (said.kind === 'foreign')
      throw new TraceError(
        `line ${this.at}: no line of strace: '${shown(text)}' (record with strace -f -o FILE)`,
      )
    if (said.kind === 'attached') this.#attached(said.pid)
    else if (said.kind === 'mode') this.#mode(said.pid, said.bits)
    else if (said.kind === 'rest') {
      const torn = this.#torn
      this.#torn = undefined
      if (torn !== undefined) this.#returned(torn, said.result)
    } else this.#read(pid, said)
  }

  #read(pid: number, said: StraceLine): void {
    const task = this.#taskOf(pid, said.kind === 'resumed')
    if (this.#held.has(task) || (!this.#tasks.has(task) && !this.#begin(task))) this.#hold(task, said)
    else this.#act(task, said)
  }

  protected override finish(): void {
    this.#release()
  }

  #act(task: number, said: StraceLine): void {
    if (!this.#tasks.has(task)) this.#begin(task)
    if (said.kind === 'call') this.#call(task, said)
    else if (said.kind === 'resumed') {
      if (said.result !== undefined) this.#returned(task, said.result)
    } else if (said.kind === 'exit') this.#ended(task)
    else if (said.kind === 'superseded') this.#superseded(task, this.#taskOf(said.by))
  }

  #call(task: number, said: StraceLine & { kind: 'call' }): void {
    const { name } = said
    const state = this.#tasks.get(task)!
    if (name === 'restart_syscall' || name === '????') {
      state.pending = undefined
      return
    }
    if (state.abi === this.#names.abi) this.#sink.call(task, this.#names.ofName(name))
    else this.#sink.foreign?.(task, state.abi)
    if (said.torn !== undefined) {
      this.#torn = task
      // Not for certain a child of this call.
      this.#attached(said.torn)
    }
    state.pending = undefined
    if (!MAKES_TASK.has(name) && !MAKES_PROGRAM.has(name)) return
    state.pending = { name, binary: MAKES_PROGRAM.has(name) ? programOf(name, said.args) : '', child: 0 }
    if (MAKES_TASK.has(name)) this.#forking.add(task)
    if (said.result !== undefined) this.#returned(task, said.result)
  }

  #returned(task: number, result: string): void {
    const state = this.#tasks.get(task)
    const pending = state?.pending
    if (!state || !pending) return
    state.pending = undefined
    if (MAKES_PROGRAM.has(pending.name)) {
      if (/^0\b/.test(result)) this.#sink.exec(task, pending.binary)
      return
    }
    this.#forking.delete(task)
    const child = childOf(result)
    if (child > 0 && child !== pending.child) this.#child(child, task)
    if (this.#forking.size <= 1) this.#release()
  }

  /** `parent` made `child`; lines of the child that were kept back are read now. */
  #child(child: number, parent: number): void {
    this.#announced.delete(child)
    // A task of that number which never was seen to end is another one.
    if (this.#tasks.has(child)) this.#ended(child)
    const state = this.#tasks.get(parent)!
    if (state.pending) state.pending.child = child
    this.#tasks.set(child, { pending: undefined, abi: state.abi })
    this.#sink.fork(child, parent)
    const held = this.#held.get(child)
    if (!held) return
    this.#held.delete(child)
    this.#heldLines -= held.length
    for (const said of held) this.#act(child, said)
  }

  /** The first line of a task. False when it may be the child of several. */
  #begin(task: number): boolean {
    const parents = [...this.#forking].filter((parent) => this.#tasks.get(parent)?.pending?.child === 0)
    if (task === 0 || parents.length === 0) {
      this.#tasks.set(task, { pending: undefined, abi: this.#names.abi })
      return true
    }
    if (parents.length > 1) return false
    this.#child(task, parents[0]!)
    return true
  }

  #hold(task: number, said: StraceLine): void {
    const held = this.#held.get(task)
    if (held) held.push(said)
    else this.#held.set(task, [said])
    if (++this.#heldLines > HELD_MOST) this.#release()
  }

  /** Reads what was kept back: children of whoever is still in a clone, else of nobody. */
  #release(): void {
    for (const [task, held] of [...this.#held]) {
      if (!this.#held.delete(task)) continue
      this.#heldLines -= held.length
      const parent = [...this.#forking].filter((one) => this.#tasks.get(one)?.pending?.child === 0).at(-1)
      if (parent !== undefined) this.#child(task, parent)
      for (const said of held) this.#act(task, said)
    }
  }

  #attached(pid: number): void {
    // `strace -p`: the first process of the trace, not somebody's child.
    if (this.#tasks.size === 0 && this.#rootPid === undefined) this.#rootPid = pid
    else {
      this.#announces = true
      if (!this.#tasks.has(pid)) this.#announced.add(pid)
    }
  }

  #mode(pid: number, bits: string): void {
    const task = this.#taskOf(pid)
    if (!this.#tasks.has(task)) this.#begin(task)
    const state = this.#tasks.get(task)
    if (state)
      state.abi = bits === '32' ? 'i386' : bits === '64' && state.abi === 'i386' ? 'x86-64' : state.abi
  }

  /** Which task a line with this pid (0: none) is of. */
  #taskOf(pid: number, resumes = false): number {
    if (pid === 0) {
      // Without a pid strace speaks of the only process there is; the first one keeps the number 0.
      if (this.#tasks.size === 0 || this.#tasks.has(0)) return 0
      return [...this.#tasks.keys()].at(-1)!
    }
    if (pid === this.#rootPid && this.#tasks.has(0)) return 0
    if (this.#tasks.has(0) && this.#rootPid === undefined && !this.#tasks.has(pid) && !this.#held.has(pid)) {
      // A pid that no clone gave and strace did not announce, or that goes on with a call: the first process,
      // which went without a pid so far.
      const child = !resumes && (this.#announced.has(pid) || (!this.#announces && this.#forking.size > 0))
      if (!child) {
        this.#rootPid = pid
        return 0
      }
    }
    return pid
  }

  #ended(task: number): void {
    if (!this.#tasks.delete(task)) return
    this.#forking.delete(task)
    this.#sink.exit(task)
  }

  /** A thread's execve made it the leader: its call goes on under the leader's number. */
  #superseded(leader: number, by: number): void {
    const thread = this.#tasks.get(by)
    if (!thread || leader === by) return
    this.#ended(leader)
    this.#tasks.set(leader, thread)
    this.#sink.fork(leader, by)
    this.#tasks.delete(by)
    this.#sink.exit(by)
  }
}
