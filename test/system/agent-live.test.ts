/**
 * The agent on a live host: the paper's policies, brought over, act on a real abnormal process and real files; what they
 * hold runs free within 5 s when any part of lymph is killed; an anomaly starts no run.
 */
import assert from 'node:assert/strict'
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { copyFileSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { promisify } from 'node:util'
import type { RunReport } from '#agent'
import { noKernel } from '../sensor/kernel/available.ts'
import {
  actingConfig,
  alive,
  ask,
  Cleanup,
  childrenOf,
  type Live,
  loopback,
  lymph,
  processes,
  until,
} from './hosts.ts'

const run = promisify(execFile)
const skip = (await noKernel()) ?? false

const usual = 'cd /; : >/dev/null'
/** Abnormal with each line it reads, and else quiet. It ends with its input. */
const odd = 'umask 022; while read -r line; do kill -0 $$; umask 022; ulimit -S -n 64; done'
const leaseSeconds = 5

interface Ledger {
  wouldHaveDelayed: { processes: number; ms: number } | null
  entries: { id: string; act: string; result: string; line: string; undone?: unknown }[]
}

describe('the agent on a live host', { skip }, () => {
  const cleanup = new Cleanup()
  after(() => cleanup.end())
  const folder = skip ? '' : cleanup.folder('agent')
  const state = join(folder, 'state')
  const config = join(folder, 'lymph.yaml')
  const program = join(folder, 'victim')
  const mark = '/tmp/lymph-paper-sequence'
  let up: Live

  const partOf = (part: string) => {
    const child = childrenOf(up.pid).find(({ args }) => args.includes(part))
    assert.ok(child, `no child of up is ${part}`)
    return child.pid
  }
  const stateOf = (pid: number | undefined) => processes().find((seen) => seen.pid === pid)?.state
  /** `SECTION` of a policy in the test's folder, as root's file. */
  const policy = (text: string): string => {
    const file = join(folder, 'policy.yaml')
    writeFileSync(file, text, { mode: 0o644 })
    return file
  }
  const runAgent = (file: string, ...flags: string[]) =>
    lymph(['--state', state, '--config', config, '--json', 'agent', 'run', '--policy', file, ...flags])
  const agent = async (file: string, ...more: string[]): Promise<RunReport> => {
    const { code, out, err } = await runAgent(file, '--act', '--no-locks', ...more)
    assert.ok(out.startsWith('{'), `exit ${code}: ${err}`)
    return JSON.parse(out) as RunReport
  }
  const ledger = () => ask<Ledger>(state, ['agent', 'ledger'])
  async function must(...args: string[]): Promise<void> {
    const { code, err } = await lymph(['--state', state, ...args])
    assert.equal(code, 0, `${args.join(' ')}: ${err}`)
  }

  /** An abnormal process; `step` makes it so again. */
  async function victim(): Promise<{ process: ChildProcess; pid: number; step: () => void }> {
    const child = spawn(program, ['-c', odd], { stdio: ['pipe', 'ignore', 'ignore'], detached: true })
    child.stdin?.on('error', () => {})
    cleanup.add(() => child.kill('SIGKILL'))
    const step = () => void child.stdin?.write('\n')
    step()
    const pid = child.pid as number
    await until('it is an offender', async () => {
      step()
      const open = await ask<{ pids: number[] }[]>(state, ['incident', 'list', '--open'])
      return open.some(({ pids }) => pids.includes(pid)) || undefined
    })
    return { process: child, pid, step }
  }

  before(async () => {
    copyFileSync('/bin/sh', program)
    writeFileSync(
      config,
      actingConfig().replace(/^environment:\n {2}enabled: true/m, 'environment:\n  enabled: false'),
      { mode: 0o644 },
    )
    const text = readFileSync(config, 'utf8')
    assert.match(text, /enabled: true\n {2}dry_run: false/)
    up = cleanup.live([
      '--state',
      state,
      '--config',
      config,
      'up',
      '--host',
      'alpha',
      '--listen',
      await loopback(),
    ])
    await up.line((line) => line === 'ready')
    await must('set', 'anomaly_limit', '1000000')
    await must('set', 'tolerize_limit', '128')
    for (let i = 0; i < 20; i++) await run(program, ['-c', usual])
    await until('the victim is known', async () => {
      const rows = await ask<{ binary: string; sha256: string; pairs: number }[]>(state, ['profile', 'list'])
      const row = rows.find(({ binary }) => binary === program)
      return row && row.sha256 !== '' && row.pairs > 0 ? row : undefined
    })
    await must('profile', 'normalize', program)
  })

  it("the paper's first policy, brought over: the offender is stopped, the files are looked at, somebody is told", async () => {
    rmSync(mark, { force: true })
    const file = join(folder, 'sequence.yaml')
    await must(
      'policy',
      'import',
      new URL('../agent/cfengine/paper-sequence.cf', import.meta.url).pathname,
      '--out',
      file,
    )
    const { pid } = await victim()
    const bystander = spawn('/bin/sleep', ['300'], { stdio: 'ignore' })
    cleanup.add(() => bystander.kill('SIGKILL'))
    const told = await runAgent(file, '--dry-run')
    assert.equal(stateOf(pid), 'S', `a dry run acts on nothing: ${told.out}`)
    assert.equal(existsSync(mark), false)
    const report = await agent(file)
    const [stop] = report.promises
    assert.equal(stop?.state, 'repaired', JSON.stringify(report))
    assert.ok(stop?.steps.some(({ target }) => target.startsWith(`${pid} `)))
    await until('the offender stands still', () => stateOf(pid) === 'T' || undefined)
    assert.equal(stateOf(bystander.pid), 'S', 'who did nothing is left alone')
    assert.ok(existsSync(mark), 'the command ran')
    assert.ok(report.promises.some(({ type, state: how }) => type === 'files' && how !== 'skipped'))
    // What was done is in the ledger, and is taken back.
    const { entries } = await ledger()
    const act = entries.find(({ act: what, line }) => what === 'stop' && line.includes(`(${pid})`))
    assert.equal(act?.result, 'repaired')
    await must('agent', 'undo', act?.id as string)
    await until('it runs again', () => stateOf(pid) !== 'T' || undefined, leaseSeconds)
    process.kill(pid, 'SIGKILL')
    rmSync(mark, { force: true })
  })

  it('kill -9 of the daemon: what delays would have done is still told, and who has ended is named', async () => {
    const { pid } = await victim()
    process.kill(pid, 'SIGKILL')
    const told = await until('its end is told', async () => {
      const report = await agent(
        policy('promises:\n  - if: any\n    processes: { filter: ph_sequence, act: warn }\n'),
        ...['--dry-run'],
      )
      const [line] = report.promises[0]?.ended.filter((one) => one.includes(`(${pid})`)) ?? []
      return line
    })
    assert.match(told, / ended \d{4}-.*: LFC \d+, seen last .*, incident [0-9a-f]+$/)
    const figure = async () => (await ledger()).wouldHaveDelayed
    const before = await figure()
    assert.ok(before && before.processes > 0 && before.ms > 0, JSON.stringify(before))
    // Within its last six seconds a daemon that is killed may lose what it counted.
    await new Promise((resolve) => setTimeout(resolve, 7000))
    process.kill(partOf(' daemon '), 'SIGKILL')
    const after = await until('the daemon is back', async () => (await figure()) ?? undefined)
    assert.ok(after.processes >= before.processes && after.ms >= before.ms, JSON.stringify({ before, after }))
    await until(
      'the sensor is back',
      async () => (await ask<{ sensor: string }>(state, ['status'])).sensor === 'kernel' || undefined,
    )
  })

  it('a run deals with the semaphore; what comes after raises it again', async () => {
    const { pid, step } = await victim()
    const file = policy(
      'promises:\n  - if: ph_sequence_anomaly\n    processes: { filter: ph_sequence, act: warn }\n',
    )
    assert.deepEqual((await agent(file)).expedited, ['ph_sequence_anomaly'])
    const holds = async () =>
      (await ask<{ name: string }[]>(state, ['classes'])).some(({ name }) => name === 'ph_sequence_anomaly')
    assert.equal(await holds(), false)
    await until('it is raised again', async () => {
      step()
      return (await holds()) || undefined
    })
    process.kill(pid, 'SIGKILL')
  })

  it('a tolerated incident: nothing is done, whatever the policy says', async () => {
    const { pid, step } = await victim()
    const [incident] = await ask<{ id: string; binary: string }[]>(state, ['incident', 'list', '--open'])
    await must(
      'incident',
      'tolerate',
      incident?.id as string,
      '--until',
      '1h',
      '--reason',
      'a test',
      '--whole-binary',
    )
    step()
    const file = policy(
      `promises:\n  - processes: { filter: ph_sequence, act: kill }\n  - processes: { binary: ${program}, act: delay, for: 1m }\n`,
    )
    const report = await agent(file)
    assert.ok(alive(pid), JSON.stringify(report))
    assert.ok(
      report.promises.every(({ steps }) => steps.length === 0),
      JSON.stringify(report),
    )
    const { out } = await lymph(['--state', state, '--json', 'incident', 'tolerances'])
    const [tolerance] = JSON.parse(out || '[]') as { id: string }[]
    if (tolerance) await must('incident', 'untolerate', tolerance.id)
    process.kill(pid, 'SIGKILL')
  })

  const sleeper = () =>
    until('the command runs', () => processes().find(({ args }) => args.startsWith('/bin/sleep 60'))?.pid)
  const agentPid = () =>
    until(
      'the agent',
      () => processes().find(({ args }) => / agent run .*policy.yaml/.test(args) && /node/.test(args))?.pid,
    )

  for (const part of ['agent', 'daemon', 'sensor/kernel/main.ts', 'leases/main.ts'] as const)
    it(`kill -9 of the ${part}: whoever the agent delays and whoever it froze runs free`, async (t) => {
      const [slow, cold] = [await victim(), await victim()]
      const file = policy(
        [
          'promises:',
          `  - name: slow\n    processes: { binary: ${program}, act: delay, for: 10m, unit: 200ms }`,
          `  - name: cold\n    processes: { binary: ${program}, act: freeze, for: 10m }`,
          '  - name: long\n    commands: { argv: [/bin/sleep, "60"], timeout: 90s }',
        ].join('\n'),
      )
      const work = cleanup.live([
        '--state',
        state,
        '--config',
        config,
        'agent',
        'run',
        '--act',
        '--no-locks',
        '--policy',
        file,
      ])
      const frozen = () => groupOf(cold.pid).includes('lymph-')
      await until('it is frozen', () => frozen() || undefined)
      await until('it is delayed', async () => {
        slow.step()
        const status = await ask<{ agent: { delayed: unknown[] } }>(state, ['status'])
        return status.agent.delayed.length > 0 || undefined
      })
      await sleeper()
      let before = Date.now()
      if (part === 'agent') {
        const command = await sleeper()
        process.kill(await agentPid(), 'SIGKILL')
        await until('its command is gone', () => !alive(command) || undefined, leaseSeconds)
      } else {
        // The run ends first: what it took then lasts by itself.
        process.kill(await sleeper(), 'SIGKILL')
        await work.ended
        before = Date.now()
        process.kill(partOf(part === 'daemon' ? ' daemon ' : part), 'SIGKILL')
      }
      await until('it is thawed', () => !frozen() || undefined, leaseSeconds)
      // The keeper has no part in delays, and a delay for a time outlasts a sensor: the next one is told of it anew.
      const watched = part === 'leases/main.ts' ? [] : [slow.pid, cold.pid]
      await until(
        'nobody is stopped',
        () => (watched.some((pid) => stateOf(pid) === 'T') ? undefined : true),
        leaseSeconds,
      )
      t.diagnostic(`free ${Date.now() - before} ms after`)
      if (part === 'agent' || part === 'daemon')
        await until('nobody is delayed for a time any more', async () => {
          const status = await ask<{ agent: { delayed: unknown[] } }>(state, ['status'])
          return status.agent.delayed.length === 0 || undefined
        })
      const { entries } = await ledger()
      for (const { id, act, undone } of entries)
        if (act === 'delay' && !undone)
          await lymph(['--state', state, '--config', config, 'agent', 'undo', id])
      for (const { pid } of [slow, cold]) process.kill(pid, 'SIGKILL')
      for (const one of ['daemon ', 'sensor/kernel/main.ts', 'leases/main.ts'])
        await until(
          `${one} is back`,
          () => childrenOf(up.pid).some(({ args }) => args.includes(one)) || undefined,
        )
      await until(
        'it answers',
        async () => (await ask<{ sensor: string }>(state, ['status'])).sensor === 'kernel' || undefined,
      )
    })
})

const groupOf = (pid: number): string => {
  try {
    return readFileSync(`/proc/${pid}/cgroup`, 'utf8')
  } catch {
    return ''
  }
}
