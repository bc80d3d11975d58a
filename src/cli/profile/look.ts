/** `profile print`, `sequences`, `diff`: views of profile files, whether the daemon has them or the disk. */
import { existsSync } from 'node:fs'
import { Command } from 'commander'
import {
  decodeProfile,
  diffProfiles,
  namesIn,
  type Pair,
  type ProfileRecord,
  printProfile,
  printSequences,
  stateName,
  tableFrom,
} from '#homeostasis'
import { type Context, contextOf, print, printJson } from '../context.ts'
import { CommandError, exitCodes, reasonOf } from '../errors.ts'
import { plain } from '../format.ts'
import { callNames, pairLines } from '../pairs.ts'
import { isProfileFile, profilesOf, readProfile } from '../saved.ts'
import type { ProfileLine } from '../shapes.ts'
import { type Choice, choose, choosing } from './select.ts'

const operand = "a binary's path or base name, or a profile file"

type Kind = 'train' | 'test'

export function lookCommands(): Command[] {
  return [
    choosing(new Command('print').argument('<binary>', operand))
      .description(
        'Every pair of a profile by name, as pH-print-profile did; a profile file needs no daemon.',
      )
      .action(async (name: string, options: Choice, command: Command) => {
        const context = contextOf(command)
        const record = await recordOf(context, name, options)
        if (context.json) printJson(asJson(record))
        else lines(printProfile(record, callNames(record.key.abi)))
      }),
    choosing(new Command('sequences').argument('<binary>', operand))
      .description('What may stand before each call, nearest first, as pH-print-sequences did.')
      .option('--test', 'of the table that is tested against, not of the one being learned')
      .action(async (name: string, options: Choice & { test?: boolean }, command: Command) => {
        const context = contextOf(command)
        const record = await recordOf(context, name, options)
        const kind: Kind = options.test ? 'test' : 'train'
        if (context.json) printJson({ ...headerOf(record), pairs: pairsOf(record, kind) })
        else lines(printSequences(record, callNames(record.key.abi), kind))
      }),
    choosing(
      new Command('diff')
        .argument('<first>', `${operand}; BINARY@HASH is the version of it whose SHA-256 begins so`)
        .argument('<second>', 'the same'),
    )
      .description('Which pairs only one of two profiles has. Exit code 1 when they differ.')
      .option('--test', 'compare the tables that are tested against, not those being learned')
      .action(
        async (first: string, second: string, options: Choice & { test?: boolean }, command: Command) => {
          const context = contextOf(command)
          const of = (name: string) => recordOf(context, ...versionOf(name, options))
          const records = [await of(first), await of(second)] as const
          process.exitCode = showDiff(context, [first, second], records, options.test ? 'test' : 'train')
        },
      ),
  ]
}

/** Two versions of one binary have one name: the hash tells them apart. */
function versionOf(name: string, choice: Choice): [string, Choice] {
  const [, binary, sha256] = /^(.+)@([0-9a-fA-F]{4,64})$/.exec(name) ?? []
  if (binary === undefined || sha256 === undefined || isProfileFile(name)) return [name, choice]
  return [binary, { ...choice, sha256 }]
}

function showDiff(
  { json }: Context,
  names: readonly [string, string],
  [a, b]: readonly [ProfileRecord, ProfileRecord],
  kind: Kind,
): number {
  for (const what of ['abi', 'window'] as const)
    if (a.key[what] !== b.key[what])
      throw new CommandError(
        `${names[0]} and ${names[1]} cannot be compared: one has ${what} ${a.key[what]}, the other ${b.key[what]}`,
      )
  const { onlyFirst, onlySecond, common, distance } = diffProfiles(a.tables, b.tables, kind)
  if (json) printJson({ first: headerOf(a), second: headerOf(b), common, distance, onlyFirst, onlySecond })
  else {
    print(`${common} pairs in common, distance ${distance.toFixed(3)}`)
    for (const [name, pairs] of [
      [names[0], onlyFirst],
      [names[1], onlySecond],
    ] as const)
      print(`only in ${plain(name)}: ${pairs.length}`, ...pairLines(pairs, a.key.abi))
  }
  return onlyFirst.length + onlySecond.length > 0 ? exitCodes.findings : exitCodes.ok
}

/**
 * The profile a name stands for: a profile file, what the daemon has, or, when no daemon runs, what was saved. A
 * binary is never taken for a profile: profile files begin with words of their own.
 */
async function recordOf(context: Context, name: string, choice: Choice): Promise<ProfileRecord> {
  if (isProfileFile(name)) return readProfile(name)
  const { profiles, saved } = await profilesOf(context)
  let profile: ProfileLine
  try {
    profile = choose(profiles, name, choice)
  } catch (error) {
    if (error instanceof CommandError && name.includes('/') && existsSync(name))
      throw new CommandError(`${error.message} (and the file itself is no lymph profile)`, error.exit)
    throw error
  }
  const { binary, abi, sha256, window } = profile
  if (saved) return readProfile(saved.fileOf(binary))
  const body = await context.api.getBytes('/profiles/body', {
    binary,
    abi,
    sha256: sha256 || undefined,
    window,
  })
  try {
    return decodeProfile(body)
  } catch (error) {
    throw new CommandError(`what the daemon sent for ${binary}: ${reasonOf(error)}`, exitCodes.degraded)
  }
}

function lines(text: Iterable<string>): void {
  for (const line of text) process.stdout.write(`${plain(line)}\n`)
}

function headerOf(record: ProfileRecord) {
  const { key, tables, frozen } = record
  return {
    ...key,
    state: stateName({ normal: tables.normal, frozen }),
    calls: tables.calls,
    anomalies: tables.anomalies,
  }
}

function pairsOf(record: ProfileRecord, kind: Kind): Pair[] {
  return [...tableFrom(record.tables.rows, kind).entries()]
}

function asJson(record: ProfileRecord) {
  const name = namesIn(record, callNames(record.key.abi))
  const train = pairsOf(record, 'train')
  const test = pairsOf(record, 'test')
  const numbers = new Set([...train, ...test].flatMap(({ current, previous }) => [current, previous]))
  return {
    ...headerOf(record),
    since: record.since,
    made: record.made,
    about: record.about,
    train,
    test,
    /** So that a program need not have our tables. */
    names: Object.fromEntries([...numbers].sort((a, b) => a - b).map((call) => [call, name(call)])),
  }
}
