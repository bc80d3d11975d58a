/**
 * 100,000 anomalous calls in a minute on a live host: how many incidents, agent runs, and how much CPU of the daemon; and
 * whether the incidents' counts add up to the anomalous calls the sensor saw. `npm run bench -- agent-flood [SECONDS]`;
 * as root, with the kernel sensor.
 */
import { execFile, spawn } from 'node:child_process'
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { actingConfig, ask, Cleanup, childrenOf, loopback, lymph, pause, until } from '../system/hosts.ts'

const run = promisify(execFile)
const seconds = Number(process.argv[3] ?? 60)
const wanted = Math.round((100_000 * seconds) / 60)
/** Calls a line, each of them unheard of. */
const perLine = 50
const everyMs = 30

interface Status {
  agent: { runs: number; offenders: number; wouldHaveDelayed: { processes: number; ms: number } }
  totals?: { lostEvents: number; lost: number }
  incidents: number
}
interface Row {
  binary: string
  anomalies: number
}

/** Milliseconds of CPU a process has used. */
function cpuMs(pid: number): number {
  const text = readFileSync(`/proc/${pid}/stat`, 'latin1')
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) * 10
}

const cleanup = new Cleanup()
try {
  const folder = cleanup.folder('flood')
  const state = join(folder, 'state')
  const config = join(folder, 'lymph.yaml')
  const program = join(folder, 'flooder')
  copyFileSync('/bin/sh', program)
  writeFileSync(config, actingConfig(), { mode: 0o644 })
  const up = cleanup.live([
    ...['--state', state, '--config', config, 'up', '--host', 'alpha', '--listen', await loopback()],
  ])
  await up.line((line) => line === 'ready')
  const must = async (...args: string[]) => {
    const { code, err } = await lymph(['--state', state, ...args])
    if (code !== 0) throw new Error(`${args.join(' ')}: ${err}`)
  }
  await must('set', 'anomaly_limit', '1000000')
  await must('set', 'tolerize_limit', '128')
  for (let i = 0; i < 20; i++) await run(program, ['-c', 'read line </dev/null; cd /; : >/dev/null'])
  const rowOf = async () =>
    (await ask<Row[]>(state, ['profile', 'list'])).find(({ binary }) => binary === program)
  await until('the program is known', rowOf)
  await pause(2000)
  await must('profile', 'normalize', program)

  const daemon = childrenOf(up.pid).find(({ args }) => args.includes(' daemon '))?.pid as number
  const idleFrom = cpuMs(daemon)
  await pause(10_000)
  const idle = (cpuMs(daemon) - idleFrom) / 10_000
  const status = () => ask<Status>(state, ['status'])
  const before = await status()
  const cpuBefore = cpuMs(daemon)
  const began = Date.now()
  const child = spawn(
    program,
    ['-c', `while read -r n; do i=0; while [ $i -lt ${perLine} ]; do kill -0 $$; i=$((i+1)); done; done`],
    { stdio: ['pipe', 'ignore', 'ignore'] },
  )
  cleanup.add(() => child.kill('SIGKILL'))
  let lines = 0
  // Each line is its calls and the read of it.
  const total = Math.ceil(wanted / (perLine + 1))
  while (lines < total) {
    const due = Math.min(total, Math.floor(((Date.now() - began) * total) / (seconds * 1000)) + 1)
    while (lines < due) {
      child.stdin.write('\n')
      lines++
    }
    await pause(everyMs)
  }
  child.stdin.end()
  await new Promise((resolve) => child.once('exit', resolve))
  const tookMs = Date.now() - began
  const usedMs = cpuMs(daemon) - cpuBefore
  // The last events are on their way.
  await pause(3000)
  const after = await status()
  const incidents = await ask<{ anomalous: number; binary: string }[]>(state, ['incident', 'list'])
  const own = incidents.filter(({ binary }) => binary === program)
  const seen = (await rowOf())?.anomalies ?? 0
  console.log(
    JSON.stringify(
      {
        seconds: tookMs / 1000,
        anomalousCallsSeen: seen,
        sumOfIncidentCounts: own.reduce((sum, { anomalous }) => sum + anomalous, 0),
        incidents: own.length,
        incidentsOfOthers: incidents.length - own.length,
        agentRuns: after.agent.runs - before.agent.runs,
        daemonShareOfACore: Number((usedMs / tookMs).toFixed(4)),
        daemonShareWhenIdle: Number(idle.toFixed(4)),
        lostEvents: (after.totals?.lostEvents ?? 0) - (before.totals?.lostEvents ?? 0),
        lostCalls: (after.totals?.lost ?? 0) - (before.totals?.lost ?? 0),
        wouldHaveDelayed: after.agent.wouldHaveDelayed,
      },
      null,
      2,
    ),
  )
} finally {
  await cleanup.end()
}
