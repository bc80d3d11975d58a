/** The profiles that ship: what the files say of themselves, and how ordinary runs of this host's programs fare. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { DEFAULT_SETTINGS, decodeProfile, EMPTY, type ProfileRecord, tableInForce } from '#homeostasis'
import { sha256Of, type WatchResult, watchCommand } from '#sensor'

const folder = mkdtempSync(join(tmpdir(), 'lymph-test-'))
after(() => rmSync(folder, { recursive: true, force: true }))
writeFileSync(join(folder, 'text'), 'one line\n'.repeat(3000))
spawnSync('gzip', ['-k', 'text'], { cwd: folder })
spawnSync('tar', ['-cf', 'text.tar', 'text'], { cwd: folder })

const files = globSync('profiles/**/*').filter(
  (path) => /^profiles\/.*\/[^/.]+$/.test(path) && existsSync(path),
)
const shipped = new Map<string, ProfileRecord>()
for (const path of files)
  try {
    shipped.set(path.slice('profiles'.length), decodeProfile(readFileSync(path)))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EISDIR') throw error
  }

/** Not among the runs they were learned from, but nothing that should surprise. */
const ordinary: Record<string, string[]> = {
  '/usr/bin/less': ['less text | head -n 3 >/dev/null', 'cat text | less | wc -l >/dev/null'],
  '/usr/bin/ls': [
    'ls -lart . >/dev/null',
    'ls -1F /usr | tail -n 1 >/dev/null',
    'ls text nothing 2>/dev/null',
  ],
  '/usr/bin/tar': [
    'tar -tvf text.tar >/dev/null',
    'tar -czf new.tgz text && tar -xzf new.tgz -O | wc -c >/dev/null',
  ],
  '/usr/bin/gzip': ['gzip -9 <text | gzip -dc | wc -c >/dev/null', 'gzip -l text.gz >/dev/null'],
  '/usr/bin/sha256sum': ['sha256sum text text.gz >/dev/null', 'sha256sum text | sha256sum -c >/dev/null'],
}

/** What is plainly not what the program is started for, with what must come of it. */
const unusual: Record<string, string> = {
  '/usr/bin/less': `printf '!true\\r\\rq' | script -qec 'less text' /dev/null >/dev/null`,
  '/usr/bin/tar': 'tar -cf /dev/null --checkpoint=1 --checkpoint-action=exec=true text text text',
}

async function run(binary: string, command: string): Promise<WatchResult> {
  const record = shipped.get(binary) as ProfileRecord
  const rows = record.tables.rows.map((row) => ({ ...row, test: row.train }))
  const inForce = { ...record, tables: { ...record.tables, rows, normal: true } }
  return await watchCommand(['sh', '-c', command], {
    settings: { ...DEFAULT_SETTINGS, anomalyLimit: 0x7fffffff },
    saved: async (executable) => (executable.path === binary ? inForce : undefined),
    cwd: folder,
    env: { PATH: '/usr/bin:/bin', HOME: folder, LANG: 'C.UTF-8', TERM: 'xterm' },
    stdio: ['ignore', 'ignore', 'ignore'],
  })
}

describe('profiles that ship', () => {
  it('are those of less, ls, tar, gzip and sha256sum', () => {
    assert.deepEqual([...shipped.keys()].sort(), Object.keys(ordinary).sort())
  })

  for (const [binary, record] of shipped) {
    it(`${binary}: says what it is of and where it comes from`, () => {
      assert.equal(record.key.binary, binary)
      assert.equal(record.key.window, 6)
      assert.equal(record.empty, 'symbol')
      assert.match(record.key.sha256, /^[0-9a-f]{64}$/)
      assert.match(record.about.package ?? '', /^[a-z0-9]+ \S+$/)
      assert.match(record.about.system ?? '', /^Debian .*\d/)
      assert.ok(Number(record.about.runs) >= 100)
      assert.equal(record.tables.normal, false)
      const table = tableInForce(record)
      assert.ok(table.pairs > 300, `${table.pairs} pairs`)
      assert.ok([...table.entries()].some((pair) => pair.previous === EMPTY))
      assert.ok(
        record.tables.train.lastModCount > 0.2 * record.tables.train.trainCount,
        'the second time brought news',
      )
    })

    it(`${binary}: ordinary runs of the program are ordinary`, async (context) => {
      const probe = spawnSync('strace', ['-qq', '-o', '/dev/null', 'true'])
      if (probe.status !== 0) return context.skip('strace is not installed, or may not trace here')
      if (!existsSync(binary)) return context.skip(`${binary} is not installed`)
      if ((await sha256Of(binary)) !== record.key.sha256)
        return context.skip(`${binary} is not the one of ${record.about.package} that was learned`)
      let anomalous = 0
      for (const command of ordinary[binary] ?? []) {
        const result = await run(binary, command)
        assert.ok(result.profiles.some((profile) => profile.key.binary === binary))
        anomalous += result.anomalous
      }
      assert.ok(anomalous <= 6, `${anomalous} anomalous calls: at most one new thing`)
      const command = unusual[binary]
      if (command === undefined) return
      const odd = await run(binary, command)
      assert.ok(
        odd.anomalies.some((event) => event.lfc >= 6),
        `${command}: ${odd.anomalous} anomalous calls`,
      )
    })
  }
})
