/** `lymph evidence`: what was collected of offending processes. Works without the daemon; evidence is root's. */
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { Command, InvalidArgumentError } from 'commander'
import {
  agentFolder,
  collectEvidence,
  evidenceTools,
  leasesFolder,
  listEvidence,
  type Manifest,
  neverList,
  RunLeases,
  readManifest,
  verifyEvidence,
} from '#agent'
import { isAbsent } from './api.ts'
import { type Context, contextOf, print, printJson } from './context.ts'
import { parseDuration } from './duration.ts'
import { CommandError, exitCodes } from './errors.ts'
import { bytes, moment, plain } from './format.ts'
import { type Column, facts, table } from './table.ts'

const folderOf = ({ state }: Context): string => join(state, 'evidence')

export function evidenceCommand(): Command {
  const evidence = new Command('evidence').description(
    'Evidence of offending processes: what strace, gcore, tcpdump, suricata or snort told, with hashes.',
  )
  evidence
    .command('list')
    .description('What was collected, newest first.')
    .action((_options: object, command: Command) => {
      const context = contextOf(command)
      const { manifests, broken } = readable(() => listEvidence(folderOf(context)))
      if (context.json) printJson(manifests)
      else print(table(manifests, columns, 'no evidence'))
      for (const name of broken)
        process.stderr.write(
          `note: ${plain(name)} is not whole: its collection was cut short, or its manifest was changed\n`,
        )
    })
  evidence
    .command('show')
    .description('One collection: its files, and whether they are as they were collected. Exit 1 where not.')
    .argument('<id>', 'as `lymph evidence list` shows it')
    .action((id: string, _options: object, command: Command) => {
      const context = contextOf(command)
      const { manifest, sha256 } = readable(() => readManifest(folderOf(context), id))
      const problems = verifyEvidence(folderOf(context), manifest)
      if (context.json) printJson({ ...manifest, manifest: sha256, problems })
      else print(...story(manifest, sha256), ...problems.map((problem) => plain(`! ${problem}`)))
      if (problems.length > 0) process.exitCode = exitCodes.findings
    })
  evidence
    .command('collect')
    .description('Collect evidence of a process now. Needs root; gcore stops the process while it writes.')
    .argument('<pid>', 'of the process', numberOf)
    .option('--tool <name...>', `of ${evidenceTools.map(({ name }) => name).join(', ')}`, ['strace'])
    .option('--for <duration>', 'how long tools run that do not end by themselves', '10s')
    .option('--size <bytes>', 'of one tool at most; more is cut, and said', numberOf, 64 * 1024 * 1024)
    .option('--incident <id>', 'the incident it is for')
    .action(async (pid: number, options: CollectOptions, command: Command) => {
      const context = contextOf(command)
      if (process.getuid?.() !== 0)
        throw new CommandError(
          'evidence of a process is collected by root alone: run it with sudo',
          exitCodes.usage,
        )
      const manifest = await collect(context, pid, options)
      if (context.json) printJson(manifest)
      else print(...story(manifest, readManifest(folderOf(context), manifest.id).sha256))
    })
  return evidence
}

interface CollectOptions {
  tool: string[]
  for: string
  size: number
  incident?: string
}

async function collect(context: Context, pid: number, options: CollectOptions): Promise<Manifest> {
  const stop = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort())
  const never = neverList({ list: [], own: [] })
  const manifest = await collectEvidence({
    ...{ folder: folderOf(context), pid, tools: options.tool, incident: options.incident ?? '' },
    limits: { timeMs: parseDuration(options.for), bytes: options.size },
    ...{ now: Date.now, random: () => randomBytes(2).toString('hex'), signal: stop.signal },
    never: (process) => never.why(process),
    leases: new RunLeases(leasesFolder(agentFolder(context.state))),
  })
  const { sha256 } = readManifest(folderOf(context), manifest.id)
  const cut = manifest.tools.some((one) => one.cut !== '')
  const about = options.incident ? { incident: options.incident } : {}
  const record = { kind: 'evidence', id: manifest.id, manifest: sha256, cut, ...about }
  await context.api.post('/journal', { records: [record] }).catch((error) => {
    const why = isAbsent(error) ? 'no daemon runs' : (error as Error).message
    process.stderr.write(`note: the journal does not tell of it: ${plain(why)}\n`)
  })
  return manifest
}

function numberOf(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new InvalidArgumentError('a whole number is wanted.')
  return Number(text)
}

/** Evidence is root's: whoever is not gets a sentence. */
function readable<T>(read: () => T): T {
  try {
    return read()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EACCES')
      throw new CommandError('evidence is readable by root alone: run it with sudo')
    throw error
  }
}

const sizeOf = ({ tools }: Manifest): number =>
  tools.flatMap(({ files }) => files).reduce((sum, file) => sum + file.bytes, 0)

const columns: Column<Manifest>[] = [
  { head: 'ID', cell: (m) => m.id },
  { head: 'WHEN', cell: (m) => moment(m.began) },
  { head: 'TOOLS', cell: (m) => m.tools.map(({ tool }) => tool).join(' ') },
  { head: 'SIZE', cell: (m) => bytes(sizeOf(m)), right: true },
  { head: 'CUT', cell: (m) => (m.tools.some(({ cut }) => cut !== '') ? 'yes' : 'no') },
  { head: 'INCIDENT', cell: (m) => m.incident || '-' },
  { head: 'PID', cell: (m) => m.offender.pid, right: true },
  { head: 'BINARY', cell: (m) => m.offender.binary, shrink: true },
]

function story({ id, incident, offender, began, ended, tools, missing }: Manifest, sha256: string): string[] {
  return [
    facts([
      ['id', id],
      ['incident', incident || '-'],
      ['process', `${offender.pid} ${offender.binary}`],
      ['command', offender.command.join(' ')],
      ['collected', `${moment(began)} to ${moment(ended)}`],
      ['manifest', sha256],
    ]),
    ...tools.flatMap((one) => [
      '',
      plain(`${one.tool} (${one.toolVersion || one.program}): ${one.end}`),
      ...(one.cut === '' ? [] : [plain(`  CUT: ${one.cut}`)]),
      ...one.files.map((file) =>
        plain(`  ${file.sha256.slice(0, 12)}  ${bytes(file.bytes).padStart(10)}  ${file.name}`),
      ),
    ]),
    ...missing.map((name) => plain(`${name}: not installed`)),
  ]
}
