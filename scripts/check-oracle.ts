/**
 * Checks `lymph trace` against a table of expected numbers: learns a profile from the training files, scores the test
 * files, both by the real command line, and compares every line of the table.
 *
 *     node scripts/check-oracle.ts ORACLE.csv --train FILE ... --test FILE ... [--window 6 --window 9] [--empty skip]
 *
 * The table has columns `group`, `trace` and `calls`, and for each window W `laW_anomalous_calls` and
 * `laW_max_lfc128`. A trace of the table and one of lymph's are the same when the path (and `#pid`) of lymph's ends in
 * the table's; where several do, the one that lies in a folder called as the group is. Prints for each window
 * `traces N, differing 0`; exit 1 when any differs or is missing.
 */
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

interface Expected {
  group: string
  trace: string
  calls: number
  anomalous: number
  maxLfc: number
}

interface Scored {
  trace: string
  calls: number
  anomalous: number
  maxLfc: number
  file: string
  pid?: number
}

export interface OracleResult {
  window: number
  traces: number
  /** One line for each trace that differs or is missing. */
  differing: string[]
  /** Traces scored that the table does not speak of. */
  beside: number
}

const main = fileURLToPath(new URL('../src/cli/main.ts', import.meta.url))

/** Runs lymph; anything but exit 0 or 1 (findings) is an error. */
async function lymph(args: string[]): Promise<string> {
  return await new Promise((resolve, reject) => {
    execFile(process.execPath, [main, ...args], { maxBuffer: 1 << 30 }, (error, stdout, stderr) => {
      if (error && error.code !== 1) reject(new Error(stderr.trim() || error.message))
      else resolve(stdout)
    })
  })
}

/** The lines of a table for one window. */
function expectedIn(csv: string, window: number): Expected[] {
  const [head = '', ...lines] = csv.split(/\r?\n/).filter((line) => line.trim() !== '')
  const columns = head.split(',')
  const place = (name: string) => {
    const at = columns.indexOf(name)
    if (at < 0) throw new Error(`the table has no column ${name}: its columns are ${head}`)
    return at
  }
  const at = ['group', 'trace', 'calls', `la${window}_anomalous_calls`, `la${window}_max_lfc128`].map(place)
  return lines.map((line) => {
    const cells = line.split(',')
    const [group, trace, calls, anomalous, maxLfc] = at.map((column) => cells[column]!) as [
      string,
      string,
      string,
      string,
      string,
    ]
    return { group, trace, calls: Number(calls), anomalous: Number(anomalous), maxLfc: Number(maxLfc) }
  })
}

function compare(expected: Expected[], scored: Scored[]): { differing: string[]; matched: number } {
  const full = (row: Scored) => `/${row.file}${row.pid === undefined ? '' : `#${row.pid}`}`
  const byName = Map.groupBy(scored, (row) => basename(full(row)))
  const differing: string[] = []
  const matched = new Set<Scored>()
  for (const line of expected) {
    const all = (byName.get(basename(line.trace)) ?? []).filter((row) => full(row).endsWith(`/${line.trace}`))
    const row = all.length > 1 ? all.find((one) => full(one).includes(`/${line.group}`)) : all[0]
    if (row === undefined) {
      differing.push(
        `${line.group} ${line.trace}: ${all.length === 0 ? 'was not scored' : 'cannot be told apart'}`,
      )
      continue
    }
    matched.add(row)
    const same = (['calls', 'anomalous', 'maxLfc'] as const).every((field) => row[field] === line[field])
    if (!same)
      differing.push(
        `${line.group} ${line.trace}: expected ${line.calls} ${line.anomalous} ${line.maxLfc}, got ${row.calls} ${row.anomalous} ${row.maxLfc}`,
      )
  }
  return { differing, matched: matched.size }
}

/** Learns, scores and compares for one window. Throws when lymph refuses a file. */
export async function checkOracle(
  oracle: string,
  train: string[],
  test: string[],
  window: number,
  options: string[] = [],
): Promise<OracleResult> {
  const folder = await mkdtemp(join(tmpdir(), 'lymph-oracle-'))
  try {
    const profile = join(folder, 'profile')
    const empty = options.includes('--empty') ? [] : ['--empty', 'skip']
    await lymph(['trace', 'learn', '--window', String(window), ...empty, ...options, '-o', profile, ...train])
    const printed = await lymph([
      'trace',
      'score',
      '--profile',
      profile,
      ...empty,
      ...options,
      '--json',
      ...test,
    ])
    const scored = printed
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as Scored)
    const expected = expectedIn(await readFile(oracle, 'utf8'), window)
    const { differing, matched } = compare(expected, scored)
    return { window, traces: expected.length, differing, beside: scored.length - matched }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** `--train a b --test c` -> the values of each, in order: parseArgs alone takes one value an option. */
function lists(argv: string[]): { train: string[]; test: string[]; rest: string[] } {
  const found = { train: [] as string[], test: [] as string[], rest: [] as string[] }
  let into: string[] = found.rest
  for (const word of argv) {
    if (word === '--train') into = found.train
    else if (word === '--test') into = found.test
    else {
      if (word.startsWith('--')) into = found.rest
      into.push(word)
    }
  }
  return found
}

if (import.meta.main) {
  const { train, test, rest } = lists(process.argv.slice(2))
  const { values, positionals } = parseArgs({
    args: rest,
    allowPositionals: true,
    options: {
      window: { type: 'string', multiple: true, default: ['6', '9'] },
      empty: { type: 'string', default: 'skip' },
      format: { type: 'string' },
      abi: { type: 'string' },
    },
  })
  const [oracle] = positionals
  if (oracle === undefined || train.length === 0 || test.length === 0) {
    console.error(
      'usage: node scripts/check-oracle.ts ORACLE.csv --train FILE ... --test FILE ... [--window W] ...',
    )
    process.exit(2)
  }
  const options = (['empty', 'format', 'abi'] as const).flatMap((name) => {
    const value = values[name]
    return value === undefined ? [] : [`--${name}`, value]
  })
  for (const window of values.window) {
    const result = await checkOracle(oracle, train, test, Number(window), options)
    for (const line of result.differing.slice(0, 20)) console.log(`  ${line}`)
    console.log(
      `window ${window}: traces ${result.traces}, differing ${result.differing.length} (scored beside these: ${result.beside})`,
    )
    if (result.differing.length > 0) process.exitCode = 1
  }
}
