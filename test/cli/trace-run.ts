/** Runs `lymph trace` on files of its own. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after } from 'node:test'
import { fileURLToPath } from 'node:url'

const main = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url))
export const folder = mkdtempSync(join(tmpdir(), 'lymph-trace-'))
after(() => rmSync(folder, { recursive: true, force: true }))
export const at = (name: string) => join(folder, name)

export function trace(...args: string[]): { status: number | null; out: string; err: string } {
  const env = { ...process.env, NO_COLOR: '1', SOURCE_DATE_EPOCH: '1000000000' }
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, 'trace', ...args], {
    encoding: 'utf8',
    env,
  })
  return { status, out: stdout, err: stderr }
}

/** Exit 2, nothing on standard output, one line. */
export function refused(why: RegExp, ...args: string[]): void {
  const { status, out, err } = trace(...args)
  assert.equal(status, 2, `${args.join(' ')}: ${out}${err}`)
  assert.equal(out, '')
  const lines = err
    .trim()
    .split('\n')
    .filter((line) => !line.startsWith('lymph trace: '))
  assert.equal(lines.length, 1, err)
  assert.match(lines[0]!, why)
  assert.ok(!/\n\s+at /.test(err), 'no stack')
}

export const rows = (out: string) =>
  out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>)

export const cycle = (pid: number, calls: number[], times: number) =>
  Array.from({ length: times }, () => calls.map((call) => `${pid} ${call}\n`).join('')).join('')
