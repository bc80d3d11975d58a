/** The walking whole, with real processes: two hosts, one mesh, an abnormal run, a warning; deaths by kill -9. */
import assert from 'node:assert/strict'
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { promisify } from 'node:util'
import { noKernel } from '../sensor/kernel/available.ts'

const run = promisify(execFile)
const lymph = new URL('../../src/cli/main.ts', import.meta.url).pathname
const skip = (await noKernel()) ?? false

describe('two hosts', { skip }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'lymph-two-'))
  const alpha = join(folder, 'alpha')
  const beta = join(folder, 'beta')
  const helper = join(folder, 'helper')
  const ups: ChildProcess[] = []

  const ask = async <T>(state: string, ...args: string[]): Promise<T> => {
    const { stdout } = await run(process.execPath, [lymph, '--state', state, '--json', ...args])
    return JSON.parse(stdout) as T
  }

  async function up(state: string, ...args: string[]): Promise<ChildProcess> {
    const child = spawn(process.execPath, [lymph, '--state', state, 'up', ...args])
    ups.push(child)
    const lines: string[] = []
    await new Promise<void>((resolve, reject) => {
      const take = (chunk: Buffer) => {
        lines.push(chunk.toString())
        if (lines.join('').split('\n').includes('ready')) resolve()
      }
      child.stdout.on('data', take)
      child.stderr.on('data', take)
      child.on('exit', (code) => reject(new Error(`up ended with ${code}: ${lines.join('')}`)))
    })
    return child
  }

  before(async () => {
    copyFileSync('/bin/sh', helper)
    await up(alpha, '--host', 'alpha', '--listen', `/ip4/127.0.0.1/tcp/${await freePort()}`)
    await up(beta, '--host', 'beta', '--no-sensor', '--listen', `/ip4/127.0.0.1/tcp/${await freePort()}`)
  })

  after(async () => {
    for (const child of ups) if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL')
    rmSync(folder, { recursive: true, force: true })
  })

  it('join with one line on each side', async () => {
    await ask(alpha, 'mesh', 'init')
    const { token } = await ask<{ token: string }>(alpha, 'mesh', 'invite')
    const joined = spawn(process.execPath, [lymph, '--state', beta, 'mesh', 'join', '-'])
    joined.stdin.end(`${token}\n`)
    assert.equal(await new Promise((resolve) => joined.once('exit', resolve)), 0)
    const members = await ask<{ name: string; state: string }[]>(beta, 'mesh', 'members')
    assert.deepEqual(members.map(({ name, state }) => `${name} ${state}`).sort(), [
      'alpha alive',
      'beta alive',
    ])
  })

  it('an abnormal run on one is a warning on the other, with binary, pairs and LFC', async () => {
    for (let i = 0; i < 30; i++) await run(helper, ['-c', 'cd /; : >/dev/null'])
    await until(async () =>
      (await ask<{ binary: string; sha256: string; calls: number }[]>(alpha, 'profile', 'list')).find(
        ({ binary, sha256, calls }) => binary === helper && sha256 !== '' && calls > 0,
      ),
    )
    await run(process.execPath, [lymph, '--state', alpha, 'profile', 'normalize', helper])
    await run(helper, ['-c', 'umask 077; trap : USR1; kill -USR1 $$; ulimit -S -n 64'])
    const warning = await until(async () =>
      (
        await ask<{ subject: string; host: string; pairs: unknown[]; maxLfc: number; raised: number }[]>(
          beta,
          'warnings',
        )
      ).find(({ subject }) => subject === helper),
    )
    assert.equal(warning.host, 'alpha')
    assert.ok(warning.pairs.length > 0)
    assert.ok(warning.maxLfc > 0)
    const [incident] = (
      await ask<{ binary: string; firstSeen: number; pairs: { current: number }[] }[]>(
        alpha,
        'incident',
        'list',
      )
    ).filter(({ binary }) => binary === helper)
    assert.ok(incident)
    assert.ok(
      incident.pairs.some(({ current }) => current === 95),
      'umask (95) is among the unseen calls',
    )
    // Both hosts are this machine, so that their clocks are one.
    assert.ok(warning.raised - incident.firstSeen < 1000, `${warning.raised - incident.firstSeen} ms`)
  })

  it('compares profiles: beta has none of the helper, alpha is fetched and verified', async () => {
    const comparison = await until(async () => {
      const found = await ask<{ hosts: { name: string; pairs: number }[] }>(
        beta,
        'fleet',
        'compare',
        helper,
        'alpha',
      )
      return found.hosts.length > 0 ? found : undefined
    })
    assert.deepEqual(
      comparison.hosts.map(({ name }) => name),
      ['alpha'],
    )
    assert.ok((comparison.hosts[0]?.pairs ?? 0) > 50)
  })

  for (const part of ['sensor/kernel/main.ts', 'daemon'])
    it(`comes back after kill -9 of ${part}, with the profile it had`, async () => {
      type Row = { binary: string; pairs: number; state: string }
      const rowOf = async () =>
        (await ask<Row[]>(alpha, 'profile', 'list')).find(({ binary }) => binary === helper)
      const earlier = (await rowOf()) as Row
      const [pid] = childrenOf(ups[0]?.pid as number).filter(({ args }) => args.includes(part))
      assert.ok(pid, `no child runs ${part}`)
      process.kill(pid.pid, 'SIGKILL')
      const row = await until(async () => {
        if (
          childrenOf(ups[0]?.pid as number).some(
            ({ args, pid: now }) => args.includes(part) && now !== pid.pid,
          )
        )
          return rowOf().then(
            (now) => (now && now.pairs >= earlier.pairs ? now : undefined),
            () => undefined,
          )
        return undefined
      })
      assert.equal(row.state, 'normal')
      assert.deepEqual(stopped(), [])
    })

  it('a second `up` on the same state says whose it is', async () => {
    await assert.rejects(
      run(process.execPath, [lymph, '--state', alpha, 'up']),
      ({ code, stderr }: { code: number; stderr: string }) =>
        code === 2 && new RegExp(`in use by process ${ups[0]?.pid}: stop that one`).test(stderr),
    )
  })

  it('ends on SIGINT with no child left', async () => {
    const pids = ups.flatMap(({ pid }) => childrenOf(pid as number).map((child) => child.pid))
    assert.ok(pids.length >= 3)
    for (const child of ups) {
      const gone = new Promise((resolve) => child.once('exit', resolve))
      child.removeAllListeners('exit')
      child.once('exit', () => {})
      child.kill('SIGINT')
      const code = await Promise.race([gone, new Promise((resolve) => child.once('exit', resolve))])
      assert.equal(code, 0)
    }
    await until(async () => pids.every((pid) => !alive(pid)) || undefined)
  })

  it('finds every profile after a restart, and kill -9 of `up` leaves no child', async () => {
    const again = await up(alpha, '--host', 'alpha', '--listen', `/ip4/127.0.0.1/tcp/${await freePort()}`)
    again.removeAllListeners('exit')
    const rows = await ask<{ binary: string; state: string; pairs: number }[]>(alpha, 'profile', 'list')
    const row = rows.find(({ binary }) => binary === helper)
    assert.equal(row?.state, 'normal')
    assert.ok(row.pairs > 50)
    const pids = childrenOf(again.pid as number).map(({ pid }) => pid)
    assert.equal(pids.length, 2)
    again.kill('SIGKILL')
    await until(async () => pids.every((pid) => !alive(pid)) || undefined)
    assert.deepEqual(stopped(), [])
  })
})

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  await new Promise((resolve) => server.close(resolve))
  return port
}

async function until<T>(look: () => Promise<T | undefined>): Promise<T> {
  let last: unknown
  for (
    const end = Date.now() + 30_000;
    Date.now() < end;
    await new Promise((resolve) => setTimeout(resolve, 100))
  ) {
    try {
      const found = await look()
      if (found !== undefined) return found
    } catch (error) {
      last = error
    }
  }
  throw new Error('it did not happen within 30 s', { cause: last })
}

const statOf = (pid: number | string): string[] => {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')
}

function processes(): { pid: number; state: string; parent: number; args: string }[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        const [state, parent] = statOf(name)
        const args = readFileSync(`/proc/${name}/cmdline`, 'utf8').replaceAll('\0', ' ')
        return [{ pid: Number(name), state: state as string, parent: Number(parent), args }]
      } catch {
        return []
      }
    })
}

const childrenOf = (pid: number) => processes().filter(({ parent }) => parent === pid)
const stopped = () => processes().filter(({ state, args }) => state === 'T' && args.includes('helper'))

function alive(pid: number): boolean {
  try {
    return statOf(pid)[0] !== 'Z'
  } catch {
    return false
  }
}
