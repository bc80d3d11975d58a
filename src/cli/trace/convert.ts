/** `lymph trace convert` and `lymph trace record`: traces in lymph's own format. */
import { execFile, spawn } from 'node:child_process'
import { closeSync, constants, openSync } from 'node:fs'
import { access, mkdtemp, rm } from 'node:fs/promises'
import { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'
import type { Command } from 'commander'
import {
  CallNames,
  hostAbi,
  readTrace,
  type TraceFormat,
  TraceRecorder,
  type TraceSource,
  traceSources,
} from '#syscalls'
import { contextOf, print, printJson } from '../context.ts'
import { CommandError, reasonOf } from '../errors.ts'
import { type InputOptions, note, reading } from './input.ts'
import { writeWhole } from './learn.ts'

export function convertCommand(parent: Command): void {
  reading(parent.command('convert'))
    .description("Write one trace in lymph's own format, which is small and tells when it was cut short.")
    .requiredOption('-o, --output <file>', 'where to write it')
    .argument('<file>', 'a trace; .gz is read, and an archive or folder that holds just one')
    .action(async (file: string, options: InputOptions & { output: string }, command: Command) => {
      const names = new CallNames(options.abi ?? hostAbi())
      let format: TraceFormat | undefined
      const { calls, bytes } = await write(options.output, names, async (recorder, slowed) => {
        let found = 0
        for await (const source of traceSources([file], options)) {
          if (++found > 1)
            throw new CommandError(
              `${file}: it holds more than one trace (${source.file} is the second): convert one at a time (--include)`,
            )
          format = await readTrace({ ...source, chunks: slowed(source.chunks) }, names, recorder, options)
        }
      })
      const said = { output: options.output, format: format ?? 'empty', abi: names.abi, calls, bytes }
      if (contextOf(command).json) printJson(said)
      else print(`${said.output}: ${calls} calls in ${bytes} bytes, from ${said.format}, ${said.abi}`)
    })
}

export function recordCommand(parent: Command): void {
  parent
    .command('record')
    .description("Run a command under strace and keep its calls, and its children's, as a trace.")
    .requiredOption('-o, --output <file>', 'where to write the trace')
    .argument('<command...>', 'after --: the command and its arguments')
    .action(async (argv: string[], options: { output: string }, command: Command) => {
      const names = new CallNames(hostAbi())
      let exit = 0
      const { calls, bytes } = await write(options.output, names, async (recorder, slowed) => {
        await checkCommand(argv[0] as string)
        exit = await traced(argv, names, recorder, slowed)
      })
      const said = { output: options.output, abi: names.abi, calls, bytes, exit }
      if (contextOf(command).json) printJson(said)
      // The command had standard output for itself.
      else note(`${said.output}: ${calls} calls in ${bytes} bytes; the command ended with ${exit}`)
    })
}

/** Gives the same chunks, each only once most of what came of those before has been written. */
type Slowed = (chunks: AsyncIterable<Uint8Array>) => AsyncIterable<Uint8Array>

const WAITING_MOST = 16

/** Writes what `fill` tells the recorder, whole or not at all. */
async function write(
  output: string,
  names: CallNames,
  fill: (recorder: TraceRecorder, slowed: Slowed) => Promise<void>,
): Promise<{ calls: number; bytes: number }> {
  let blocks: Uint8Array[] = []
  let bytes = 0
  let wake = () => {}
  let written = () => {}
  let done = false
  let failed: unknown
  const recorder = new TraceRecorder(names, (block) => {
    blocks.push(block)
    bytes += block.length
    wake()
  })
  async function* slowed(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const chunk of chunks) {
      if (blocks.length > WAITING_MOST)
        await new Promise<void>((go) => {
          written = go
        })
      yield chunk
    }
  }
  const filling = fill(recorder, slowed)
    .then(() => recorder.end())
    .catch((error: unknown) => {
      failed = error
    })
    .finally(() => {
      done = true
      wake()
    })
  async function* blocksAsTheyCome(): AsyncGenerator<Uint8Array> {
    while (!done || blocks.length > 0) {
      if (blocks.length === 0)
        await new Promise<void>((go) => {
          wake = go
        })
      const ready = blocks
      blocks = []
      yield* ready
      written()
    }
    if (failed !== undefined) throw failed
  }
  try {
    await writeWhole(output, blocksAsTheyCome())
  } finally {
    await filling
  }
  return { calls: recorder.calls, bytes }
}

/** Refuses what strace would refuse in words of its own. */
async function checkCommand(name: string): Promise<void> {
  const places = name.includes('/')
    ? [name]
    : (process.env.PATH ?? '').split(delimiter).map((folder) => join(folder || '.', name))
  for (const place of places)
    if (
      await access(place, constants.X_OK).then(
        () => true,
        () => false,
      )
    )
      return
  throw new CommandError(`there is no command '${name}' that may be run: give its path, or see PATH`)
}

/** Runs a command under strace; its text comes through a FIFO, which holds strace back when we are slower. */
async function traced(
  argv: readonly string[],
  names: CallNames,
  recorder: TraceRecorder,
  slowed: Slowed,
): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), 'lymph-record-'))
  try {
    const fifo = join(folder, 'calls')
    await promisify(execFile)('mkfifo', ['-m', '600', fifo])
    // Both ends at first, so that neither opening waits; ours for writing is closed once strace has ended.
    const reading = openSync(fifo, constants.O_RDONLY | constants.O_NONBLOCK)
    const writing = openSync(fifo, constants.O_WRONLY | constants.O_NONBLOCK)
    const pipe = new Socket({ fd: reading, readable: true, writable: false })
    const child = spawn('strace', ['-f', '-qq', '-s', '0', '-e', 'signal=none', '-o', fifo, '--', ...argv], {
      stdio: 'inherit',
    })
    const ended = new Promise<number>((resolve, reject) => {
      child.on('error', (error) =>
        reject(
          new CommandError(
            `strace cannot be started: ${reasonOf(error)}: install it (Debian, Ubuntu: apt-get install strace)`,
          ),
        ),
      )
      child.on('close', (code) => resolve(code ?? 128))
    }).finally(() => closeSync(writing))
    const source: TraceSource = { name: 'calls', file: 'strace', chunks: slowed(pipe) }
    const [exit] = await Promise.all([ended, readTrace(source, names, recorder, { format: 'strace' })])
    if (recorder.calls === 0)
      throw new CommandError(`${argv[0]}: strace saw no call of it: see what it said above`)
    return exit
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
