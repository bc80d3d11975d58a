/** What the `trace` commands share: their options for reading, and the loop over files. */
import { type Command, Option } from 'commander'
import {
  ABIS,
  type Abi,
  type CallNames,
  hasPids,
  readTrace,
  TRACE_FORMATS,
  type TraceFormat,
  type TraceSink,
  type TraceSource,
  traceSources,
} from '#syscalls'
import { CommandError } from '../errors.ts'

export interface InputOptions {
  format?: TraceFormat
  abi?: Abi
  include?: string[]
  exclude?: string[]
}

const several = (value: string, before: string[] = []) => [...before, value]

/** Adds the options that say how files are read. */
export function reading(command: Command): Command {
  return command
    .addOption(
      new Option('--format <format>', 'format of the files (default: detected)').choices(TRACE_FORMATS),
    )
    .addOption(new Option('--abi <abi>', 'whose call numbers and names they are').choices(ABIS))
    .addOption(
      new Option('--include <glob>', 'in folders and archives only such paths; may be repeated').argParser(
        several,
      ),
    )
    .addOption(
      new Option('--exclude <glob>', 'in folders and archives not such paths; may be repeated').argParser(
        several,
      ),
    )
}

/** What a trace turned out to be. */
export interface Opened {
  source: TraceSource
  /** undefined: the file is empty. */
  format: TraceFormat | undefined
  /** The format has pids, so that one file can hold many traces. */
  pids: boolean
}

/**
 * Reads all traces under `paths`, one after the other. `begin` is told each one before its first call, or, when it is
 * empty, instead; `end` when it has been read whole.
 */
export async function eachTrace(
  paths: readonly string[],
  options: InputOptions,
  names: CallNames,
  sink: TraceSink,
  handlers: { begin: (trace: Opened) => void; end: (trace: Opened) => void },
): Promise<number> {
  let files = 0
  let passed = 0
  let before: TraceFormat | undefined
  const sources = traceSources(paths, {
    ...(options.include ? { include: options.include } : {}),
    ...(options.exclude ? { exclude: options.exclude } : {}),
    onPassed: () => passed++,
  })
  for await (const source of sources) {
    files++
    let trace: Opened | undefined
    const format = await readTrace(
      source,
      names,
      (found) => {
        trace = { source, format: found, pids: hasPids(found) }
        handlers.begin(trace)
        return sink
      },
      { format: options.format, before },
    )
    if (trace === undefined) {
      // An empty file is one process without calls, unless its neighbours have pids.
      trace = { source, format, pids: before !== undefined && hasPids(before) }
      handlers.begin(trace)
    }
    before = format ?? before
    handlers.end(trace)
  }
  if (passed > 0)
    note(`passed over ${passed} file(s) whose names say they are no traces (--include reads them)`)
  return files
}

/** A remark for people, apart from results. */
export function note(text: string): void {
  process.stderr.write(`lymph trace: ${text}\n`)
}

/** Says what a sink left out, and refuses when --binary fitted nothing. */
export function checkSeen(
  sink: { total: number; foreignCalls: ReadonlyMap<Abi, number>; binariesSeen: ReadonlySet<string> },
  abi: Abi,
  binary: string | undefined,
): void {
  for (const [foreign, calls] of sink.foreignCalls)
    note(
      `left out ${calls} call(s) of ${foreign} processes: these are ${abi} numbers (--abi ${foreign} is another profile)`,
    )
  if (binary === undefined || sink.total > 0 || sink.binariesSeen.has(binary)) return
  const seen = [...sink.binariesSeen].slice(0, 8).join(', ')
  throw new CommandError(
    `no process of these traces ran ${binary}: ${seen ? `they ran ${seen}` : 'they do not say what was run (only strace and lymph traces do)'}`,
  )
}
