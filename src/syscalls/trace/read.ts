import type { CallNames } from '../call-names.ts'
import { TraceError } from '../errors.ts'
import type { TraceEvent } from '../types.ts'
import { detectFormat, HEAD_BYTES } from './detect.ts'
import { NamesParser } from './names.ts'
import { NumbersParser, PairsParser } from './numbers.ts'
import { RecordedParser } from './recorded.ts'
import type { TraceFormat, TraceParser, TraceSink } from './sink.ts'
import { peek, type TraceSource } from './sources.ts'
import { StraceParser } from './strace.ts'
import { SysdigParser } from './sysdig.ts'

const parsers: Record<TraceFormat, new (names: CallNames, sink: TraceSink) => TraceParser> = {
  strace: StraceParser,
  pairs: PairsParser,
  numbers: NumbersParser,
  names: NamesParser,
  lymph: RecordedParser,
  sysdig: SysdigParser,
}

/** A parser that tells `sink` what is pushed into it; for traces that come as they are made. */
export function parserOf(format: TraceFormat, names: CallNames, sink: TraceSink): TraceParser {
  return new parsers[format](names, sink)
}

export interface ReadOptions {
  /** Not detected, but this. */
  format?: TraceFormat | undefined
  /** What the file before was: decides where a file could be of two formats. */
  before?: TraceFormat | undefined
}

/** Parses one trace piece by piece, naming its format after each; nothing for an empty file. */
async function* parsing(
  source: TraceSource,
  names: CallNames,
  sinkOf: (format: TraceFormat) => TraceSink,
  options: ReadOptions,
): AsyncGenerator<TraceFormat> {
  try {
    const { head, chunks } = await peek(source.chunks, source.file, HEAD_BYTES)
    const format = options.format ?? detectFormat(head, options.before)
    if (format === undefined) return
    const parser = parserOf(format, names, sinkOf(format))
    for await (const chunk of chunks) {
      parser.push(chunk)
      yield format
    }
    parser.end()
    yield format
  } catch (error) {
    if (error instanceof TraceError && !error.message.startsWith(source.file))
      throw new TraceError(`${source.file}: ${error.message}`)
    throw error
  }
}

/**
 * Reads one trace in memory that does not grow with its length. Gives back its format, undefined for an empty file.
 * Throws TraceError, its message beginning with the file; what was told before then was in the file.
 */
export async function readTrace(
  source: TraceSource,
  names: CallNames,
  sink: TraceSink | ((format: TraceFormat) => TraceSink),
  options: ReadOptions = {},
): Promise<TraceFormat | undefined> {
  let found: TraceFormat | undefined
  const sinkOf = typeof sink === 'function' ? sink : () => sink
  for await (const format of parsing(source, names, sinkOf, options)) found = format
  return found
}

/** What a trace says, as events. Slower than a sink; for readers that need not hurry. Throws as readTrace does. */
export async function* traceEvents(
  source: TraceSource,
  names: CallNames,
  options: ReadOptions = {},
): AsyncGenerator<TraceEvent> {
  const events: TraceEvent[] = []
  const sink: TraceSink = {
    call: (task, call) => events.push({ type: 'call', task, call }),
    exec: (task, binary) => events.push({ type: 'exec', task, binary }),
    fork: (task, parent) => events.push({ type: 'fork', task, parent }),
    exit: (task) => events.push({ type: 'exit', task }),
  }
  for await (const _ of parsing(source, names, () => sink, options)) yield* events.splice(0)
}
