/** The software sensor over strace: the suite with real programs, and commands under `watchCommand`. */
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { PassThrough } from 'node:stream'
import { after, describe, it } from 'node:test'
import { DEFAULT_SETTINGS, decodeProfile, encodeProfile, type ProfileRecord } from '#homeostasis'
import { SoftwareSensor, StraceSource, watchCommand } from '#sensor'
import { hostAbi } from '#syscalls'
import { makeProgram, noPlayer, playerArguments } from './player.ts'
import { sensorSuite } from './suite.ts'

function noStrace(): string | undefined {
  const probe = spawnSync('strace', ['-qq', '-o', '/dev/null', 'true'], { encoding: 'utf8' })
  if (probe.error) return 'strace is not installed'
  return probe.status === 0 ? undefined : `strace may not trace here: ${probe.stderr.trim()}`
}

const skip = noStrace() ?? noPlayer()
const folder = mkdtempSync(join(tmpdir(), 'lymph-test-'))
after(() => rmSync(folder, { recursive: true, force: true }))

const quoted = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`

sensorSuite(
  'strace',
  {
    delays: true,
    identifies: true,
    async make(settings, saved, listen) {
      // A shell under strace starts each program that is played, and says when it has ended.
      const source = new StraceSource(['/bin/sh', '-s'], { stdio: ['pipe', 'pipe', 'inherit'] })
      const sensor = new SoftwareSensor(source, { tickMs: 100 })
      sensor.onEvent(listen)
      await sensor.start(settings, saved)
      const said = createInterface({ input: source.stdout ?? new PassThrough() })
      return {
        sensor,
        path: (name) => makeProgram(folder, name),
        async play(name, steps) {
          const command = [makeProgram(folder, name), ...playerArguments(steps)].map(quoted).join(' ')
          source.stdin?.write(`${command}; echo played\n`)
          await once(said, 'line')
        },
        async stop() {
          source.stdin?.end('exit\n')
          await sensor.ended()
          await sensor.stop()
        },
      }
    },
  },
  skip,
)

const quiet = {
  settings: DEFAULT_SETTINGS,
  stdio: ['ignore', 'ignore', 'ignore'] as ['ignore', 'ignore', 'ignore'],
}

describe('watchCommand', { skip: skip ?? false }, () => {
  it('passes the exit code on, or the signal as a shell does', async () => {
    assert.equal((await watchCommand(['sh', '-c', 'exit 3'], quiet)).exitCode, 3)
    const killed = join(folder, 'killed.sh')
    writeFileSync(killed, 'kill -TERM $$\n')
    assert.equal((await watchCommand(['sh', killed], quiet)).exitCode, 128 + 15)
  })

  it('grows a profile for each program that ran: links resolved, scripts as their interpreter', async () => {
    const script = join(folder, 'script')
    writeFileSync(script, '#!/bin/sh\nls / | cat >/dev/null\n', { mode: 0o755 })
    const { profiles, totals } = await watchCommand([script], quiet)
    const names = profiles.map((profile) => profile.key.binary)
    assert.equal(new Set(names).size, names.length)
    assert.ok(names.some((name) => name.endsWith('/ls')) && names.some((name) => name.endsWith('/cat')))
    assert.ok(!names.includes(script))
    for (const { key, tables } of profiles) {
      assert.match(key.sha256, /^[0-9a-f]{64}$/)
      assert.equal(key.abi, hostAbi())
      assert.ok(tables.calls > 20 && tables.rows.length > 5)
    }
    assert.equal(totals.seen, totals.processed + totals.skipped + totals.lost)
    assert.equal(
      totals.processed,
      profiles.reduce((sum, { tables }) => sum + tables.calls, 0),
    )
  })

  it('the command sees what it sees without: no descriptor, environment or input of ours', async () => {
    const out = join(folder, 'seen')
    const probe = `ls -l /proc/self/fd | wc -l > ${out}.%; env | sort >> ${out}.%; cat >> ${out}.%`
    for (const name of ['with', 'without']) {
      const argv = ['sh', '-c', probe.replaceAll('%', name)]
      if (name === 'with') await watchCommand(argv, quiet)
      else spawnSync(argv[0] as string, argv.slice(1), { stdio: 'ignore' })
    }
    const { stdout } = spawnSync('diff', ['-I', '^_=', `${out}.with`, `${out}.without`], { encoding: 'utf8' })
    assert.equal(stdout, '')
  })

  it('goes on from a saved profile: a normal one accuses, and is given back grown', async () => {
    const saved: ProfileRecord[] = []
    const learn = async (steps: number[], from: ProfileRecord | undefined) => {
      const argv = [makeProgram(folder, 'watched'), ...playerArguments(steps)]
      const result = await watchCommand(argv, { ...quiet, saved: async () => from })
      const record = result.profiles[0] as ProfileRecord
      saved.push(decodeProfile(encodeProfile(record)))
      return { ...result, record }
    }
    let record: ProfileRecord | undefined
    for (let n = 0; n < 3; n++) record = (await learn([110, 146, 110], record)).record
    const normal: ProfileRecord = { ...(record as ProfileRecord) }
    const rows = normal.tables.rows.map((row) => ({ ...row, test: row.train.slice() }))
    normal.tables = { ...normal.tables, rows, normal: true }
    const calm = await learn([110, 146, 110], normal)
    assert.deepEqual(calm.anomalies, [])
    const odd = await learn([110, 147, 110], normal)
    assert.equal(odd.anomalies[0]?.current, 147)
    assert.equal(odd.anomalies[0]?.binary, makeProgram(folder, 'watched'))
    assert.equal(odd.anomalous, odd.anomalies.length)
    assert.ok(odd.record.tables.calls > normal.tables.calls)
    assert.equal(odd.record.since, normal.since)
  })

  it('refuses a saved profile of another window, and does not hand it back overwritten', async () => {
    const { profiles } = await watchCommand(['true'], {
      ...quiet,
      settings: { ...DEFAULT_SETTINGS, window: 9 },
    })
    const result = await watchCommand(['true'], { ...quiet, saved: async () => profiles[0] })
    assert.deepEqual(result.profiles, [])
    assert.match(result.refused[0]?.message ?? '', /windows of 9 calls, and 6 are set/)
    const broken = await watchCommand(['sh', '-c', 'exit 4'], {
      ...quiet,
      saved: () => Promise.reject(new Error('the disk is on fire')),
    })
    assert.deepEqual([broken.exitCode, broken.profiles.length], [4, 0])
    assert.equal(broken.refused[0]?.message, 'the disk is on fire')
  })

  it('a listener that fails ends the watching, not the command', async () => {
    const mark = join(folder, 'survived')
    const watching = watchCommand(['sh', '-c', `ls / >/dev/null; echo done > ${mark}`], {
      ...quiet,
      onEvent: (event) => {
        if (event.type === 'novelty') throw new Error('no room for news')
      },
    })
    await assert.rejects(watching, /no room for news/)
    await new Promise((resolve) => setTimeout(resolve, 300))
    assert.equal(existsSync(mark), true)
  })

  it('says in one line why it cannot: no such command, no strace, and leaves nothing behind', async () => {
    const before = readdirSync(tmpdir()).filter((name) => name.startsWith('lymph-watch-'))
    await assert.rejects(watchCommand(['no-such-command'], quiet), { code: 'command-not-found' })
    const node = process.execPath
    await assert.rejects(watchCommand([node, '--version'], { ...quiet, env: { PATH: folder } }), {
      code: 'no-strace',
      message: /apt-get install strace/,
    })
    const forbidden = join(folder, 'forbidden')
    mkdirSync(forbidden)
    const says = 'strace: attach: ptrace(PTRACE_SEIZE, 7): Operation not permitted'
    writeFileSync(join(forbidden, 'strace'), `#!/bin/sh\necho '${says}' >&2; exit 1\n`, { mode: 0o755 })
    await assert.rejects(watchCommand([node, '--version'], { ...quiet, env: { PATH: forbidden } }), {
      code: 'ptrace-forbidden',
      message: /PTRACE_SEIZE.*ptrace_scope.*SYS_PTRACE/,
    })
    await watchCommand(['true'], quiet)
    assert.deepEqual(
      readdirSync(tmpdir()).filter((name) => name.startsWith('lymph-watch-')),
      before,
    )
  })

  it('a process that is held runs on when the watcher is killed', async () => {
    const name = makeProgram(folder, 'held')
    const script = join(folder, 'hold.ts')
    const steps = JSON.stringify(playerArguments([110, 147, { pauseMs: 600 }, 110, { pauseMs: 600 }]))
    // Everything is an anomaly to an empty profile that is normal, and a delay lasts a minute.
    writeFileSync(
      script,
      `import { watchCommand } from ${JSON.stringify(join(process.cwd(), 'src/sensor/index.ts'))}
      import { DEFAULT_SETTINGS, emptyTables } from ${JSON.stringify(join(process.cwd(), 'src/homeostasis/index.ts'))}
      const settings = { ...DEFAULT_SETTINGS, delayFactor: 6000, delayLimit: 60, defaultResponse: 'delay' }
      await watchCommand([${JSON.stringify(name)}, ...${steps}], {
        settings,
        stdio: ['ignore', 'ignore', 'ignore'],
        saved: async (executable) => ({
          key: { binary: executable.path, abi: executable.abi, window: 6, sha256: '' },
          empty: 'symbol', tables: { ...emptyTables(), normal: true }, frozen: false, normalTime: 0,
          since: 0, made: 0, names: new Map(), about: {},
        }),
        onEvent: (event) => event.type === 'delayed' && console.log(event.pid),
      })`,
    )
    const watcher = spawn(process.execPath, [script], { stdio: ['ignore', 'pipe', 'inherit'] })
    const [line] = (await once(createInterface({ input: watcher.stdout }), 'line')) as [string]
    const state = () => {
      try {
        return /\nState:\s+(\S)/.exec(readFileSync(`/proc/${line}/status`, 'latin1'))?.[1]
      } catch {
        return 'ended'
      }
    }
    const until = async (holds: () => boolean) => {
      for (let n = 0; n < 100 && !holds(); n++) await new Promise((resolve) => setTimeout(resolve, 20))
      return holds()
    }
    assert.ok(await until(() => /[tT]/.test(state() ?? '')), 'it is stopped')
    const dead = once(watcher, 'exit')
    watcher.kill('SIGKILL')
    await dead
    assert.ok(await until(() => state() === 'ended'), `it ran to its end: ${state()}`)
  })

  it('stops watching without stopping the command', async () => {
    const mark = join(folder, 'mark')
    const source = new StraceSource(['sh', '-c', `sleep 0.7; echo done > ${mark}`], quiet)
    const sensor = new SoftwareSensor(source)
    await sensor.start(
      {
        window: 6,
        anomalyLimit: 30,
        tolerizeLimit: 12,
        localityWindow: 128,
        delayLimitMs: 0,
        defaultDelayUnitMs: 0,
      },
      [],
    )
    await sensor.stop()
    assert.equal(existsSync(mark), false)
    await new Promise((resolve) => setTimeout(resolve, 1500))
    assert.equal(existsSync(mark), true)
  })
})
