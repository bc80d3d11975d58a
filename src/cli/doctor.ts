/** `lymph doctor`: what lymph needs on this host, each line with why and what to do. Works without daemon and root. */
import { Command } from 'commander'
import { contextOf, print, printJson } from './context.ts'
import { askDaemon, checkConfig } from './doctor/daemon.ts'
import { checkExecGate } from './doctor/exec-gate.ts'
import type { Finding } from './doctor/finding.ts'
import { checkClock, checkNode, checkStrace } from './doctor/host.ts'
import { checkKernel } from './doctor/kernel.ts'
import { checkFolder, checkSpace, checkStore } from './doctor/state.ts'
import { exitCodes } from './errors.ts'
import { plain } from './format.ts'
import { coloured } from './table.ts'

export function doctorCommand(): Command {
  return new Command('doctor')
    .description('Check what lymph needs on this host, and say why and what to do where it is missing.')
    .addHelpText('after', '\nExit code 0 when every line is ok, 4 when one is not.')
    .action(async (_options: object, command: Command) => {
      const { api, state, config, json } = contextOf(command)
      const { status, members, findings: asked } = await askDaemon(api)
      const answers = status !== undefined
      const findings: Finding[] = [
        checkNode(),
        ...(await checkKernel()),
        checkExecGate(),
        checkStrace(),
        checkClock(
          Date.now(),
          members.map(({ skewMs }) => skewMs),
        ),
        checkFolder(state),
        checkSpace(state),
        checkStore(state, answers),
        ...(await checkConfig(config, answers)),
        ...asked,
      ]
      if (json) printJson(findings)
      else print(...lines(findings))
      if (findings.some((finding) => finding.state === 'failed')) process.exitCode = exitCodes.degraded
    })
}

const colours = { ok: 'green', failed: 'red', skipped: 'dim' } as const

function lines(findings: readonly Finding[]): string[] {
  const width = Math.max(...findings.map(({ check }) => check.length))
  return findings.map(({ check, state, why, todo }) => {
    const what = todo === undefined ? plain(why) : `${plain(why)}: ${plain(todo)}`
    return `${coloured(colours[state], state.padEnd(7))}  ${check.padEnd(width)}  ${what}`
  })
}
