/**
 * What the agent starts ends with it: a command, a mail program, a collector of evidence, whose agent is killed with -9 in
 * the middle, with a keeper of leases and without.
 */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { agentFolder, agentRun, LeaseKeeper, leasesFolder } from '#agent'
import { statusOf } from '../../src/agent/host/processes.ts'
import { alive, Cleanup, pause, processes, until } from './hosts.ts'

const skip = process.getuid?.() === 0 ? false : 'it takes root'
const keeperMain = new URL('../../src/agent/leases/main.ts', import.meta.url).pathname
const cliMain = new URL('../../src/cli/main.ts', import.meta.url).pathname
/** The keeper looks twice a second; the machine may be busy. */
const goneSeconds = 5

describe('programs of an agent that is killed with -9', { skip }, () => {
  const cleanup = new Cleanup()
  after(() => cleanup.end())
  const folder = skip ? '' : cleanup.folder('programs')
  const state = join(folder, 'state')
  const leases = leasesFolder(agentFolder(state))
  let keeper: ChildProcess | undefined
  /** A number that no other sleeper of this machine has. */
  let seconds = 100_000 + (process.pid % 100_000)

  before(() => mkdirSync(leases, { recursive: true, mode: 0o700 }))
  async function startKeeper(): Promise<void> {
    const child = spawn(process.execPath, [keeperMain, leases], {
      stdio: ['ignore', 'ignore', 'inherit', 'pipe'],
    })
    keeper = child
    child.stdio[3]?.on('error', () => {})
    cleanup.add(() => child.kill('SIGKILL'))
    await until('the keeper is there', () => {
      const file = join(leases, 'keeper')
      return existsSync(file) && JSON.parse(readFileSync(file, 'utf8')).pid === child.pid ? true : undefined
    })
  }
  const policy = (text: string) => {
    const path = join(folder, 'policy.yaml')
    writeFileSync(path, text, { mode: 0o644 })
    return path
  }
  const cli = (...args: string[]) => {
    const child = spawn(process.execPath, [cliMain, '--state', state, ...args], { stdio: 'ignore' })
    cleanup.add(() => child.kill('SIGKILL'))
    return child
  }
  const sleepers = (of: number) =>
    processes().filter(({ args, state: how }) => args === `/bin/sleep ${of} ` && how !== 'Z')
  const files = () => readdirSync(leases).filter((name) => name.endsWith('.json'))

  /** The agent at `body`, killed once there are so many sleepers. */
  async function killedAt(body: (of: number) => string, many: number): Promise<{ of: number; at: number }> {
    const of = ++seconds
    cleanup.add(() => sleepers(of).forEach(({ pid }) => void process.kill(pid, 'SIGKILL')))
    const agent = cli('agent', 'run', '--act', '--no-locks', '--policy', policy(body(of)))
    await until('it is at work', () => sleepers(of).length === many || undefined)
    await until('its lease is there', () => files().length > 0 || undefined)
    agent.kill('SIGKILL')
    return { of, at: Date.now() }
  }
  const gone = (of: number) =>
    until('nothing of it is left', () => sleepers(of).length === 0 || undefined, goneSeconds)
  const withChild = (of: number) =>
    `promises:\n  - commands: { argv: [/bin/sh, -c, "/bin/sleep ${of} & /bin/sleep ${of}; true"], timeout: 1h }\n`

  it('a command and what it started are gone within a second or so; so is a mail program', async (t) => {
    await startKeeper()
    const one = await killedAt(withChild, 2)
    await gone(one.of)
    t.diagnostic(`gone ${Date.now() - one.at} ms after`)
    await until('its lease is over', () => files().length === 0 || undefined, goneSeconds)
    const mail = await killedAt(
      (of) => `promises:\n  - report: { text: hello, to: mail, argv: [/bin/sleep, "${of}"] }\n`,
      1,
    )
    await gone(mail.of)
  })

  it('a collector is gone, and the process that it traced goes on', async (t) => {
    if (!existsSync('/usr/bin/strace')) return t.skip('strace is not installed')
    const traced = spawn('/bin/sh', ['-c', 'while :; do sleep 0.05; done'], { stdio: 'ignore' })
    cleanup.add(() => traced.kill('SIGKILL'))
    const collector = cli('evidence', 'collect', String(traced.pid), '--for', '10m', '--size', '1000000')
    const strace = await until(
      'strace is attached',
      () =>
        processes().find(({ args }) => args.startsWith('/usr/bin/strace') && args.includes(` ${traced.pid} `))
          ?.pid,
    )
    await until('its lease is there', () => files().length > 0 || undefined)
    collector.kill('SIGKILL')
    await until('strace is gone', () => !alive(strace) || undefined, goneSeconds)
    const pid = traced.pid as number
    await until('it is traced by nobody', () => tracerOf(pid) === '0' || undefined, goneSeconds)
    await pause(1000)
    assert.notEqual(statusOf(pid), 'T')
    assert.ok(alive(pid))
  })

  it('without a keeper the program itself ends, and the next run ends what it left', async (t) => {
    keeper?.stdio[3]?.destroy()
    await until('no keeper is left', () => keeper?.exitCode ?? undefined)
    const { of } = await killedAt(withChild, 2)
    if (existsSync('/usr/bin/setpriv')) {
      await until(
        'the shell is gone',
        () => sleepers(of).every(({ parent }) => parent === 1 || !alive(parent)) || undefined,
      )
    } else t.diagnostic('setpriv(1) is not installed: the next run ends all of it')
    const said: string[] = []
    await agentRun({
      ...{ state, tags: [], never: [], daemon: undefined, noLocks: true, mode: 'act' },
      policyFile: policy('promises:\n  - commands: { argv: [/bin/true] }\n'),
      say: (line) => said.push(line),
      signal: new AbortController().signal,
    })
    await gone(of)
    assert.ok(
      said.some((line) => /^program \d+: .*: ended: its run died$/.test(line)),
      said.join('\n'),
    )
    assert.deepEqual(files(), [])
  })

  it('of a run that was killed and that nobody has looked at yet, lock and leases are given up all the same', async () => {
    const of = ++seconds
    const text = `promises:\n  - commands: { argv: [/bin/sleep, "${of}"], timeout: 1h }\n`
    // A parent that stands still collects nobody: its killed child stays a zombie.
    const parent = spawn(
      '/bin/sh',
      [
        '-c',
        '"$@" & echo $!; wait',
        'sh',
        process.execPath,
        cliMain,
        '--state',
        state,
        'agent',
        'run',
        '--act',
        '--no-locks',
        '--policy',
        policy(text),
      ],
      { stdio: ['ignore', 'pipe', 'ignore'] },
    )
    cleanup.add(() => parent.kill('SIGKILL'))
    let said = ''
    parent.stdout.on('data', (chunk) => {
      said += chunk
    })
    await until('it is at work', () => sleepers(of).length === 1 || undefined)
    await until('its lease is there', () => files().length > 0 || undefined)
    parent.kill('SIGSTOP')
    process.kill(Number(said), 'SIGKILL')
    await until('it is a zombie', () => statusOf(Number(said)) === 'Z' || undefined)
    const report = await agentRun({
      ...{ state, tags: [], never: [], daemon: undefined, noLocks: true, mode: 'act', say() {} },
      policyFile: policy('promises:\n  - commands: { argv: [/bin/true] }\n'),
      signal: new AbortController().signal,
    })
    assert.ok(!('held' in report), 'its lock is taken over')
    assert.equal(statusOf(Number(said)), 'Z')
    await gone(of)
    assert.deepEqual(files(), [])
    parent.kill('SIGCONT')
  })

  it("a living run's program outlives the keeper, and ends by its time limit whoever lives", async () => {
    const of = ++seconds
    const agent = cli(
      ...['agent', 'run', '--act', '--no-locks', '--policy'],
      policy(`promises:\n  - commands: { argv: [/bin/sleep, "${of}"], timeout: 1h }\n`),
    )
    await until('it is at work', () => sleepers(of).length === 1 || undefined)
    await until('its lease is there', () => files().length > 0 || undefined)
    const [lease] = files()
    const keeping = new LeaseKeeper(leases)
    assert.deepEqual(keeping.returnAll(), [], 'its run waits for it')
    assert.equal(sleepers(of).length, 1)
    assert.equal(keeping.sweep(Date.now() + 3_600_000).length, 0)
    const [over] = keeping.sweep(Date.now() + 3_611_000)
    assert.equal(`${over?.id}.json`, lease)
    await gone(of)
    agent.kill('SIGKILL')
  })
})

const tracerOf = (pid: number) =>
  /^TracerPid:\t(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
