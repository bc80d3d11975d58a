/**
 * What an exec of a program that nobody suspends costs while another's are: with no gate, with the gate of the BPF LSM
 * (where it loads), with that of fanotify. Interleaved, each round in another order, medians over the rounds; also forks
 * alone. As root. `npm run bench -- exec-gate [ROUNDS [CHUNKS]]`
 */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { release, tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspectExecGate } from '#agent'
import { startTicksOf } from '../../src/agent/host/processes.ts'
import { removeLease, writeLease } from '../../src/agent/leases/file.ts'
import { readGate } from '../../src/agent/leases/gate-file.ts'
import { until } from '../system/hosts.ts'

const rounds = Number(process.argv[2] ?? 9)
/** Execs, or forks, of one chunk, and chunks of one turn. */
const count = 100
const chunks = Number(process.argv[3] ?? 12)
const keeperMain = new URL('../../src/agent/leases/main.ts', import.meta.url).pathname
const best = inspectExecGate()
if (best.how === 'none') {
  console.error(`exec-gate: no gate can be had here: ${best.why}`)
  process.exit(4)
}

const folder = mkdtempSync(join(tmpdir(), 'lymph-bench-'))
const victim = spawn('/bin/sleep', ['3600'], { stdio: 'ignore' })
const turns = ['nothing', ...(best.how === 'lsm' ? ['lsm'] : []), 'fanotify'] as const
const keepers = new Map(
  turns.slice(1).map((kind) => {
    const leases = join(folder, kind)
    mkdirSync(leases)
    const keeper = spawn(process.execPath, [keeperMain, leases, kind === 'lsm' ? 'auto' : kind], {
      stdio: ['ignore', 'ignore', 'inherit', 'pipe'],
    })
    return [kind as string, { leases, keeper }] as const
  }),
)

const loops: Record<string, string> = {
  exec: `i=0; while [ $i -lt ${count} ]; do /bin/true; i=$((i+1)); done`,
  fork: `i=0; while [ $i -lt ${count} ]; do (:); i=$((i+1)); done`,
}

/** us for one, of the fastest chunk: on a machine with other work the rest were interrupted. */
function measure(loop: string): number {
  const us = Array.from({ length: chunks }, () => {
    const begun = process.hrtime.bigint()
    if (spawnSync('/bin/sh', ['-c', loop]).status !== 0) throw new Error(`the loop failed: ${loop}`)
    return Number(process.hrtime.bigint() - begun) / 1000 / count
  })
  return Math.min(...us)
}
const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[values.length >> 1] as number

const id = '0badcafe'
async function open(kind: string): Promise<() => Promise<void>> {
  const leases = keepers.get(kind)?.leases
  if (leases === undefined) return async () => {}
  const pid = victim.pid as number
  writeLease(leases, {
    id,
    what: 'a bench',
    until: Date.now() + 600_000,
    run: { pid: process.pid, startTicks: startTicksOf(process.pid) ?? 0, over: true },
    undo: { kind: 'release-exec', pid, startTicks: startTicksOf(pid) ?? 0 },
  })
  const word = await until('the gate is open', () => {
    const said = readGate(leases)
    return said?.leases.includes(id) ? said : undefined
  })
  if (word.how !== kind) throw new Error(`the gate is ${word.how}, not ${kind}: ${word.why}`)
  return async () => {
    removeLease(leases, id)
    await until('the gate is closed', () => (readGate(leases) ? undefined : true))
  }
}

const results: Record<string, Record<string, number[]>> = {}
try {
  for (let round = 0; round < rounds; round++)
    for (let i = 0; i < turns.length; i++) {
      const kind = turns[(i + round) % turns.length] as string
      const close = await open(kind)
      for (const [name, loop] of Object.entries(loops)) {
        results[name] ??= {}
        const of = results[name]
        of[kind] ??= []
        of[kind].push(measure(loop))
      }
      await close()
    }
} finally {
  victim.kill('SIGKILL')
  for (const { keeper } of keepers.values()) {
    keeper.kill('SIGTERM')
    await once(keeper, 'exit')
  }
  rmSync(folder, { recursive: true, force: true })
}

const round2 = (value: number) => Math.round(value * 100) / 100
const table = Object.fromEntries(
  Object.entries(results).map(([name, of]) => [
    name,
    Object.fromEntries(
      turns.map((kind) => {
        const values = of[kind] as number[]
        const ratios = values.map((value, i) => value / (of.nothing?.[i] as number))
        return [
          kind,
          {
            us: Math.round(median(values)),
            ratio: round2(median(ratios)),
            spread: [round2(Math.min(...ratios)), round2(Math.max(...ratios))],
          },
        ]
      }),
    ),
  ]),
)
console.log(
  JSON.stringify(
    { kernel: release(), rounds, ...(best.how === 'lsm' ? {} : { noLsm: best.why }), ...table },
    null,
    2,
  ),
)
