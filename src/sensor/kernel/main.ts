/**
 * The sensor process. `lymph up` starts it as root, in the state folder:
 *   node src/sensor/kernel/main.ts --socket PATH [--owner UID:GID] [--supervisor-fd N] [--never-delay FILE]
 *     [--profiles N] [--rows N] [--ring BYTES] [--max-delay SECONDS] [--max-delayed N]
 * It prints a line for what happens, and ends, with nothing stopped, on SIGTERM, SIGINT, or when its supervisor dies.
 * Exit codes: 0 it was told to end, 1 an error nobody expected, 2 wrong arguments, 4 it cannot watch here.
 */
import { fstatSync, writeSync } from 'node:fs'
import { Socket } from 'node:net'
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { Host } from './host.ts'
import { continueLeftovers } from './leases.ts'
import { NeverDelay } from './never.ts'
import { DEFAULT_SIZES } from './program.ts'
import { KernelSensor } from './sensor.ts'
import { LoadError } from './skeleton.ts'

const { values } = parseArgs({
  options: {
    socket: { type: 'string' },
    owner: { type: 'string' },
    'supervisor-fd': { type: 'string' },
    'never-delay': { type: 'string' },
    profiles: { type: 'string' },
    rows: { type: 'string' },
    ring: { type: 'string' },
    'max-delay': { type: 'string' },
    'max-delayed': { type: 'string' },
  },
})

function usage(message: string): never {
  console.error(`sensor: ${message}`)
  process.exit(2)
}

function number(name: keyof typeof values, least: number, most: number, otherwise: number): number {
  const given = values[name]
  if (given === undefined) return otherwise
  if (!/^\d+$/.test(given) || Number(given) < least || Number(given) > most)
    usage(`--${name} is a whole number from ${least} to ${most}, not '${given}'`)
  return Number(given)
}

function owner(): { uid: number; gid: number } | undefined {
  if (values.owner === undefined) return undefined
  const match = /^(\d+):(\d+)$/.exec(values.owner)
  if (!match) usage(`--owner is UID:GID, not '${values.owner}'`)
  return { uid: Number(match[1]), gid: Number(match[2]) }
}

/** Whoever started it knows by this that another start would end the same way. */
const CANNOT_WATCH = 4

const say = (line: string) => console.log(`sensor: ${line}`)
const socket = values.socket ?? usage('--socket PATH is missing')
const ring = number('ring', 1 << 16, 1 << 28, DEFAULT_SIZES.ringBytes)
if ((ring & (ring - 1)) !== 0) usage('--ring is a power of two')
const supervisor = values['supervisor-fd'] === undefined ? undefined : number('supervisor-fd', 3, 1023, 3)
const leasesFile = resolve('leases.json')

/** Synchronous: the supervisor must have it before the kernel may act on it. */
function report(message: object): void {
  if (supervisor === undefined) return
  const line = Buffer.from(`${JSON.stringify(message)}\n`)
  for (let at = 0, patience = 1000; at < line.length && patience > 0; ) {
    try {
      at += writeSync(supervisor, line, at)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') return
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1)
      patience--
    }
  }
}

let never: NeverDelay
try {
  never = values['never-delay'] === undefined ? new NeverDelay() : NeverDelay.fromFile(values['never-delay'])
} catch (error) {
  usage(`--never-delay: ${(error as Error).message}`)
}

const leftovers = continueLeftovers(leasesFile)
if (leftovers > 0) say(`continued ${leftovers} processes that an earlier sensor had stopped`)

const sensor = new KernelSensor({
  sizes: {
    profiles: number('profiles', 8, 16_384, DEFAULT_SIZES.profiles),
    rows: number('rows', 64, 65_535, DEFAULT_SIZES.rows),
    ringBytes: ring,
    delayed: number('max-delayed', 1, 4096, DEFAULT_SIZES.delayed),
  },
  never,
  maxDelayMs: 1000 * number('max-delay', 1, 7 * 24 * 3600, 600),
  leasesFile,
  onArm: (executables) =>
    report({ armed: executables.map(({ path, device, inode }) => ({ path, dev: device, ino: inode })) }),
  onStopped: ({ pid, startTicks, until }) => report({ stopped: { pid, startTime: startTicks, until } }),
  onContinued: (pid) => report({ continued: { pid } }),
})
const ownedBy = owner()
const onFailure = (why: string) => {
  say(`cannot watch: ${why}`)
  process.exitCode = CANNOT_WATCH
  void end('it cannot watch here')
}
const host = new Host({ sensor, socket, say, onFailure, ...(ownedBy ? { owner: ownedBy } : {}) })

let ending = false
async function end(why: string): Promise<void> {
  if (ending) return
  ending = true
  try {
    await host.close()
    say(`ends: ${why}`)
  } finally {
    process.exit()
  }
}

process.on('SIGTERM', () => void end('SIGTERM'))
process.on('SIGINT', () => void end('SIGINT'))
process.on('SIGHUP', () => void end('SIGHUP'))
// An error nobody expected: continue everyone, then say what it was.
process.on('uncaughtException', (error) => {
  console.error(
    error instanceof LoadError && error.log ? `${error.message}\n${error.log.slice(-4000)}` : error,
  )
  process.exitCode = 1
  void end('an error')
})
process.on('unhandledRejection', (error) => {
  throw error
})

if (supervisor !== undefined) watchForEnd(new Socket({ fd: supervisor, readable: true, writable: false }))
// Standard input tells of the parent's death only where it is a pipe; a unit's /dev/null is at its end from the start.
const standardInput = fstatSync(0)
if (standardInput.isFIFO() || standardInput.isSocket()) watchForEnd(process.stdin)

function watchForEnd(stream: NodeJS.ReadableStream): void {
  stream.on('end', () => void end('the supervisor is gone'))
  stream.on('close', () => void end('the supervisor is gone'))
  stream.on('error', () => void end('the supervisor is gone'))
  stream.resume()
}

await host.listen()
say('ready')
