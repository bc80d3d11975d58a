/**
 * Suspended execs on real processes, in both ways: held in the kernel by the BPF LSM, where it loads, and asked about by
 * fanotify. Where this host's kernel takes no LSM program, `scripts/other-kernel` runs the same file under one that does.
 */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { after, afterEach, before, describe, it } from 'node:test'
import {
  agentFolder,
  agentRun,
  inspectExecGate,
  LeaseKeeper,
  leasesFolder,
  type RunReport,
  undoAct,
} from '#agent'
import { startTicksOf, statusOf } from '../../src/agent/host/processes.ts'
import { readGate } from '../../src/agent/leases/gate-file.ts'
import { Cleanup, pause, until } from './hosts.ts'

const keeperMain = new URL('../../src/agent/leases/main.ts', import.meta.url).pathname
const nobody = 65_534
/** Whatever dies, whoever is held runs free within this time. */
const leaseSeconds = 5

const best = process.getuid?.() === 0 ? inspectExecGate() : { how: 'none', why: 'it takes root' }
const skipOf = (kind: 'lsm' | 'fanotify') =>
  best.how === 'none' || (kind === 'lsm' && best.how !== 'lsm') ? best.why : false

for (const kind of ['lsm', 'fanotify'] as const)
  describe(`suspended execs by ${kind}`, { skip: skipOf(kind) }, () => {
    const cleanup = new Cleanup()
    after(() => cleanup.end())
    const folder = skipOf(kind) ? '' : cleanup.folder(`exec-${kind}`)
    const state = join(folder, 'state')
    const leases = leasesFolder(agentFolder(state))
    /** A program that root's list spares. */
    const spared = join(folder, 'spared-shell')
    const options = { state, tags: [], never: [spared], daemon: undefined, say() {} }
    let keeper: ChildProcess
    let said = ''

    async function startKeeper(): Promise<void> {
      keeper = spawn(process.execPath, [keeperMain, leases, kind === 'lsm' ? 'auto' : kind], {
        stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
      })
      for (const stream of keeper.stdio.slice(1)) stream?.on('error', () => {})
      for (const stream of [keeper.stdout, keeper.stderr])
        stream?.on('data', (chunk) => {
          said += chunk
        })
      const { pid } = keeper
      await until('the keeper is there', () => {
        const file = join(leases, 'keeper')
        return existsSync(file) && JSON.parse(readFileSync(file, 'utf8')).pid === pid ? true : undefined
      })
    }
    before(async () => {
      mkdirSync(leases, { recursive: true, mode: 0o700 })
      copyFileSync('/bin/sh', spared)
      chmodSync(spared, 0o755)
      await startKeeper()
      cleanup.add(async () => {
        if (keeper.exitCode !== null || keeper.signalCode !== null) return
        keeper.kill('SIGTERM')
        await once(keeper, 'exit')
      })
    })

    /** Whose lease keeps the gate open from one test to the next. */
    let idle = 0
    function clear(): void {
      for (const name of readdirSync(leases))
        if (name.endsWith('.json') && !readFileSync(join(leases, name), 'utf8').includes(`"pid":${idle},`))
          rmSync(join(leases, name), { force: true })
    }
    // Whatever a test that failed has left.
    afterEach(clear)

    interface Started {
      process: ChildProcess
      pid: number
      /** What it wrote so far. */
      out: () => string
      /** Lets it go on to its next line. */
      step: () => void
    }
    function start(script: string, argv0 = '/bin/sh'): Started {
      const child = spawn(argv0, ['-c', script], {
        stdio: ['pipe', 'pipe', 'ignore'],
        cwd: '/',
        uid: nobody,
        gid: nobody,
        detached: true,
      })
      child.stdin?.on('error', () => {})
      cleanup.add(() => {
        try {
          process.kill(-(child.pid as number), 'SIGKILL')
        } catch {
          // It has ended.
        }
      })
      let out = ''
      child.stdout?.on('data', (chunk) => {
        out += chunk
      })
      return {
        process: child,
        pid: child.pid as number,
        out: () => out,
        step: () => child.stdin?.write('\n'),
      }
    }

    async function suspend(pid: number, forS = 600, mode: 'act' | 'rehearse' = 'act'): Promise<RunReport> {
      const policyFile = join(folder, 'policy.yaml')
      const body = `filters: { one: { pid: { from: ${pid}, to: ${pid} } } }\npromises:\n  - processes: { filter: one, act: suspend_exec, for: ${forS}s }\n`
      writeFileSync(policyFile, body, { mode: 0o644 })
      const report = await agentRun({
        ...options,
        policyFile,
        mode,
        noLocks: true,
        signal: new AbortController().signal,
      })
      assert.ok(!('held' in report))
      if (mode === 'act') assert.equal(report.promises[0]!.state, 'repaired', JSON.stringify(report) + said)
      return report
    }
    const undo = (report: RunReport) =>
      undoAct({ ...options, policyFile: '' }, report.promises[0]!.steps[0]!.id)
    /** It had time enough to start its program, and did not. */
    async function waits(one: Started, out = ''): Promise<void> {
      await pause(1000)
      assert.equal(one.out(), out, 'nothing of it has taken effect')
    }
    /** Somebody else's exec, to its end; the time limit is that of a kernel that waits for somebody who is dead. */
    async function bystander(): Promise<void> {
      const child = spawn('/bin/true', { stdio: 'ignore', uid: nobody })
      const [code] = (await once(child, 'exit', { signal: AbortSignal.timeout(30_000) })) as [number | null]
      assert.equal(code, 0)
    }
    const gatePid = () => until('the gate says who it is', () => readGate(leases)?.pid)
    const gateGone = () =>
      until('the gate has ended', () => {
        const word = readGate(leases)
        return word && startTicksOf(word.pid) === word.startTicks ? undefined : true
      })

    it('the outcome says in which way; nobody else waits; at its time the exec is made, once', async () => {
      const one = start('read line; /bin/echo one; echo "code $?"; read line')
      // The gate is open before the time of this lease begins.
      const other = await suspend(start('read line').pid)
      const report = await suspend(one.pid, 8)
      await undo(other)
      assert.match(
        report.promises[0]!.steps[0]!.line,
        kind === 'lsm'
          ? /wait for 8 s \(BPF LSM\)$/
          : /wait for 8 s \(fanotify, as there is no BPF LSM: .+\)$/,
      )
      assert.equal(readGate(leases)?.how, kind)
      one.step()
      await waits(one)
      for (let i = 0; i < 5; i++) await bystander()
      await until('it goes on', () => one.out() === 'one\ncode 0\n' || undefined, 30)
      assert.ok(statusOf(one.pid), 'and lives on')
      await gateGone()
      await until('nothing is left of it', () => {
        const left = readdirSync(leases).filter((name) => name !== 'keeper')
        return left.length === 0 || undefined
      })
    })

    describe('while the gate is open', () => {
      before(async () => {
        idle = start('read line').pid
        await suspend(idle)
      })
      after(() => {
        idle = 0
        clear()
      })

      it('what descends from it waits too: who was there before, and who is forked since', async () => {
        const old = start(`(read line; /bin/echo background) & while read line; do (/bin/echo child); done`)
        // A shell in the background reads nothing: one of its own line does, on a pipe of its own.
        const deep = start(`/bin/sh -c '/bin/sh -c "read line; /bin/echo deep; :"; :'`)
        await pause(500)
        const reports = [await suspend(old.pid), await suspend(deep.pid)]
        old.step()
        deep.step()
        await pause(1000)
        assert.equal(old.out().includes('child'), false)
        assert.equal(deep.out(), '')
        for (const report of reports) assert.match(await undo(report), /taken back/)
        await until('the fork goes on', () => old.out().includes('child') || undefined, leaseSeconds)
        await until('the grandchild goes on', () => deep.out() === 'deep\n' || undefined, leaseSeconds)
      })

      it('one that has left its parents is still of the line', {
        skip: kind === 'fanotify' && 'fanotify tells who asks, and /proc only its living parents',
      }, async () => {
        const out = join(folder, 'orphan')
        writeFileSync(out, '', { mode: 0o666 })
        chmodSync(out, 0o666)
        const one = start(
          `read line; (( while [ $PPID = $$ ]; do :; done; /bin/echo orphan > ${out} ) & ); read line`,
        )
        const report = await suspend(one.pid)
        one.step()
        await pause(1500)
        assert.equal(readFileSync(out, 'utf8'), '')
        await undo(report)
        await until('it goes on', () => readFileSync(out, 'utf8') === 'orphan\n' || undefined, leaseSeconds)
      })

      it('whoever continues it too early only makes it ask again', {
        skip: kind === 'fanotify' && 'who waits for an answer is not stopped, and cannot be continued',
      }, async () => {
        const one = start('read line; exec /bin/echo twin')
        const report = await suspend(one.pid)
        one.step()
        await until('it waits', () => statusOf(one.pid) === 'T' || undefined)
        const twin = spawn(
          '/bin/sh',
          ['-c', `for i in 1 2 3 4 5 6 7 8 9 10; do kill -CONT ${one.pid}; done`],
          {
            uid: nobody,
            gid: nobody,
          },
        )
        await once(twin, 'exit')
        await waits(one)
        await until('it waits again', () => statusOf(one.pid) === 'T' || undefined)
        await undo(report)
        await until('it goes on', () => one.out() === 'twin\n' || undefined, leaseSeconds)
      })

      it('it can be killed while it waits', async () => {
        const one = start('read line; exec /bin/echo late')
        const report = await suspend(one.pid)
        one.step()
        await pause(700)
        one.process.kill('SIGKILL')
        await once(one.process, 'exit')
        await undo(report)
        assert.equal(one.out(), '')
      })

      it('many at once: all wait, others do not, all go on', async () => {
        const many = 40
        const one = start(
          `read line; i=0; while [ $i -lt ${many} ]; do /bin/echo x & i=$((i+1)); done; wait; echo all; read line`,
        )
        const report = await suspend(one.pid)
        one.step()
        await waits(one)
        await Promise.all(Array.from({ length: 10 }, bystander))
        await undo(report)
        await until('all went on', () => one.out() === `${'x\n'.repeat(many)}all\n` || undefined, 20)
      })

      it('more than may wait are refused', async () => {
        const many = 270
        const one = start(
          `read line; i=0; while [ $i -lt ${many} ]; do { /bin/echo x || echo no; } & i=$((i+1)); done; wait; echo all; read line`,
        )
        const report = await suspend(one.pid)
        one.step()
        const count = (what: string) =>
          one
            .out()
            .split('\n')
            .filter((line) => line === what).length
        await until('some are refused', () => count('no') === many - 256 || undefined, 60)
        assert.equal(count('x'), 0)
        await undo(report)
        await until('all went on', () => one.out().endsWith('all\n') || undefined, 60)
        assert.equal(count('x'), 256)
      })

      it("a program of root's list is not of the line, and nor is what it starts", async () => {
        const one = start(`${spared} -c 'read line; /bin/echo spared; read line'; :`)
        await pause(500)
        const report = await suspend(one.pid)
        one.step()
        await until('it starts what it wants', () => one.out() === 'spared\n' || undefined, 10)
        await undo(report)
      })

      it('two leases on one line: it waits until the last is over', async () => {
        const one = start(`/bin/sh -c 'read line; /bin/echo both; :'; :`)
        await pause(500)
        const child = await until('its child', () => {
          const [pid] = readFileSync(`/proc/${one.pid}/task/${one.pid}/children`, 'utf8').trim().split(' ')
          return pid ? Number(pid) : undefined
        })
        const [outer, inner] = [await suspend(one.pid), await suspend(child)]
        one.step()
        await waits(one)
        await undo(inner)
        await waits(one)
        await undo(outer)
        await until('it goes on', () => one.out() === 'both\n' || undefined, leaseSeconds)
      })
    })

    it('a rehearsal opens no gate', async () => {
      const one = start('read line; /bin/echo free; read line')
      await gateGone()
      await suspend(one.pid, 600, 'rehearse')
      one.step()
      await until('it starts what it wants', () => one.out() === 'free\n' || undefined, 10)
      assert.equal(readGate(leases), undefined)
    })

    const ends: Record<string, () => Promise<void>> = {
      'kill -9 of the gate': async () => {
        process.kill(await gatePid(), 'SIGKILL')
      },
      'a gate that hangs': async () => {
        process.kill(await gatePid(), 'SIGSTOP')
      },
      'kill -9 of the keeper': async () => {
        keeper.kill('SIGKILL')
      },
      'kill -9 of keeper and gate at once': async () => {
        const gate = await gatePid()
        keeper.kill('SIGKILL')
        process.kill(gate, 'SIGKILL')
        // What `lymph up` does when its keeper dies.
        new LeaseKeeper(leases).returnAll()
      },
      'the end of lymph up': async () => {
        keeper.stdio[3]?.destroy()
      },
    }
    for (const [name, end] of Object.entries(ends))
      it(`${name}: who waits goes on, and its next exec is free`, async (t) => {
        if (keeper.exitCode !== null || keeper.signalCode !== null) await startKeeper()
        await gateGone()
        const one = start('read line; /bin/echo first; read line; /bin/echo second; read line')
        const report = await suspend(one.pid)
        one.step()
        await waits(one)
        const gate = await gatePid()
        const begun = Date.now()
        await end()
        await until(
          'it goes on',
          () => one.out() === 'first\n' || undefined,
          name === 'a gate that hangs' ? 15 : leaseSeconds,
        )
        t.diagnostic(`free ${Date.now() - begun} ms after`)
        // A keeper that was killed has left its leases, and `lymph up` takes them back.
        if (keeper.exitCode !== null || keeper.signalCode !== null) await startKeeper()
        await until('the gate is gone', () => (startTicksOf(gate) === undefined ? true : undefined), 10)
        one.step()
        await until('and its next', () => one.out() === 'first\nsecond\n' || undefined, leaseSeconds)
        assert.ok(report.promises[0]!.steps[0]!.id)
        await bystander()
      })
  })
