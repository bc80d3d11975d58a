/** The application binary interfaces whose system-call tables lymph ships. Numbers of different ABIs are unrelated. */
export type Abi = 'x86-64' | 'i386' | 'arm64'

/**
 * One thing a recorded trace says. `call` is a number of the trace's ABI, or a number of 512 and up for a name that
 * no table knows (see `TraceReader.names`).
 */
export type TraceEvent =
  | { type: 'call'; task: number; call: number }
  /** The task became another program: a new window begins. `binary` is what the trace says was started. */
  | { type: 'exec'; task: number; binary: string }
  /** `task` was made by `parent`, with a copy of its window. */
  | { type: 'fork'; task: number; parent: number }
  | { type: 'exit'; task: number }
