/**
 * `npm run bench -- stream [MB]`: traces of 500 MB (or so many) through `lymph trace learn -`, against the same command
 * on 5 MB: MB and calls per second, and peak RSS of the process.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TraceFormat } from '#syscalls'
import { streamed } from '../cli/trace-stream.ts'

const megabytes = Number(process.argv[2] ?? 500)
const folder = mkdtempSync(join(tmpdir(), 'lymph-stream-'))
const results: Record<string, unknown> = {}
try {
  const profile = join(folder, 'profile')
  for (const format of ['strace', 'pairs', 'names', 'numbers'] satisfies TraceFormat[]) {
    const learn = ['trace', 'learn', '--json', '--window', '9', '-o', profile]
    const small = await streamed(learn, format, 5e6)
    const large = await streamed(learn, format, megabytes * 1e6)
    if (large.exit !== 0) throw new Error(`${format}: ${large.stderr}`)
    const { calls } = JSON.parse(large.stdout) as { calls: number }
    results[format] = {
      megabytes: Math.round(large.bytes / 1e6),
      calls,
      seconds: Number(large.seconds.toFixed(1)),
      megabytesPerSecond: Math.round(large.bytes / 1e6 / large.seconds),
      callsPerSecond: Math.round(calls / large.seconds),
      peakRssMiB: large.peakRssMiB,
      peakRssMiBOf5MB: small.peakRssMiB,
    }
  }
} finally {
  rmSync(folder, { recursive: true, force: true })
}
console.log(JSON.stringify({ bench: 'stream', node: process.versions.node, formats: results }))
