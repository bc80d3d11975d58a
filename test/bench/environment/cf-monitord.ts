/** The same figures of CFEngine's cf-monitord, where it is installed, in a work folder of its own. */
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

const where = (program: string) =>
  spawnSync('sh', ['-c', `command -v ${program}`], { encoding: 'utf8' }).stdout.trim()

/** Clock ticks of a process and of the children it waited for (its `ps`). */
function cpuMs(pid: number, ticksPerSecond: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  // utime, stime, cutime, cstime: fields 14 to 17 of proc(5).
  return (fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0) * 1000) / ticksPerSecond
}

export async function cfMonitord(samples: number): Promise<Record<string, unknown>> {
  const program = where('cf-monitord')
  if (!program) return { skipped: 'not installed: apt-get install cfengine3' }
  const ticks = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }))
  const work = mkdtempSync(join(tmpdir(), 'lymph-cf-monitord-'))
  const env = { ...process.env, CFENGINE_TEST_OVERRIDE_WORKDIR: work }
  for (const folder of ['bin', 'inputs', 'state', 'ppkeys']) mkdirSync(join(work, folder), { mode: 0o700 })
  symlinkSync(where('cf-promises'), join(work, 'bin', 'cf-promises'))
  const policy = 'body common control { bundlesequence => { "main" }; }\nbundle agent main { }\n'
  writeFileSync(join(work, 'inputs', 'promises.cf'), policy, { mode: 0o600 })
  execFileSync('cf-key', { env, stdio: 'ignore' })
  const daemon = spawn(program, ['-F', '-l', '-f', 'promises.cf'], { env, stdio: 'ignore' })
  try {
    const pid = daemon.pid!
    const file = join(work, 'state', 'env_data')
    const written = () => (existsSync(file) ? statSync(file).mtimeMs : 0)
    const next = async (before: number, wake: boolean) => {
      for (let i = 0; i < 1500 && written() === before; i++) {
        // Out of its sleep of 150 s, a sample at once. One that comes before it sleeps is lost: again.
        if (wake && i % 50 === 0) daemon.kill('SIGUSR2')
        await sleep(20)
      }
      if (written() === before) throw new Error('cf-monitord wrote no env_data within 30 s')
    }
    await next(0, false)
    const start = cpuMs(pid, ticks)
    for (let i = 0; i < samples; i++) {
      await next(written(), true)
    }
    const spent = cpuMs(pid, ticks) - start
    const rss = Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1])
    const observables = new Set(readFileSync(file, 'utf8').match(/^value_\w+/gm) ?? []).size
    const version = /[\d.]+/.exec(execFileSync(program, ['--version'], { encoding: 'utf8' }))?.[0]
    return {
      version,
      observables,
      samples,
      cpuMsPerSample: { mean: Number((spent / samples).toFixed(2)) },
      rssMiB: Math.round(rss / 1024),
    }
  } finally {
    daemon.kill('SIGTERM')
    const killer = setTimeout(() => daemon.kill('SIGKILL'), 5000)
    if (daemon.exitCode === null && daemon.signalCode === null)
      await new Promise((resolve) => daemon.once('exit', resolve))
    clearTimeout(killer)
    rmSync(work, { recursive: true, force: true })
  }
}
