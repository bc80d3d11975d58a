/** `incident verify` while no daemon runs: the end of the journal against the head that the daemon left. */
import assert from 'node:assert/strict'
import { execFile, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { openStore } from '#store'
import { headFile, readHead, writeHead } from '../../../src/daemon/incidents/head-file.ts'
import { HostRecords } from '../../../src/daemon/incidents/records.ts'

const cliMain = new URL('../../../src/cli/main.ts', import.meta.url).pathname
const state = mkdtempSync(join(tmpdir(), 'lymph-head-'))
after(() => rmSync(state, { recursive: true, force: true }))

interface Told {
  code: number
  headFrom: string
  findings: { kind: string; seq?: number }[]
  last: number
}

function verify(...more: string[]): Promise<Told> {
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [cliMain, '--state', state, '--json', 'incident', 'verify', ...more],
      (error, out) => resolve({ code: Number(error?.code ?? 0), ...(JSON.parse(out) as Omit<Told, 'code'>) }),
    )
  })
}

test('a cut end shows by the head that the daemon left; where that is cut as well, by a head kept elsewhere', async () => {
  mkdirSync(join(state, 'run'))
  const store = await openStore(join(state, 'store'), { now: Date.now, log() {} })
  const records = new HostRecords({
    ...{ state, store, now: Date.now, messages: { level: 4, say() {}, close() {} } },
    ...{ saves: { rows: new Map() }, onTolerance() {} },
  })
  await records.open('alpha', '0.0.0')
  for (let lost = 1; lost <= 5; lost++) records.tell({ kind: 'gap', what: 'sensor', why: 'a test', lost })
  // As a daemon that is killed leaves it: nothing is closed in order.
  await records.journal.flush()
  const elsewhere = records.head()
  assert.ok(elsewhere)
  assert.deepEqual({ seq: 6, hash: elsewhere.hash }, elsewhere)
  assert.equal(readHead(state)?.hash, elsewhere.hash)
  const whole = await verify()
  assert.deepEqual([whole.code, whole.headFrom, whole.last, whole.findings], [0, 'file', 6, []])

  const folder = join(state, 'journal')
  const file = join(folder, readdirSync(folder)[0] as string)
  const lines = readFileSync(file, 'utf8').trimEnd().split('\n')
  writeFileSync(file, `${lines.slice(0, 4).join('\n')}\n`)
  const cut = await verify()
  assert.deepEqual(
    [cut.code, cut.headFrom, cut.findings.map(({ kind, seq }) => [kind, seq])],
    [1, 'file', [['truncated', 6]]],
  )
  // A copy is not compared with this host's head.
  assert.deepEqual((await verify('--journal', folder)).headFrom, 'none')

  // Who writes the whole state folder: what can not be found so, and what finds it.
  const { seq, hash } = JSON.parse(lines[3] as string) as { seq: number; hash: string }
  writeHead(state, { seq, hash }, Date.now())
  assert.deepEqual((await verify()).findings, [])
  const told = await verify('--head', `${elsewhere.seq}:${elsewhere.hash}`)
  assert.deepEqual([told.code, told.headFrom, told.findings[0]?.kind], [1, 'argument', 'truncated'])

  writeFileSync(headFile(state), '')
  assert.equal((await verify()).headFrom, 'none', 'an empty file is no head')
  rmSync(headFile(state))
  spawnSync('mkfifo', [headFile(state)])
  assert.equal(readHead(state), undefined, 'nobody waits at a pipe')
  await records.close()
  await store.close()
})
