/** Traces of any length, made as they are read; and what the command line needs of memory for them. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { TraceFormat } from '#syscalls'

const main = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url))

const names = ['read', 'write', 'openat', 'close', 'mmap', 'newfstatat', 'rt_sigaction', 'futex', 'brk']

/** Lines of about 100 processes, some of which fork, exec and end. */
const line: Partial<Record<TraceFormat, (i: number) => string>> = {
  pairs: (i) => `${1000 + ((i >> 3) % 100)} ${(i * 7) % 11}\n`,
  numbers: (i) => `${(i * 7) % 11} `,
  names: (i) => `${names[(i * 7) % names.length]} `,
  strace: (i) => {
    const pid = 1000 + ((i >> 3) % 100)
    if (i % 1000 === 500) return `${pid} clone(child_stack=NULL, flags=SIGCHLD) = ${200_000 + i}\n`
    if (i % 1000 === 501) return `${199_999 + i} execve("/bin/x", ["x"], 0x7ffe /* 3 vars */) = 0\n`
    if (i % 1000 === 502) return `${199_998 + i} +++ exited with 0 +++\n`
    return `${pid} ${names[(i * 7) % names.length]}(3, "\\177ELF\\2\\1\\1\\3\\0\\0\\0\\0"..., 832) = 832\n`
  },
}

export interface Streamed {
  bytes: number
  seconds: number
  /** VmHWM of the process, MiB. */
  peakRssMiB: number
  exit: number | null
  stdout: string
  stderr: string
}

/** Runs `lymph ARGS -` with that many bytes of a trace on its standard input. */
export async function streamed(args: string[], format: TraceFormat, bytes: number): Promise<Streamed> {
  const make = line[format]
  if (!make) throw new Error(`no generator for ${format}`)
  // A block of whole lines, repeated: making 500 MB of text line by line would be what is measured.
  const lines: string[] = []
  for (let i = 0; i < 80_000; i++) lines.push(make(i))
  const block = Buffer.from(lines.join(''))
  const begin = performance.now()
  const child = spawn(process.execPath, [main, ...args, '-'])
  let stdout = ''
  let stderr = ''
  child.stdout.on('data', (data) => {
    stdout += data
  })
  child.stderr.on('data', (data) => {
    stderr += data
  })
  child.stdin.on('error', () => {})
  const closed = once(child, 'close') as Promise<[number | null]>
  let peakKiB = 0
  const look = () => {
    try {
      peakKiB = Number(
        /^VmHWM:\s+(\d+)/m.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))?.[1] ?? peakKiB,
      )
    } catch {
      // It has ended.
    }
  }
  const watching = setInterval(look, 20)
  let sent = 0
  while (sent < bytes && child.exitCode === null) {
    if (!child.stdin.write(block)) await Promise.race([once(child.stdin, 'drain'), closed])
    sent += block.length
  }
  look()
  child.stdin.end()
  const [exit] = await closed
  clearInterval(watching)
  return {
    bytes: sent,
    seconds: (performance.now() - begin) / 1000,
    peakRssMiB: Math.round(peakKiB / 1024),
    exit,
    stdout,
    stderr,
  }
}
