/** `lymph incident verify`: whether the journal is whole. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { Command } from 'commander'
import { type JournalFinding, type JournalHead, type Verified, verifyJournal } from '#incidents'
import { isAbsent } from '../api.ts'
import { type Context, contextOf, print, printJson } from '../context.ts'
import { CommandError, exitCodes } from '../errors.ts'
import { bytes, moment, plain, plural } from '../format.ts'

function parseHead(text: string): JournalHead {
  const match = /^(\d{1,15}):([0-9a-f]{64})$/.exec(text)
  if (!match)
    throw new CommandError(`"${text}" is no head of a journal: write NUMBER:HASH, as --json shows it`)
  return { seq: Number(match[1]), hash: match[2] as string }
}

/** Whose head the end was compared with. */
interface Compared extends Verified {
  headFrom: 'daemon' | 'argument' | 'file' | 'none'
  /** Of `file`: when it was written, ms since the epoch. */
  headAt?: number
}

/** The daemon compares with the head it knows; without one there is the file that it left. */
async function verified(
  context: Context,
  journal: string | undefined,
  head: JournalHead | undefined,
): Promise<Compared> {
  if (journal === undefined && head === undefined)
    try {
      return { ...(await context.api.get<Verified>('/journal/verify', {}, 300_000)), headFrom: 'daemon' }
    } catch (error) {
      if (!isAbsent(error)) throw error
    }
  const folder = journal ?? join(context.state, 'journal')
  if (!existsSync(folder))
    throw new CommandError(
      `${folder}: there is no journal: name the state folder with --state, or a copy with --journal`,
    )
  if (head) return { ...(await verifyJournal(folder, head)), headFrom: 'argument' }
  const { readHead } = await import('#daemon/journal-head')
  // Of this host's own journal, not of a copy.
  const written = journal === undefined ? readHead(context.state) : undefined
  const result = await verifyJournal(folder, written)
  return written ? { ...result, headFrom: 'file', headAt: written.at } : { ...result, headFrom: 'none' }
}

const byHead = 'lymph incident verify --head NUMBER:HASH compares it with what another host heard'

function endText({ headFrom, headAt = 0, head, kept }: Compared): string {
  if (headFrom === 'daemon' || headFrom === 'argument') return `head ${head.seq}:${head.hash}`
  return headFrom === 'file'
    ? `no daemon runs here: its end was compared with the head that the daemon left in its state folder (${kept?.seq}, ${moment(headAt)}). A lost or cut end shows by it; whoever can write the whole state folder can forge both: ${byHead}`
    : `its end was compared with nothing: ${byHead}`
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
      const { findings, findingsCut, records, files, first, last } = result
      if (context.json) printJson(result)
      else {
        for (const finding of findings) print(plain(`${finding.kind}: ${where(finding)}${finding.text}`))
        if (findingsCut > 0) print(`and ${findingsCut} more`)
        print(
          `${plural(records, 'record')} (${first} to ${last}) in ${plural(files, 'file')}, ${bytes(result.bytes)}: ${findings.length === 0 ? 'whole' : plural(findings.length + findingsCut, 'finding')}`,
          plain(endText(result)),
        )
      }
      if (findings.length > 0) process.exitCode = exitCodes.findings
    })
}
