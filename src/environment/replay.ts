/** Runs the model of one observable over rows of `timestamp,value`: each row is judged by those before it alone. */
import { EnvironmentError } from './errors.ts'
import { SlotClock } from './model/clock.ts'
import { THRESHOLD, VALUE_MOST } from './model/constants.ts'
import { ObservableModel } from './model/observable.ts'
import { className, shareOf, type Verdict } from './model/verdict.ts'

/** The score, 0..1, from which a row is an anomaly. */
export const REPLAY_THRESHOLD = shareOf(THRESHOLD, THRESHOLD)
/** Rows further back are not late, the file is not sorted: an hour that comes twice in autumn is 60 minutes. ms */
const LATE_MS = 2 * 3_600_000
const LINE_MOST = 4096

export interface ReplayOptions {
  /** How the input is called in errors. */
  file: string
  /** See SlotClock. */
  zone?: string
  /** Name of the observable in classes. */
  name?: string
}

export interface ReplayRow {
  line: number
  /** As they stand in the input. */
  timestamp: string
  value: string
  /** 0..1, monotone in the model's score; at or above REPLAY_THRESHOLD just where the model says anomalous. */
  score: number
  /** The strongest class; '' while the model does not know enough. */
  class: string
  verdict: Verdict
}

/**
 * @param lines of the input, without their ends; the first names the columns, of which `timestamp` and `value` are read
 * Throws EnvironmentError `input` with file and line at the first row that cannot be.
 */
export async function* replay(
  lines: AsyncIterable<string>,
  options: ReplayOptions,
): AsyncGenerator<ReplayRow> {
  const { file, name = 'value' } = options
  const model = new ObservableModel(new SlotClock(options.zone))
  let number = 0
  let columns: { timestamp: number; value: number; count: number } | undefined
  let rows = 0
  let last = Number.NEGATIVE_INFINITY
  let blank = 0
  for await (const raw of lines) {
    number++
    const refuse = (why: string) => new EnvironmentError('input', `${file}:${number}: ${why}`)
    if (raw.length > LINE_MOST)
      throw refuse(`a line of ${raw.length} characters: rows have a timestamp and a value`)
    const line = number === 1 ? raw.replace(/^\ufeff/, '').trim() : raw.trim()
    if (line === '') {
      blank ||= number
      continue
    }
    if (blank && columns) throw new EnvironmentError('input', `${file}:${blank}: an empty line between rows`)
    const fields = line.split(',').map((field) => field.trim())
    if (!columns) {
      columns = columnsOf(fields)
      if (!columns)
        throw refuse(`the first line must name the columns timestamp and value, not '${short(line)}'`)
      continue
    }
    if (fields.length !== columns.count)
      throw refuse(`'${short(line)}' has ${fields.length} fields where the first line has ${columns.count}`)
    const timestamp = fields[columns.timestamp]!
    const value = fields[columns.value]!
    const at = timeOf(timestamp)
    if (at === undefined)
      throw refuse(`'${short(timestamp)}' is no timestamp: 2014-04-01 00:05:00, or seconds since 1970`)
    if (!isNumber(value)) throw refuse(`'${short(value)}' is no number`)
    if (Math.abs(Number(value)) > VALUE_MOST)
      throw refuse(`${short(value)} is no measurement: up to 1e30 are`)
    if (at < last - LATE_MS)
      throw refuse(
        `${timestamp} is ${Math.round((last - at) / 60_000)} minutes before the row above: sort the rows by time`,
      )
    last = at
    rows++
    const verdict = model.step(at, Number(value))
    yield {
      line: number,
      timestamp,
      value,
      score: scoreOf(verdict),
      class: className(name, verdict),
      verdict,
    }
  }
  if (!columns)
    throw new EnvironmentError('input', `${file}: it is empty: the first line names timestamp and value`)
  if (rows === 0) throw new EnvironmentError('input', `${file}: it has no row below its first line`)
}

/** The row as `env replay` prints it. */
export function csvRow({ timestamp, value, score, class: name }: ReplayRow): string {
  return `${timestamp},${value},${score},${name}`
}

export const csvHead = 'timestamp,value,anomaly_score,class'

/** Six decimals, rounded away from the threshold, so that whoever compares with it sees the model's own verdict. */
function scoreOf({ score, anomalous }: Verdict): number {
  const share = shareOf(score, THRESHOLD)
  if (anomalous) return Math.max(REPLAY_THRESHOLD, Math.ceil(share * 1e6) / 1e6)
  return Math.min(REPLAY_THRESHOLD - 1e-6, Math.floor(share * 1e6) / 1e6)
}

function columnsOf(
  fields: readonly string[],
): { timestamp: number; value: number; count: number } | undefined {
  const names = fields.map((field) => field.toLowerCase())
  const timestamp = names.indexOf('timestamp')
  const value = names.indexOf('value')
  return timestamp < 0 || value < 0 ? undefined : { timestamp, value, count: fields.length }
}

const isNumber = (text: string) =>
  /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) && Number.isFinite(Number(text))

const stamp = /^(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?)(Z|[+-]\d\d:?\d\d)?$/

/** ms since the epoch. What names no zone is UTC; a bare number is seconds, or ms where seconds would be beyond 5138. */
function timeOf(text: string): number | undefined {
  if (/^\d{1,15}(\.\d+)?$/.test(text)) {
    const number = Number(text)
    return number < 1e11 ? number * 1000 : number
  }
  const parts = stamp.exec(text)
  if (!parts) return undefined
  const [, day, time, zone = 'Z'] = parts
  const at = Date.parse(
    `${day}T${time!.length === 5 ? `${time}:00` : time}${zone.replace(/^([+-]\d\d)(\d\d)$/, '$1:$2')}`,
  )
  if (Number.isNaN(at)) return undefined
  // 31 April is not 1 May.
  return new Date(`${day}T00:00:00Z`).toISOString().startsWith(day!) ? at : undefined
}

const short = (text: string) => (text.length > 60 ? `${text.slice(0, 57)}...` : text)
