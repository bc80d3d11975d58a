import type { Abi } from '../types.ts'

/** How a recorded trace is written down. docs/reference/traces.md describes each. */
export type TraceFormat = 'strace' | 'pairs' | 'numbers' | 'names' | 'lymph' | 'sysdig'

export const TRACE_FORMATS: readonly TraceFormat[] = [
  'strace',
  'pairs',
  'numbers',
  'names',
  'lymph',
  'sysdig',
]

/** Formats whose calls carry the process they are of. */
export function hasPids(format: TraceFormat): boolean {
  return format !== 'numbers' && format !== 'names'
}

/**
 * Who is told what a trace says, in the trace's order. Tasks are pids, or 0 where the trace has none. A call is a
 * number of the reader's `CallNames`. After `exit` a task of the same number is another one.
 */
export interface TraceSink {
  call(task: number, call: number): void
  exec(task: number, binary: string): void
  fork(task: number, parent: number): void
  exit(task: number): void
  /** A task whose calls are not the reader's ABI's: they are counted here, and told nowhere else. */
  foreign?(task: number, abi: Abi): void
}

/** Reads one format, a piece at a time. Both throw TraceError with the line or byte where reading ended. */
export interface TraceParser {
  push(chunk: Uint8Array): void
  end(): void
}

/** A piece of hostile text as it may be shown: printable, at most 24 characters. */
export function shown(text: string): string {
  const plain = text.replace(/[^\x20-\x7e]/g, '?')
  return plain.length > 24 ? `${plain.slice(0, 24)}...` : plain
}
