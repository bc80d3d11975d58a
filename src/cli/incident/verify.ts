/** `lymph incident verify`: whether the journal is whole. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { Command } from 'commander'
import { type JournalFinding, type JournalHead, type Verified, verifyJournal } from '#incidents'
import { isAbsent } from '../api.ts'
import { type Context, contextOf, print, printJson } from '../context.ts'
import { CommandError, exitCodes } from '../errors.ts'
import { bytes, plain, plural } from '../format.ts'

function parseHead(text: string): JournalHead {
  const match = /^(\d{1,15}):([0-9a-f]{64})$/.exec(text)
  if (!match)
    throw new CommandError(`"${text}" is no head of a journal: write NUMBER:HASH, as --json shows it`)
  return { seq: Number(match[1]), hash: match[2] as string }
}

/** The daemon compares with the head it knows; without one only the files can be looked at. */
async function verified(
  context: Context,
  journal: string | undefined,
  head: JournalHead | undefined,
): Promise<Verified> {
  if (journal === undefined && head === undefined)
    try {
      return await context.api.get<Verified>('/journal/verify', {}, 300_000)
    } catch (error) {
      if (!isAbsent(error)) throw error
    }
  const folder = journal ?? join(context.state, 'journal')
  if (!existsSync(folder))
    throw new CommandError(
      `${folder}: there is no journal: name the state folder with --state, or a copy with --journal`,
    )
  return await verifyJournal(folder, head)
}

const where = ({ file, line }: JournalFinding): string =>
  file === '' ? '' : `${file}${line > 0 ? `:${line}` : ''}: `

export function verifyCommand(): Command {
  return new Command('verify')
    .description('Check the journal: finds a cut, an edit, a hole, another order, a cut end. Exit 1 if any.')
    .option('--journal <dir>', 'another journal, a copy for instance (default: that of this host)')
    .option('--head <number:hash>', 'the newest record as somebody else kept it: a cut end shows by it')
    .action(async (options: { journal?: string; head?: string }, command: Command) => {
      const context = contextOf(command)
      const head = options.head === undefined ? undefined : parseHead(options.head)
      const result = await verified(context, options.journal, head)
      const { findings, findingsCut, records, files, first, last, kept } = result
      if (context.json) printJson(result)
      else {
        for (const finding of findings) print(plain(`${finding.kind}: ${where(finding)}${finding.text}`))
        if (findingsCut > 0) print(`and ${findingsCut} more`)
        print(
          `${plural(records, 'record')} (${first} to ${last}) in ${plural(files, 'file')}, ${bytes(result.bytes)}: ${findings.length === 0 ? 'whole' : plural(findings.length + findingsCut, 'finding')}`,
          kept
            ? `head ${result.head.seq}:${result.head.hash}`
            : 'its end was compared with nothing: no daemon runs here; --head NUMBER:HASH compares it with what another host heard',
        )
      }
      if (findings.length > 0) process.exitCode = exitCodes.findings
    })
}
