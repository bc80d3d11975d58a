/** What asking, adoption and the guards against liars must do for 56 real hosts, replayed in order of time. */
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { test } from 'node:test'
import { adoptionRow, adoptionRows, poisoned } from '../bench/fleet/adoption.ts'
import { type AskRow, askRow, probesOf, rules } from '../bench/fleet/asking-table.ts'
import { byHost } from '../bench/fleet/fleet.ts'
import { colluding, liarFigures, noToAll, unprepared, yesToAll } from '../bench/fleet/liars.ts'
import { hostProcesses, lprcp, mitHosts } from '../bench/fleet/traces.ts'

const skip = existsSync(mitHosts) ? false : 'no test data'
const all = skip ? [] : await hostProcesses(mitHosts)
const hosts = byHost(all)
const attack = skip ? [] : await lprcp()
const rowOf = (name: string): AskRow =>
  askRow(rules.find((rule) => rule.name === name)!, all, 6, probesOf(all, attack), [1, 2, 3])

test('no asking: the incidents that the recipe counts', { skip }, () => {
  const row = rowOf('no asking')
  assert.ok(Math.abs(row.incidents - 2.21) < 0.005, `${row.incidents}`)
})

test('a settled fleet: incidents down 54 % by asking, pages 60 %, all attacks kept, none in a wave', {
  skip,
}, () => {
  const none = rowOf('no asking')
  const row = rowOf('N=25 k=4, guards and waves')
  assert.ok(
    row.incidentsLater <= 0.46 * none.incidentsLater,
    `${row.incidentsLater} of ${none.incidentsLater}`,
  )
  assert.ok(row.pagesLater <= 0.4 * none.pagesLater, `${row.pagesLater} of ${none.pagesLater}`)
  const { attack: kept, insert } = row.kept
  assert.ok(kept!.shown > 100)
  assert.equal(kept!.kept, kept!.tried)
  assert.equal(insert!.kept, insert!.shown)
  assert.equal(kept!.joined + insert!.joined, 0)
})

test("the recipe's own rule: pages down 60 % in a settled fleet", { skip }, () => {
  const row = rowOf('N=15 k=3, guards and waves')
  assert.ok(row.pagesLater <= 0.4 * rowOf('no asking').pagesLater)
  assert.equal(row.kept.attack!.kept, row.kept.attack!.shown)
})

test('paged when it recurs: ten times fewer pages in a settled fleet, the attacks still incidents', {
  skip,
}, () => {
  const row = rowOf('N=25 k=4, paged when it recurs')
  assert.ok(row.pagesLater <= rowOf('no asking').pagesLater / 10, `${row.pagesLater}`)
  assert.equal(row.kept.attack!.kept, row.kept.attack!.shown)
})

const base = { window: 6, seed: 1, rounds: 200 }
const of15 = { peers: 15, quorum: 3, peerProcesses: 1 }

test('three liars of 56 keep 98 % of the attacks from being excused, N=15, k=3', { skip }, () => {
  const { kept } = liarFigures(hosts, attack, colluding, 3, { ...base, digests: false, settings: of15 })
  assert.ok(kept >= 0.98, `${kept}`)
})

test('yes to all is caught by decoys at once, eleven of 56; no honest host is accused', { skip }, () => {
  const found = liarFigures(hosts, attack, yesToAll, 11, { ...base, digests: true, settings: of15 })
  assert.ok(found.screened < 0.6, 'somebody was asked')
  assert.equal(found.caught, 1)
  assert.equal(found.accused, 0)
  assert.equal(found.kept, 1)
})

test('colluders who did not announce the pairs a day before, and deniers, change nothing', { skip }, () => {
  for (const adversary of [unprepared, noToAll]) {
    const found = liarFigures(hosts, attack, adversary, 11, { ...base, digests: true, settings: of15 })
    assert.equal(found.kept, 1)
    assert.equal(found.accused, 0)
  }
})

test('adoption n=16, q=3: under half the incidents of a newcomer without it, every attack still shows', {
  skip,
}, () => {
  const row = (name: string) => {
    const [, options] = adoptionRows.find(([other]) => other === name)!
    return adoptionRow(name, hosts, attack, { window: 6, seed: 1, ...options })
  }
  const none = row('nothing adopted')
  assert.equal(none.incidents, 3.18)
  const some = row('n=16 q=3')
  assert.ok(some.incidents < none.incidents / 2, `${some.incidents}`)
  assert.equal(some.attackSeen, 1)
  assert.equal(row('all 42 q=3').incidents, 0.71)
})

test('two colluding donors of 42 hide no attack at q=3', { skip }, () => {
  assert.equal(poisoned(hosts, attack, 6, 16, 3, 2, [1, 2]), 1)
})
