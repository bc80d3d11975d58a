/**
 * The judgement through the real command line, on trace sets of the test data (LYMPH_TEST_DATA, or ../shared/data
 * beside the checkout): figures that `npm run bench -- judgement` prints for the same.
 */
import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { areaOf, caughtAt } from '../bench/judgement/figures.ts'
import { data } from '../bench/judgement/sets.ts'

const main = join(import.meta.dirname, '../../src/cli/main.ts')
const skip = existsSync(data) ? false : `no test data at ${data}: set LYMPH_TEST_DATA`
const folder = mkdtempSync(join(tmpdir(), 'lymph-judgement-test-'))
after(() => rmSync(folder, { recursive: true, force: true }))

interface Row {
  trace: string
  n: number
  r: number
  s: number
  bits: number
  severity: string
  why: {
    spoke: string[]
    m: number
    q: number
    newEdges: { parent: string; started: string }[]
    windows: { part: string; call: number; calls: string[] }[]
  }
}

function lymph(...args: string[]): string {
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, 'trace', ...args], {
    encoding: 'utf8',
    maxBuffer: 1 << 30,
  })
  assert.ok(status === 0 || status === 1, stderr)
  return stdout
}

function judge(name: string, train: string[], tested: string[], ...options: string[]): Row[] {
  const profile = join(folder, name)
  lymph('learn', '--judge', ...options, '-o', profile, ...train)
  return lymph('score', '--judge', '--json', '--profile', profile, ...tested)
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Row)
}

function unpacked(archive: string): string {
  execFileSync('tar', ['xzf', join(data, archive), '-C', folder])
  return folder
}
const filesIn = (place: string) =>
  readdirSync(place)
    .sort()
    .map((name) => join(place, name))

test('attacks on an FTP server are told from normal processes', { skip }, () => {
  const all = join(unpacked('fhids/FHIDS-open.tar.gz'), 'FHIDS-open')
  const number = (path: string) => Number.parseInt(path.split('/').at(-1)!, 10)
  const normal = filesIn(join(all, 'normal/FTP')).sort((a, b) => number(a) - number(b))
  const train = normal.filter((path) => number(path) % 2 === 0)
  const odd = normal.filter((path) => number(path) % 2 === 1)
  const rows = judge('ftp', train, [...odd, join(all, 'attack/FTP')], '--window', '9', '--empty', 'skip')
  const scores = {
    normal: rows.slice(0, odd.length).map(({ bits }) => bits),
    attack: rows.slice(odd.length).map(({ bits }) => bits),
  }
  assert.equal(scores.attack.length, 171)
  assert.ok(Math.abs(areaOf(scores) - 0.9999) < 0.0005, `AUC ${areaOf(scores)}`)
  assert.equal(caughtAt(scores, 0.01), 1)
  const attacks = rows.slice(odd.length)
  assert.ok(attacks.every(({ severity }) => severity === 'incident' || severity === 'severe'))
  assert.ok(attacks.every(({ why }) => why.spoke.length > 0 && why.windows.length > 0 && why.m === 439))
  assert.ok(
    rows.slice(0, odd.length).filter(({ severity }) => severity !== 'none').length < 0.02 * odd.length,
  )
})

test('an attack made of learned pairs is told by how rare they are', { skip }, () => {
  const all = join(unpacked('unm/lpr_unm.tar.gz'), 'lpr_unm')
  const normal = filesIn(join(all, 'normal'))
  const rows = judge(
    'lpr',
    normal.slice(0, 2149),
    [...normal.slice(2149, 3149), join(all, 'intrusion')],
    ...['--window', '9', '--empty', 'skip', '--abi', 'i386'],
  )
  const attack = rows.slice(1000)
  assert.equal(attack.length, 1001)
  const scores = {
    normal: rows.slice(0, 1000).map(({ bits }) => bits),
    attack: attack.map(({ bits }) => bits),
  }
  assert.equal(caughtAt(scores, 0.01), 1, 'where LFC catches none')
  const silent = attack.filter(({ n }) => n === 0)
  assert.ok(silent.length > 990, 'nothing of it is new')
  assert.ok(silent.every(({ why }) => why.spoke.includes('r') && !why.spoke.includes('n')))
})

test('a program that starts what it never started is severe', { skip }, () => {
  const all = join(unpacked('strace-capture/strace-open.tar.gz'), 'strace-open/awk')
  const rows = judge(
    'awk',
    filesIn(all).filter((path) => path.includes('/normal-')),
    [join(all, 'abuse-system-000.strace')],
  )
  const odd = rows.filter(({ severity }) => severity === 'severe')
  assert.ok(odd.some(({ why }) => why.newEdges.some(({ started }) => started.endsWith('/sh'))))
  assert.ok(
    odd.every(({ why }) => why.windows.every(({ calls }) => calls.every((call) => /^[a-z]/.test(call)))),
  )
})
