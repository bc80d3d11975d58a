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
  try {
    const { head, chunks } = await peek(source.chunks, source.file, HEAD_BYTES)
    const format = options.format ?? detectFormat(head, options.before)
    if (format === undefined) return undefined
    const parser = parserOf(format, names, typeof sink === 'function' ? sink(format) : sink)
    for await (const chunk of chunks) parser.push(chunk)
    parser.end()
    return format
  } catch (error) {
    if (error instanceof TraceError && !error.message.startsWith(source.file))
      throw new TraceError(`${source.file}: ${error.message}`)
    throw error
  }
}

/** What a trace says, as events. Slower than a sink; for readers that need not hurry. */
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
  try {
    const { head, chunks } = await peek(source.chunks, source.file, HEAD_BYTES)
    const format = options.format ?? detectFormat(head, options.before)
    if (format === undefined) return
    const parser = parserOf(format, names, sink)
    for await (const chunk of chunks) {
      parser.push(chunk)
      yield* events.splice(0)
    }
    parser.end()
    yield* events.splice(0)
  } catch (error) {
    if (error instanceof TraceError && !error.message.startsWith(source.file))
      throw new TraceError(`${source.file}: ${error.message}`)
    throw error
  }
}
