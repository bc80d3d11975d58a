/** `lymph env replay`: the week model over recorded rows. Works without the daemon. */
import { once } from 'node:events'
import { createReadStream } from 'node:fs'
import { type Command, Option } from 'commander'
import { classNames, csvHead, csvRow, howSure, REPLAY_THRESHOLD, type ReplayRow, replay } from '#environment'
import { contextOf, print, printJson } from '../context.ts'
import { CommandError } from '../errors.ts'
import { plain } from '../format.ts'

/** Rows that were neither judged nor learned are named so often, then counted. */
const NOTES_MOST = 10
const BATCH = 64 * 1024
/** A line is refused at 4,096 characters; no more than this is ever held of one. */
const PENDING_MOST = 8192

interface Options {
  threshold?: boolean
  zone: string
  name: string
}

export function replayCommand(parent: Command): void {
  parent
    .command('replay')
    .description('Judge each row of a CSV file by the rows before it, as the host judges itself.')
    .argument('[file]', 'a CSV file with the columns timestamp and value; - is standard input')
    .option('--threshold', 'print the one score, 0..1, from which a row is an anomaly, and end')
    .addOption(
      new Option('--zone <zone>', 'whose days and weeks: UTC, local or a name such as Europe/Oslo').default(
        'UTC',
      ),
    )
    .addOption(new Option('--name <name>', 'what the observable is called in classes').default('value'))
    .addHelpText(
      'after',
      `
Prints timestamp,value,anomaly_score,class; the score is 0..1, ${REPLAY_THRESHOLD} and above just where a class _anomalous is.
Rows may come at any interval, best every 5 minutes. A timestamp that names no zone is UTC. A row that goes back in
time by up to two hours, and what follows a leap of days, is noted on standard error, scored 0 and not learned from.`,
    )
    .action(async (file: string | undefined, options: Options, command: Command) => {
      const { json } = contextOf(command)
      if (options.threshold) {
        if (json) printJson({ threshold: REPLAY_THRESHOLD })
        else print(String(REPLAY_THRESHOLD))
        return
      }
      if (file === undefined)
        throw new CommandError('no file: give a CSV file with timestamp and value, or -')
      const called = file === '-' ? 'standard input' : file
      const input = file === '-' ? process.stdin : createReadStream(file)
      const rows = replay(linesOf(input), { file: called, zone: options.zone, name: options.name })
      await write(json ? asJson(rows, options.name, called) : asCsv(rows, called))
    })
}

async function* asCsv(rows: AsyncIterable<ReplayRow>, file: string): AsyncGenerator<string> {
  yield `${csvHead}\n`
  for await (const row of noted(rows, file)) yield `${csvRow(row)}\n`
}

async function* asJson(rows: AsyncIterable<ReplayRow>, name: string, file: string): AsyncGenerator<string> {
  let before = '[\n'
  for await (const row of noted(rows, file)) {
    const { verdict } = row
    const { expected, residual, sigma, surprises, score, acceptedLevel, precedent, goesLike, skipped } =
      verdict
    const said = {
      timestamp: row.timestamp,
      value: verdict.value,
      anomaly_score: row.score,
      class: row.class,
      classes: classNames(name, verdict),
      expected,
      residual,
      sigma,
      surprises,
      surprise: score,
      precedent,
      acceptedLevel,
      goesLike,
      sure: howSure(verdict.sure),
      skipped,
    }
    yield `${before}${JSON.stringify(said)}`
    before = ',\n'
  }
  yield '\n]\n'
}

/** Passes rows on, and tells on standard error of those that were left out. */
async function* noted(rows: AsyncIterable<ReplayRow>, file: string): AsyncGenerator<ReplayRow> {
  let skipped = 0
  for await (const row of rows) {
    if (row.verdict.skipped !== undefined && ++skipped <= NOTES_MOST)
      process.stderr.write(`note: ${plain(file)}:${row.line}: ${row.verdict.skipped}\n`)
    yield row
  }
  if (skipped > NOTES_MOST)
    process.stderr.write(`note: ${plain(file)}: ${skipped} rows in all were left out so\n`)
}

/** Lines of a stream, which may end in CR LF; a line too long comes cut, long enough to be refused. */
async function* linesOf(input: AsyncIterable<Uint8Array | string>): AsyncGenerator<string> {
  const decoder = new TextDecoder()
  let pending = ''
  for await (const chunk of input) {
    pending += typeof chunk === 'string' ? chunk : decoder.decode(chunk, { stream: true })
    const lines = pending.split('\n')
    pending = lines.pop()!
    yield* lines
    if (pending.length > PENDING_MOST) break
  }
  pending += decoder.decode()
  if (pending !== '') yield pending
}

async function write(pieces: AsyncIterable<string>): Promise<void> {
  let batch = ''
  const flush = async () => {
    const full = batch !== '' && !process.stdout.write(batch)
    batch = ''
    if (full) await once(process.stdout, 'drain')
  }
  try {
    for await (const piece of pieces) {
      batch += piece
      if (batch.length > BATCH) await flush()
    }
  } finally {
    await flush()
  }
}
