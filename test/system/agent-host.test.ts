/** What promises do to real processes, without a daemon: signals, leases and their keeper, the gate of execs, restarts, locks. */
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { getPriority } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { agentFolder, agentRun, importCfengine, Ledger, PolicyError, type RunReport, undoAct } from '#agent'
import { signalProcess } from '../../src/agent/host/pidfd.ts'
import { startTicksOf, statusOf } from '../../src/agent/host/processes.ts'
import { patience } from '../patience.ts'
import { Acting, end, on } from './acting.ts'
import { Cleanup, childrenOf, until } from './hosts.ts'

const skip = process.getuid?.() === 0 ? false : 'it takes root'

describe('promises on real processes', { skip }, () => {
  const cleanup = new Cleanup()
  after(() => cleanup.end())
  const acting = skip ? (undefined as never) : new Acting(cleanup, 'promises')
  const { folder, state, leases, options } = skip ? ({} as Acting) : acting
  const start = (script: string) => acting.start(script)
  const file = (text: string) => acting.file(text)
  const act = (...how: Parameters<Acting['act']>) => acting.act(...how)
  before(() => acting.startKeeper())

  it('stop is a lease: continued at its time, by undo, and when the keeper dies', async () => {
    const one = start('while :; do sleep 1; done')
    await act(on(one.pid, 'act: stop, for: 2s'))
    await until('stopped', () => statusOf(one.pid) === 'T' || undefined)
    await until('continued by itself', () => statusOf(one.pid) !== 'T' || undefined, 5)
    const again = await act(on(one.pid, 'act: stop, for: 10m'))
    await until('stopped', () => statusOf(one.pid) === 'T' || undefined)
    const [step] = again.promises[0]!.steps
    assert.match(await undoAct({ ...options, policyFile: '' }, step!.id), /taken back/)
    await until('continued', () => statusOf(one.pid) !== 'T' || undefined, 5)
    await act(on(one.pid, 'act: stop, for: 10m'))
    await until('stopped', () => statusOf(one.pid) === 'T' || undefined)
    // The pipe's end is how a keeper learns that `lymph up` died.
    acting.keeper.stdio[3]?.destroy()
    await until('continued', () => statusOf(one.pid) !== 'T' || undefined, 5)
    const refused = await act(on(one.pid, 'act: stop, for: 10m'))
    assert.equal(refused.degraded, true)
    assert.match(refused.promises[0]!.steps[0]!.line, /nobody would end it/)
    assert.notEqual(statusOf(one.pid), 'T')
    await acting.startKeeper()
  })

  it('freeze: its parent sees nothing, it stands still, and is where it was afterwards', async () => {
    const one = start('while :; do :; done')
    const group = readFileSync(`/proc/${one.pid}/cgroup`, 'utf8')
    const report = await act(on(one.pid, `act: freeze, for: ${3 * patience}s`))
    assert.equal(report.promises[0]!.state, 'repaired', JSON.stringify(report))
    const cpu = () => readFileSync(`/proc/${one.pid}/stat`, 'utf8').split(' ')[13]
    await until('it stands still', async () => {
      const first = cpu()
      await new Promise((resolve) => setTimeout(resolve, 300))
      return cpu() === first || undefined
    })
    assert.match(readFileSync(`/proc/${one.pid}/cgroup`, 'utf8'), /lymph-[0-9a-f]{8}/)
    const twice = await act(on(one.pid, `act: freeze, for: ${3 * patience}s`))
    assert.equal(twice.promises[0]!.state, 'kept', 'once is enough')
    await until('it is back', () => readFileSync(`/proc/${one.pid}/cgroup`, 'utf8') === group || undefined, 6)
    await until(
      'the lease is gone',
      () => readdirSync(leases).every((name) => !name.endsWith('.json')) || undefined,
    )
    end(one)
  })

  it('nice and cpu are taken back too', async () => {
    const one = start('while :; do :; done')
    const nice = getPriority(one.pid)
    await act(on(one.pid, 'act: nice, nice: 15, for: 2s'))
    assert.equal(getPriority(one.pid), 15)
    await until('its nice value is back', () => getPriority(one.pid) === nice || undefined, 5)
    const report = await act(on(one.pid, `act: cpu, percent: 10, for: ${4 * patience}s`))
    assert.equal(report.promises[0]!.state, 'repaired', JSON.stringify(report))
    const ticks = () => Number(readFileSync(`/proc/${one.pid}/stat`, 'utf8').split(' ')[13])
    const before = ticks()
    await new Promise((resolve) => setTimeout(resolve, 2000))
    const used = ticks() - before
    assert.ok(used < 60, `${used} ticks of 200 at 10 %`)
    await until(
      'it is free',
      () => !/lymph/.test(readFileSync(`/proc/${one.pid}/cgroup`, 'utf8')) || undefined,
      8,
    )
    end(one)
  })

  it('suspended execs: what it starts waits, others start; at the end it goes on', async () => {
    const one = start('read line; /bin/true; echo done; read line')
    let said = ''
    one.stdout?.on('data', (chunk) => {
      said += chunk
    })
    const report = await act(on(one.pid, `act: suspend_exec, for: ${8 * patience}s`))
    assert.equal(report.promises[0]!.state, 'repaired', JSON.stringify(report))
    await until('the gate is open', () => childrenOf(acting.keeper.pid as number).some(isGate) || undefined)
    one.stdin?.write('\n')
    await new Promise((resolve) => setTimeout(resolve, 1500))
    assert.equal(said, '', 'its program has not started')
    assert.equal(spawnSync('/bin/true').status, 0, 'others start')
    await until('it goes on', () => said === 'done\n' || undefined, 15)
  })

  it('kill, once, and never a process that only has the number', () => {
    const one = start('sleep 60')
    const startTicks = startTicksOf(one.pid) as number
    assert.equal(signalProcess({ pid: one.pid, startTicks: startTicks - 1 }, 'SIGKILL'), 'gone')
    assert.equal(statusOf(one.pid) !== undefined, true)
    assert.equal(signalProcess({ pid: 1, startTicks: startTicksOf(1) as number }, 'SIGCONT'), 'refused')
    assert.equal(signalProcess({ pid: one.pid, startTicks }, 'SIGKILL'), 'sent')
  })

  it('init, this process and those of the list are left alone, whatever the policy says', async () => {
    const report = await act(
      'filters: { all: { pid: { from: 1, to: 4000000 } } }\npromises:\n  - processes: { filter: all, act: warn, most: 10000 }\n',
      'tell',
    )
    const [{ steps, spared }] = report.promises as [RunReport['promises'][0]]
    assert.ok(spared.some((line) => line.includes(`(${process.pid}): it is part of lymph`)))
    assert.ok(!steps.some(({ target }) => target.startsWith(`${process.pid} `) || target.startsWith('1 ')))
  })

  it('more than most: none is touched, and the run is degraded', async () => {
    const [one, two] = [start('sleep 61'), start('sleep 61')]
    const report = await act(
      `filters: { two: { pid: { from: ${one.pid}, to: ${two.pid} }, command: 'sleep 61' } }\npromises:\n  - processes: { filter: two, act: kill, most: 1 }\n`,
    )
    assert.equal(report.degraded, true)
    assert.match(report.promises[0]!.why, /none is touched/)
    for (const { pid } of [one, two]) assert.ok(statusOf(pid))
  })

  it("the paper's second policy, brought over: who calls too much is killed, the web server told, a trace taken", async () => {
    const script = '/tmp/lymph-paper-load.sh'
    const mark = join(folder, 'trace')
    writeFileSync(script, `echo "$1" > ${mark}\n`, { mode: 0o644 })
    cleanup.add(() => rmSync(script, { force: true }))
    const text = readFileSync(new URL('../agent/cfengine/paper-load.cf', import.meta.url), 'utf8')
    const web = spawn('/bin/sh', ['-c', "trap 'echo hup' HUP; while :; do sleep 0.1; done"], {
      argv0: 'nginx: worker',
      uid: 65_534,
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    let said = ''
    web.stdout.on('data', (chunk) => {
      said += chunk
    })
    cleanup.add(() => web.kill('SIGKILL'))
    const [hog, quiet] = [start('while :; do sleep 0.1; done'), start('while :; do sleep 0.1; done')]
    await new Promise((resolve) => setTimeout(resolve, 300))
    const offenders = [web.pid as number, hog.pid].map((pid) => ({
      pid,
      binary: readlinkSync(`/proc/${pid}/exe`),
      seenAt: Date.now(),
      lfc: 0,
      incident: '',
      tolerated: false,
    }))
    const dealt: unknown[] = []
    const daemon = {
      get: async <T>() =>
        ({
          at: Date.now(),
          classes: [{ name: 'ph_load_anomaly', until: 0 }],
          offenders: { ph_sequence: [], ph_load: offenders },
        }) as T,
      post: async <T>(_path: string, body?: unknown) => {
        const { dealt: names } = body as { dealt?: unknown[] }
        dealt.push(...(names ?? []))
        return {} as T
      },
    }
    const report = await agentRun({
      ...{ ...options, daemon, noLocks: true, mode: 'act' as const },
      policyFile: file(importCfengine(text, 'paper-load.cf').yaml),
      signal: new AbortController().signal,
    })
    assert.ok(!('held' in report))
    assert.deepEqual(
      report.promises.map(({ type, state: how }) => [type, how]),
      [
        ['commands', 'repaired'],
        ['processes', 'repaired'],
        ['processes', 'repaired'],
      ],
      JSON.stringify(report),
    )
    assert.equal(readFileSync(mark, 'utf8'), 'abnormal load\n')
    await until('the web server was told', () => said.includes('hup') || undefined)
    await until('the other is gone', () => hog.signalCode ?? undefined)
    assert.ok(statusOf(quiet.pid), 'who is on no list is left alone')
    assert.deepEqual(dealt, ['ph_load_anomaly'])
  })

  it('a loop of restarts ends at its limit, and the run says so', async () => {
    const body =
      'promises:\n  - processes: { name: ^none-such$, act: restart, restart: [/bin/true, again], limit: 2 }\n'
    assert.equal((await act(body)).promises[0]!.state, 'repaired')
    assert.equal((await act(body)).promises[0]!.state, 'repaired')
    const third = await act(body)
    assert.equal(third.degraded, true)
    assert.match(third.promises[0]!.steps[0]!.line, /started 2 times within an hour/)
  })

  it('commands: limits on time and output, no shell, exit codes', async () => {
    const report = await act(
      [
        'promises:',
        '  - commands: { argv: [/bin/sleep, "30"], timeout: 1s }',
        '  - commands: { argv: [/usr/bin/yes], timeout: 2s, output: 1000 }',
        '  - commands: { argv: [/bin/echo, "$HOME; `id`"] }',
        '  - commands: { argv: [/bin/sh, -c, "exit 3"], kept: [3] }',
        '  - commands: { argv: [/none/such] }',
      ].join('\n'),
    )
    const [late, much, plain, kept, none] = report.promises.map(({ steps, state: how }) => ({
      how,
      line: steps[0]!.line,
    })) as [Line, Line, Line, Line, Line]
    assert.match(late.line, /not within 1 s/)
    assert.match(much.line, /cut at 1000 bytes/)
    assert.match(plain.line, /: \$HOME; `id`$/)
    assert.equal(kept.how, 'kept')
    assert.match(none.line, /cannot be started/)
    assert.equal(report.degraded, true)
  })

  it('ifelapsed holds over runs and a crash; a dry run leaves no trace', async () => {
    const mark = join(folder, 'mark')
    const body = `promises:\n  - ifelapsed: 1h\n    commands: { argv: [/usr/bin/touch, ${mark}] }\n`
    const run = (mode: 'act' | 'tell' | 'rehearse') =>
      agentRun({
        ...options,
        policyFile: file(body),
        mode,
        signal: new AbortController().signal,
      }) as Promise<RunReport>
    const posted: string[] = []
    const daemon = {
      get: async <T>() => ({ at: Date.now(), classes: [], offenders: { ph_sequence: [], ph_load: [] } }) as T,
      post: async <T>(path: string) => {
        posted.push(path)
        return {} as T
      },
    }
    const signal = new AbortController().signal
    const ask = (mode: 'tell' | 'rehearse') =>
      agentRun({ ...options, daemon, policyFile: file(body), mode, signal })
    await ask('tell')
    assert.deepEqual(posted, [], 'nobody hears of a dry run')
    await ask('rehearse')
    assert.deepEqual([...new Set(posted)].sort(), ['/agent/run', '/journal'])
    rmSync(join(agentFolder(state), 'rehearsed.json'))
    const acts = new Ledger(agentFolder(state)).entries().length
    assert.equal((await run('tell')).promises[0]!.state, 'dry')
    assert.equal(new Ledger(agentFolder(state)).entries().length, acts)
    assert.equal((await run('rehearse')).promises[0]!.state, 'dry')
    assert.equal(existsSync(mark), false)
    assert.equal(new Ledger(agentFolder(state)).entries().length, acts + 1, 'a rehearsal is in the ledger')
    assert.equal((await run('act')).promises[0]!.state, 'repaired', 'a rehearsal locks nothing that acts')
    assert.match((await run('act')).promises[0]!.why, /less than ifelapsed ago/)
    writeFileSync(
      join(agentFolder(state), 'run.lock'),
      JSON.stringify({
        pid: 999_999_999,
        startTicks: 1,
        promise: 'x',
        since: Date.now(),
        expireafterMs: 1e9,
      }),
    )
    assert.match(
      (await run('act')).promises[0]!.why,
      /less than ifelapsed ago/,
      "a dead run's lock is taken over",
    )
  })

  it('one run at a time; one that is at it for longer than expireafter is ended', async () => {
    const main = new URL('../../src/cli/main.ts', import.meta.url).pathname
    const slow = file(
      `promises:\n  - name: long\n    expireafter: 1s\n    commands: { argv: [/bin/sh, -c, "trap '' TERM; sleep 20"], timeout: 60s }\n`,
    )
    const first = spawn(
      process.execPath,
      [main, '--state', state, 'agent', 'run', '--act', '--policy', slow, '--no-locks'],
      { stdio: 'ignore' },
    )
    cleanup.add(() => first.kill('SIGKILL'))
    await until('it is at work', () => {
      const lock = join(agentFolder(state), 'run.lock')
      return existsSync(lock) && JSON.parse(readFileSync(lock, 'utf8')).promise === 'long' ? true : undefined
    })
    const busy = await agentRun({
      ...options,
      policyFile: slow,
      mode: 'act',
      noLocks: true,
      signal: new AbortController().signal,
    })
    assert.ok('held' in busy && busy.held.pid === first.pid)
    // It hangs: not even its own timer ends it.
    first.kill('SIGSTOP')
    await new Promise((resolve) => setTimeout(resolve, 1200))
    const next = await act('promises:\n  - commands: { argv: [/bin/true] }\n')
    assert.equal(next.promises[0]!.state, 'repaired')
    await until('the first has ended', () => first.signalCode ?? undefined)
  })

  it('a policy that others can change, or with a mistake, is not acted on at all', async () => {
    const path = join(folder, 'open.yaml')
    writeFileSync(path, 'promises: []\n')
    spawnSync('chmod', ['666', path])
    const run = (policyFile: string) =>
      agentRun({ ...options, policyFile, mode: 'act', signal: new AbortController().signal })
    await assert.rejects(
      run(path),
      (error: PolicyError) => error.exit === 4 && /others than root/.test(error.message),
    )
    const mark = join(folder, 'half')
    await assert.rejects(
      run(file(`promises:\n  - commands: { argv: [/usr/bin/touch, ${mark}] }\n  - commandss: {}\n`)),
      (error: PolicyError) => error instanceof PolicyError && error.exit === 4,
    )
    assert.equal(existsSync(mark), false)
  })

  it('a disk with no room: nothing is done, and it says so', async () => {
    const small = join(folder, 'small')
    mkdirSync(small)
    assert.equal(spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'none', small]).status, 0)
    cleanup.add(() => spawnSync('umount', ['-l', small]))
    const mark = join(folder, 'full')
    const policyFile = file(`promises:\n  - commands: { argv: [/usr/bin/touch, ${mark}] }\n`)
    await assert.rejects(
      agentRun({ ...options, state: small, policyFile, mode: 'act', signal: new AbortController().signal }),
      (error: Error & { exit: number }) =>
        error.exit === 4 && /nothing was done; make room/.test(error.message),
    )
    assert.equal(existsSync(mark), false)
  })
})

/** It watches for the starts of programs: by fanotify, or by a program attached to the kernel's own hook. */
const isGate = ({ pid }: { pid: number }) =>
  readdirSync(`/proc/${pid}/fdinfo`).some((fd) =>
    /^(fanotify (?!flags)|link_type:)/m.test(readFileSync(`/proc/${pid}/fdinfo/${fd}`, 'utf8')),
  )

interface Line {
  how: string
  line: string
}
