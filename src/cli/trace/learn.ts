/** `lymph trace learn`: a profile out of recorded traces, by the same core that learns live. */
import { open, rename, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { type Command, Option } from 'commander'
import {
  DEFAULT_SETTINGS,
  type EmptyRule,
  encodeProfile,
  Judgement,
  judgementBody,
  learnCalls,
  measureUnit,
  type PairSupport,
  Profile,
  recordOf,
  SupportCounter,
  Supports,
  type Task,
} from '#homeostasis'
import { type Abi, CallNames, hostAbi } from '#syscalls'
import { contextOf, print, printJson } from '../context.ts'
import { CommandError, reasonOf } from '../errors.ts'
import { checkSeen, eachTrace, type InputOptions, note, reading } from './input.ts'
import { tooFew } from './judge.ts'
import { withSupport } from './support.ts'
import { TaskSink, type TaskWork } from './tasks.ts'
import { withUnits } from './units.ts'

interface LearnOptions extends InputOptions {
  window: number
  empty: EmptyRule
  output: string
  binary?: string
  sha256?: string
  judge?: boolean
}

/** What a profile of traces that name no program is called. */
const NO_BINARY = '(trace)'

export function windowOption(): Option {
  return new Option('--window <calls>', 'calls in a window, the current one included: 2..9').argParser(
    (text) => {
      if (!/^[2-9]$/.test(text)) throw new CommandError(`--window ${text}: a window has 2 to 9 calls`)
      return Number(text)
    },
  )
}

export function emptyOption(): Option {
  return new Option(
    '--empty <rule>',
    'the start of a process: a symbol like any call, or pairs with it skipped',
  ).choices(['symbol', 'skip'])
}

export function binaryOption(): Option {
  return new Option('--binary <path>', 'only processes while they run this program, as the trace names it')
}

export function learnCommand(parent: Command): void {
  reading(parent.command('learn'))
    .description('Learn one profile from traces: files, .gz, .tar.gz, folders, - for standard input.')
    .addOption(windowOption().default(DEFAULT_SETTINGS.window))
    .addOption(emptyOption().default('symbol'))
    .addOption(binaryOption())
    .option('--sha256 <hex>', 'SHA-256 of the program file, to be kept in the profile')
    .option(
      '--judge',
      'learn as well what trace score --judge goes by (the default); says so if there is too little',
    )
    .option('--no-judge', 'learn pairs only: faster, smaller, and the same on every host')
    .requiredOption('-o, --output <profile>', 'where to write it')
    .argument('<file...>', 'traces')
    .action(async (files: string[], options: LearnOptions, command: Command) => {
      if (options.sha256 !== undefined && !/^[0-9a-f]{64}$/.test(options.sha256))
        throw new CommandError('--sha256: 64 hexadecimal digits are wanted, in lower case')
      const now = clock()
      const { profile, traces, judgement, support } = await learn(
        files,
        { ...options, judge: options.judge ?? true },
        now,
      )
      const about = { source: `${traces} trace file(s), lymph trace learn` }
      const record = recordOf(profile, { since: now, made: now }, about)
      if (judgement) record.judgement = judgementBody(judgement)
      if (support) record.support = support
      await writeWhole(options.output, encodeProfile(record))
      if (options.judge && judgement && !judgement.calibration)
        note(`${options.output}: ${tooFew(judgement)}`)
      const said = {
        profile: options.output,
        binary: profile.key.binary,
        abi: profile.key.abi,
        window: profile.window,
        empty: profile.empty,
        traces,
        calls: profile.calls,
        pairs: profile.train.table.pairs,
        sequences: profile.train.sequences,
        ...(judgement ? { judgement: learned(judgement) } : {}),
      }
      if (contextOf(command).json) printJson(said)
      else
        print(
          `${said.profile}: ${said.pairs} pairs from ${said.calls} calls of ${traces} file(s), window ${said.window}, ${said.abi}, empty ${said.empty}`,
        )
    })
}

/** Learns from all traces under `files`. `now`: ms since the epoch. */
export async function learn(
  files: readonly string[],
  options: Omit<LearnOptions, 'output'>,
  now: number,
): Promise<{ profile: Profile; traces: number; judgement?: Judgement; support?: Map<number, PairSupport> }> {
  const abi: Abi = options.abi ?? hostAbi()
  const key = {
    binary: options.binary ?? NO_BINARY,
    abi,
    window: options.window,
    sha256: options.sha256 ?? '',
  }
  const profile = new Profile(key, { ...DEFAULT_SETTINGS, window: options.window, empty: options.empty })
  const judgement = options.judge ? new Judgement(new Supports(options.window)) : undefined
  const counter = new SupportCounter()
  const work = withSupport(learning(profile, now), counter, options.window, options.empty)
  const sink: TaskSink<unknown> = judgement
    ? new TaskSink(
        withUnits(work, ({ calls, edges }) => {
          judgement.take({ score: measureUnit(judgement.supports, calls), runs: [calls], edges })
        }),
        options.binary,
      )
    : new TaskSink(learning(profile, now), options.binary)
  const names = new CallNames(abi)
  const traces = await eachTrace(files, options, names, sink, { begin: () => {}, end: () => sink.end() })
  checkSeen(sink, abi, options.binary)
  for (const [number, name] of names.dynamic) profile.names.set(number, name)
  judgement?.settle()
  return { profile, traces, ...(judgement ? { judgement, support: counter.support() } : {}) }
}

/** What is said of a judgement once it is learned. */
function learned(judgement: Judgement) {
  const { supports, units, calibration } = judgement
  return {
    units,
    comparable: calibration?.m ?? judgement.comparable,
    restless: calibration?.q ?? null,
    grams: supports.grams[8].count,
  }
}

/** All at one time: a profile of recorded traces may freeze, it does not become normal by itself. */
export function learning(profile: Profile, now: number): TaskWork<Task> {
  return {
    begin: () => profile.begin(),
    fork: (parent) => parent.fork(),
    exec: (task) => task.exec(profile),
    calls: (task, calls, count) => learnCalls(profile, task, calls, now, 0, count),
    end: () => {},
  }
}

/** SOURCE_DATE_EPOCH, as reproducible builds have it, makes equal profiles equal files. */
function clock(): number {
  const epoch = process.env.SOURCE_DATE_EPOCH
  return epoch && /^\d{1,11}$/.test(epoch) ? Number(epoch) * 1000 : Date.now()
}

/** Either the whole file or nothing: a temporary file beside it, then a rename. */
export async function writeWhole(path: string, bytes: Uint8Array | AsyncIterable<Uint8Array>): Promise<void> {
  const temporary = join(dirname(path), `.${basename(path)}.${process.pid}.tmp`)
  try {
    const file = await open(temporary, 'wx')
    try {
      await file.writeFile(bytes)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(temporary, path)
  } catch (error) {
    await rm(temporary, { force: true })
    // What went wrong while the bytes were made is not this file's fault.
    const { syscall, path: at = temporary } = error as NodeJS.ErrnoException
    if (syscall === undefined || at !== temporary) throw error
    throw new CommandError(`${path}: it cannot be written: ${reasonOf(error)}; nothing was changed`)
  }
}
