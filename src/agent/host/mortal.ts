/**
 * Programs that must not outlive who started them: where setpriv(1) is there, the kernel kills the program when this
 * process dies; and a lease tells whoever keeps leases, or the next run, to end it with all of its session.
 */
import { type ChildProcess, type SpawnOptions, spawn, spawnSync } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { type ProcessName, signalProcess } from './pidfd.ts'
import { allPids, sessionOf } from './processes.ts'

/** Told of a program that has started. @returns to be called when it has ended @throws Error where it cannot be kept */
export type ProgramLease = (program: { pid: number }) => () => void

/** util-linux; `--pdeathsig` came with 2.33 (2018). */
const setpriv = '/usr/bin/setpriv'

let canDieWithParent: boolean | undefined

function dying(argv: readonly string[]): readonly string[] {
  canDieWithParent ??= `${spawnSync(setpriv, ['--help'], { timeout: 5000 }).stdout ?? ''}`.includes(
    '--pdeathsig',
  )
  return canDieWithParent ? [setpriv, '--pdeathsig', 'KILL', '--', ...argv] : argv
}

/**
 * In a session of its own, whose number is the program's.
 * @throws Error where there is no such program, or nobody would know how to end it: then it has not been started, or
 *   has been ended
 */
export function spawnMortal(
  argv: readonly string[],
  options: SpawnOptions,
  lease: ProgramLease | undefined,
): ChildProcess {
  // What setpriv says of it is nobody's error message.
  accessSync(argv[0] ?? '', constants.X_OK)
  const [program = '', ...rest] = dying(argv)
  const child = spawn(program, rest, { ...options, detached: true })
  const { pid } = child
  if (pid === undefined || !lease) return child
  try {
    child.once('exit', lease({ pid }))
  } catch (error) {
    child.on('error', () => {})
    killGroup(pid, 'SIGKILL')
    throw error
  }
  return child
}

export function killGroup(pid: number | undefined, signal: NodeJS.Signals): void {
  if (pid === undefined) return
  try {
    process.kill(-pid, signal)
  } catch {
    // All of it has ended.
  }
}

/** Looked through so often: what forks while it is ended is ended too. */
const ROUNDS = 5
const MS_PER_TICK = 10

/**
 * Kills a session that `spawnMortal` made, whoever is left of it. While one of a session lives its number is nobody
 * else's; one that began after `lastMs` is of another that got the number since.
 * @param leader the program, whether it lives or not
 * @param lastMs how long the program was allowed to run
 */
export function endSession(leader: ProcessName, lastMs: number): void {
  const last = leader.startTicks + Math.ceil(lastMs / MS_PER_TICK)
  for (let round = 0; round < ROUNDS; round++) {
    const members = allPids()
      .map((pid) => ({ pid, ...sessionOf(pid) }))
      .filter(({ session, startTicks, status }) => {
        if (session !== leader.pid || startTicks === undefined || status === 'Z') return false
        return startTicks >= leader.startTicks && startTicks <= last
      })
    // The number itself is another process's: all that was of it has ended.
    const first = members.find(({ pid }) => pid === leader.pid)
    if (members.length === 0 || (first && first.startTicks !== leader.startTicks)) return
    for (const { pid, startTicks = 0 } of members) signalProcess({ pid, startTicks }, 'SIGKILL')
  }
}
