/** `lymph trace score`: every trace against a profile, without learning and without limits. */
import { readFile } from 'node:fs/promises'
import type { Command } from 'commander'
import {
  decodeProfile,
  type EmptyRule,
  type Judgement,
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
import { judgementOf, namesOf, Oddest, type TraceJudgement, whyText } from './judge.ts'
import { binaryOption, emptyOption, windowOption } from './learn.ts'
import { TaskSink, type TaskWork } from './tasks.ts'
import { withUnits } from './units.ts'

interface ScoreOptions extends InputOptions {
  profile: string
  window?: number
  empty?: EmptyRule
  binary?: string
  judge?: boolean
}

/** What is printed of one trace; with --judge also its judgement. */
export interface TraceScore extends Partial<TraceJudgement> {
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
    .option(
      '--judge',
      'say how odd each is for this profile, and why; severities of incidents are findings too',
    )
    .argument('<file...>', 'traces: files, .gz, .tar.gz, folders, - for standard input')
    .action(async (files: string[], options: ScoreOptions, command: Command) => {
      const record = await readProfile(options)
      const judgement = options.judge ? judgementOf(record, options.profile) : undefined
      const scores = await score(files, record, { ...options, ...(judgement ? { judgement } : {}) })
      if (contextOf(command).json) {
        // In pieces: a million rows are more than one string should be.
        for (let i = 0; i < scores.length; i += 4096)
          print(...scores.slice(i, i + 4096).map((row) => JSON.stringify(row)))
      } else print(table(scores, options.judge ? judgedColumns : columns, 'no trace'))
      if (scores.some((row) => row.anomalous > 0 || row.severity === 'incident' || row.severity === 'severe'))
        process.exitCode = exitCodes.findings
    })
}

const counts = [
  { head: 'CALLS', right: true, cell: (row: TraceScore) => row.calls },
  { head: 'ANOMALOUS', right: true, cell: (row: TraceScore) => row.anomalous },
  { head: 'MAX LFC', right: true, cell: (row: TraceScore) => row.maxLfc },
]
const traceColumn = { head: 'TRACE', shrink: true, cell: (row: TraceScore) => row.trace }
const columns = [...counts, traceColumn]
const judgedColumns = [
  ...counts,
  { head: 'BITS', right: true, cell: (row: TraceScore) => row.bits?.toFixed(1) },
  { head: 'SEVERITY', cell: (row: TraceScore) => row.severity },
  traceColumn,
  { head: 'WHY', cell: (row: TraceScore) => whyText(row as TraceJudgement) },
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
  options: InputOptions & { binary?: string; judgement?: Judgement },
): Promise<TraceScore[]> {
  const { abi, window } = record.key
  const scores: TraceScore[] = []
  const scoring = new Scoring(tableInForce(record), { window, empty: record.empty }, scores)
  const { judgement } = options
  const nameOf = namesOf(record)
  let oddest = new Map<TraceScore, Oddest>()
  let told = 0
  const sink: TaskSink<unknown> = judgement
    ? new TaskSink(
        withUnits(scoring, (unit, { row }) => {
          const odd = oddest.get(row!) ?? new Oddest()
          oddest.set(row!, odd)
          odd.add(unit, judgement)
        }),
        options.binary,
      )
    : new TaskSink(scoring, options.binary)
  const names = new CallNames(abi, record.names, true)
  await eachTrace(files, options, names, sink, {
    begin: (trace) => scoring.open(trace),
    end: () => {
      sink.end()
      if (judgement === undefined) return
      for (; told < scores.length; told++) {
        const row = scores[told]!
        Object.assign(row, (oddest.get(row) ?? new Oddest()).told(judgement, nameOf))
      }
      oddest = new Map()
    },
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
