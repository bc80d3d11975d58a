import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Member } from '#mesh'
import { CUT_STANDS_MS, MemberWatch } from '../../../src/daemon/mesh/member-watch.ts'

const now = 1_790_000_000_000
const member = (more: Partial<Member> = {}): Member => ({
  ...{ name: 'web-7', peer: 'p7', state: 'alive', lastHeard: now - 1000, version: 'test', skewMs: 0 },
  ...{ certificateExpires: now * 2, certificateSince: 0, tags: [], connected: true, addresses: [] },
  ...more,
})

function watched() {
  const told: string[] = []
  const at = { now }
  const watch = new MemberWatch({
    now: () => at.now,
    onWarning: (change, { kind, host }) => void told.push(`${change} ${kind} ${host}`),
  })
  return { watch, told, at }
}

test('a silent member is told once, and once again when it is heard', () => {
  const { watch, told } = watched()
  watch.heed('silent', member({ state: 'silent' }))
  watch.heed('silent', member({ state: 'silent' }))
  watch.heed('alive', member())
  watch.heed('alive', member())
  assert.deepEqual(told, ['raised member_silent web-7', 'cleared member_silent web-7'])
  assert.deepEqual(
    watch.warnings([member(), member({ peer: 'p8', state: 'silent' })]).map(({ kind, peer }) => [kind, peer]),
    [['member_silent', 'p8']],
  )
})

test('a cut journal is severe, and stands for a day from when it was cut', () => {
  const { watch, told, at } = watched()
  const cut = member({ journal: { seq: 4, hash: 'd'.repeat(64) }, journalCut: now - 5000 })
  watch.heed('journal-cut', cut)
  assert.deepEqual(told, ['raised journal_cut web-7'])
  const [warning] = watch.warnings([cut])
  assert.equal(warning?.severity, 'severe')
  assert.equal(warning?.raised, now - 5000)
  assert.equal(warning?.expires, now - 5000 + CUT_STANDS_MS)
  at.now = now - 5000 + CUT_STANDS_MS
  assert.deepEqual(watch.warnings([cut]), [])
})
