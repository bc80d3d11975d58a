/**
 * `lymph sensor`: the sensor process alone, for a systemd unit of its own. It is a process apart, because as root it
 * loads only what the sensor needs, and nothing of the command line.
 */
import { spawn } from 'node:child_process'
import { constants } from 'node:os'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Command } from 'commander'
import { contextOf } from './context.ts'

const sensorMain = fileURLToPath(new URL('../sensor/kernel/main.ts', import.meta.url))

export function sensorCommand(): Command {
  return new Command('sensor')
    .description('Run the privileged sensor process alone; `lymph up` starts it by itself.')
    .option('--never-delay <file>', "programs never to delay, a path or a file name a line; root's file")
    .action(async (options: { neverDelay?: string }, command: Command) => {
      const { daemonUser, prepareState, stateNames } = await import('#daemon')
      const state = prepareState(contextOf(command).state)
      const user = daemonUser()
      process.exitCode = await runSensor(state, [
        ...['--socket', stateNames.sensorSocket],
        ...(user ? ['--owner', `${user.uid}:${user.gid}`] : []),
        ...(options.neverDelay === undefined ? [] : ['--never-delay', resolve(options.neverDelay)]),
      ])
    })
}

/** @returns its exit code, or 128 and the number of the signal that ended it */
async function runSensor(state: string, args: string[]): Promise<number> {
  const child = spawn(process.execPath, [sensorMain, ...args], { cwd: state, stdio: 'inherit' })
  const pass = (signal: NodeJS.Signals) => void child.kill(signal)
  const passed = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
  for (const signal of passed) process.on(signal, pass)
  try {
    return await new Promise<number>((done, failed) => {
      child.on('error', failed)
      child.on('exit', (code, signal) => done(code ?? 128 + (signal ? constants.signals[signal] : 0)))
    })
  } finally {
    for (const signal of passed) process.off(signal, pass)
  }
}
