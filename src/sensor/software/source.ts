import type { Abi, TraceEvent } from '#syscalls'
import type { Executable, FileIdentity } from '../interface.ts'

/** What a task became at an exec. Without `file`, `unidentified` says why its content is not known. */
export interface Program {
  executable: Executable
  file?: FileIdentity
  unidentified?: string
}

/** Where the software sensor's calls come from, in order. */
export interface CallSource {
  readonly kind: 'ptrace' | 'trace'
  /** Whose numbers the calls are. */
  readonly abi: Abi
  /** Names of numbers 512 and up, as they are met. */
  readonly names: ReadonlyMap<number, string>
  /** Calls of another ABI than `abi`, which make no events. */
  readonly foreignCalls: number
  /** Resolves once calls will come. Throws SoftwareSensorError. */
  open(): Promise<void>
  /** Ends when there are no more calls. The next batch is asked for only when the last one is done with. */
  events(): AsyncIterable<readonly TraceEvent[]>
  /** What `binary`, as the exec of `task` names it, is. */
  program(task: number, binary: string): Promise<Program>
  /** Stops watching; what is being watched runs on. */
  close(): Promise<void>
}
