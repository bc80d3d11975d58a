/** `lymph trace score`: every trace against a profile, without learning and without limits. */
import { readFile } from 'node:fs/promises'
import type { Command } from 'commander'
import {
  decodeProfile,
  type EmptyRule,
  type PairTable,
  ProfileFileError,
  type ProfileRecord,
  ScoreTask,
  scoreCalls,
  tableInForce,
} from '#homeostasis'
import { CallNames } from '#syscalls'
import { contextOf, print } from '../context.ts'
import { CommandError, exitCodes } from '../errors.ts'
import { table } from '../table.ts'
import { checkSeen, eachTrace, type InputOptions, type Opened, reading } from './input.ts'
import { binaryOption, emptyOption, windowOption } from './learn.ts'
import { TaskSink, type TaskWork } from './tasks.ts'

interface ScoreOptions extends InputOptions {
  profile: string
  window?: number
  empty?: EmptyRule
  binary?: string
}

/** What is printed of one trace. */
export interface TraceScore {
  trace: string
  calls: number
  anomalous: number
  maxLfc: number
  /** Where it lies; the path in an archive follows the archive's. */
  file: string
  pid?: number
}

/** Rows are printed only once all is read, so that a bad file leaves no half of a result. */
const ROWS_MOST = 1_000_000

export function scoreCommand(parent: Command): void {
  reading(parent.command('score'))
    .description(
      'Score traces against a profile: calls, anomalous calls, largest LFC. Exit 1 when any is anomalous.',
    )
    .requiredOption('--profile <file>', 'what is normal')
    .addOption(windowOption())
    .addOption(emptyOption())
    .addOption(binaryOption())
    .argument('<file...>', 'traces: files, .gz, .tar.gz, folders, - for standard input')
    .action(async (files: string[], options: ScoreOptions, command: Command) => {
      const record = await readProfile(options)
      const scores = await score(files, record, options)
      if (contextOf(command).json) {
        // In pieces: a million rows are more than one string should be.
        for (let i = 0; i < scores.length; i += 4096)
          print(...scores.slice(i, i + 4096).map((row) => JSON.stringify(row)))
      } else print(table(scores, columns, 'no trace'))
      if (scores.some((row) => row.anomalous > 0)) process.exitCode = exitCodes.findings
    })
}

const columns = [
  { head: 'CALLS', right: true, cell: (row: TraceScore) => row.calls },
  { head: 'ANOMALOUS', right: true, cell: (row: TraceScore) => row.anomalous },
  { head: 'MAX LFC', right: true, cell: (row: TraceScore) => row.maxLfc },
  { head: 'TRACE', shrink: true, cell: (row: TraceScore) => row.trace },
]

/** The profile, if it was learned as it is to be used. */
async function readProfile(options: ScoreOptions): Promise<ProfileRecord> {
  const { profile, window, abi, empty } = options
  const file = await readFile(profile)
  let record: ProfileRecord
  try {
    record = decodeProfile(file, {
      ...(window === undefined ? {} : { window }),
      ...(abi === undefined ? {} : { abi }),
    })
  } catch (error) {
    if (error instanceof ProfileFileError) throw new CommandError(`${profile}: ${error.withAdvice}`)
    throw error
  }
  if (empty !== undefined && empty !== record.empty)
    throw new CommandError(
      `${profile}: it was learned with --empty ${record.empty}, and ${empty} is wanted: learn it anew, or leave --empty out`,
    )
  return record
}

/** Scores all traces under `files`, in their order; within one by the first call of each process. */
export async function score(
  files: readonly string[],
  record: ProfileRecord,
  options: InputOptions & { binary?: string },
): Promise<TraceScore[]> {
  const { abi, window } = record.key
  const scores: TraceScore[] = []
  const scoring = new Scoring(tableInForce(record), { window, empty: record.empty }, scores)
  const sink = new TaskSink(scoring, options.binary)
  const names = new CallNames(abi, record.names, true)
  await eachTrace(files, options, names, sink, {
    begin: (trace) => scoring.open(trace),
    end: () => sink.end(),
  })
  checkSeen(sink, abi, options.binary)
  return scores
}

interface Scored {
  task: ScoreTask
  number: number
  /** Made at the first call: a process that makes none (or none under --binary) is no trace. */
  row: TraceScore | undefined
}

export class Scoring implements TaskWork<Scored> {
  readonly #table: PairTable
  readonly #options: { window: number; empty: EmptyRule }
  readonly #scores: TraceScore[]
  #trace: Opened | undefined
  /** How many processes of one pid the trace has had. */
  #lives = new Map<number, number>()

  constructor(known: PairTable, options: { window: number; empty: EmptyRule }, scores: TraceScore[]) {
    this.#table = known
    this.#options = options
    this.#scores = scores
  }

  open(trace: Opened): void {
    this.#trace = trace
    this.#lives = new Map()
    // Where a file is one process it is a trace even when it is empty.
    if (!trace.pids) this.#addRow(0)
  }

  begin(number: number): Scored {
    const row = this.#trace!.pids ? undefined : this.#scores.at(-1)
    return { task: new ScoreTask(), number, row }
  }

  fork(parent: Scored, number: number): Scored {
    return { task: parent.task.fork(), number, row: undefined }
  }

  exec(scored: Scored): void {
    this.#addUp(scored)
    scored.task = new ScoreTask()
  }

  calls(scored: Scored, calls: Uint16Array, count: number): void {
    scored.row ??= this.#addRow(scored.number)
    scoreCalls(this.#table, scored.task, calls, this.#options, undefined, 0, count)
  }

  end(scored: Scored): void {
    this.#addUp(scored)
  }

  /** A process that changes its program is one trace: counts add up, the largest LFC is the largest of any. */
  #addUp({ task, row }: Scored): void {
    if (row === undefined) return
    row.calls += task.calls
    row.anomalous += task.anomalous
    row.maxLfc = Math.max(row.maxLfc, task.maxLfc)
  }

  #addRow(number: number): TraceScore {
    const { source, pids } = this.#trace!
    if (this.#scores.length === ROWS_MOST)
      throw new CommandError(`more than ${ROWS_MOST} traces at once: give fewer files`)
    const lives = (this.#lives.get(number) ?? 0) + 1
    this.#lives.set(number, lives)
    // Pid 0 is a trace of strace's without pids.
    const pid = pids && (number !== 0 || this.#trace!.format !== 'strace') ? number : undefined
    const again = lives > 1 ? `.${lives}` : ''
    const row: TraceScore = {
      trace: `${source.name}${pid === undefined ? again : `#${pid}${again}`}`,
      calls: 0,
      anomalous: 0,
      maxLfc: 0,
      file: source.file,
      ...(pid === undefined ? {} : { pid }),
    }
    this.#scores.push(row)
    return row
  }
}
