import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { JournalMark, MeshEvent } from '#mesh'
import { connected, fleet, until } from './support.ts'

const mark = (seq: number, of = 'a'): JournalMark => ({ seq, hash: of.repeat(64) })

test('a journal that grows is believed; a shorter one, or another of the same length, is a cut that outlives a restart', async () => {
  const hosts = fleet('memory')
  try {
    let told: JournalMark | undefined = mark(7)
    const a = await hosts.found('a')
    const b = await hosts.join('b', a, { journal: () => told, timing: { alive: 100 } })
    await connected([a, b])
    const peer = b.node.status().peer
    const heard = () => a.node.members().find((member) => member.peer === peer)
    const cuts = () =>
      a.events.filter(
        (event): event is Extract<MeshEvent, { type: 'member' }> =>
          event.type === 'member' && event.change === 'journal-cut',
      )
    await until('a has heard of 7', () => heard()?.journal?.seq === 7)
    told = mark(9, 'b')
    await until('a has heard of 9', () => heard()?.journal?.seq === 9)
    assert.equal(heard()?.journalCut, undefined)
    assert.equal(cuts().length, 0)

    told = mark(9, 'c')
    await until('another of the same length is a cut', () => cuts().length === 1)
    told = mark(4, 'd')
    await until('a shorter one is a cut', () => cuts().length === 2)
    assert.deepEqual(heard()?.journal, mark(4, 'd'))
    assert.equal(cuts()[1]?.member.name, 'b')
    const since = heard()?.journalCut
    assert.ok(since !== undefined && Math.abs(Date.now() - since) < 60_000)

    await a.node.stop()
    const again = await hosts.open('a', a.folder, a.store, {})
    const kept = again.node.members().find((member) => member.peer === peer)
    assert.equal(kept?.journalCut, since)
    assert.equal(kept?.journal?.seq, 4)
  } finally {
    await hosts.end()
  }
})
