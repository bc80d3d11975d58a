/**
 * `lymph sensor`: the sensor process alone, for a systemd unit of its own. It is a process apart, because as root it
 * loads only what the sensor needs, and nothing of the command line; this one waits, and continues whoever it leaves
 * stopped.
 */
import { spawn } from 'node:child_process'
import { constants } from 'node:os'
import { resolve } from 'node:path'
import type { Readable } from 'node:stream'
import { Command } from 'commander'
import { contextOf } from './context.ts'
import { CommandError, exitCodes } from './errors.ts'

export function sensorCommand(): Command {
  return new Command('sensor')
    .description('Run the privileged sensor process alone; `lymph up` starts it by itself.')
    .option('--never-delay <file>', "programs never to delay, a path or a file name a line; root's file")
    .addHelpText('after', '\nExit code 4 when it cannot watch here.')
    .action(async (options: { neverDelay?: string }, command: Command) => {
      const { inspectKernel } = await import('#sensor')
      const { problems } = await inspectKernel()
      const [problem] = problems
      if (problem)
        throw new CommandError(`${problem.what}: ${problem.why}: ${problem.fix}`, exitCodes.degraded)
      const { claimState, daemonUser, prepareState, sensorMain, stateNames } = await import('#daemon')
      const state = prepareState(contextOf(command).state)
      const claim = claimState(state, stateNames.sensorFile)
      const user = daemonUser()
      try {
        process.exitCode = await runSensor(state, [
          ...[sensorMain, '--socket', stateNames.sensorSocket, '--supervisor-fd', '3'],
          ...(user ? ['--owner', `${user.uid}:${user.gid}`] : []),
          ...(options.neverDelay === undefined ? [] : ['--never-delay', resolve(options.neverDelay)]),
        ])
      } finally {
        claim.release()
      }
    })
}

/** @returns its exit code, or 128 and the number of the signal that ended it */
async function runSensor(state: string, args: string[]): Promise<number> {
  const { SensorSupervisor } = await import('#sensor')
  const supervisor = new SensorSupervisor()
  // Its end of the pipe on 3 is how it learns that this process was killed: a sensor without its claim must not live.
  const child = spawn(process.execPath, args, {
    cwd: state,
    stdio: ['ignore', 'inherit', 'inherit', 'pipe'],
    detached: true,
  })
  supervisor.listen(child.stdio[3] as Readable)
  const overdue = setInterval(() => supervisor.continueOverdue(Date.now()), 1000)
  const pass = (signal: NodeJS.Signals) => void child.kill(signal)
  const passed = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
  for (const signal of passed) process.on(signal, pass)
  try {
    const code = await new Promise<number>((done, failed) => {
      child.on('error', failed)
      child.on('exit', (code, signal) => done(code ?? 128 + (signal ? constants.signals[signal] : 0)))
    })
    if (code !== 0) await supervisor.recover()
    return code
  } finally {
    clearInterval(overdue)
    for (const signal of passed) process.off(signal, pass)
  }
}
