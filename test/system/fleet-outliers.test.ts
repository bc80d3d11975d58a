/** The recipe's pinned numbers on 56 real hosts, to the last digit it gives. */
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { test } from 'node:test'
import { outliers } from '#fleet'
import { byHost, learned } from '../bench/fleet/fleet.ts'
import { outlierRow, recorded } from '../bench/fleet/outliers.ts'
import { hostProcesses, lprcp, mitHosts } from '../bench/fleet/traces.ts'

const skip = existsSync(mitHosts) ? false : 'no test data'
const fleet = skip ? undefined : byHost(await hostProcesses(mitHosts))

const pinned = {
  6: {
    union: 1088,
    profiles: [450, 742],
    alone:
      'crispy-critters 12, dentate 11, erice 32, framura 6, schubert 7, sewer 23, vivaldi 10, volterra 13',
    scores:
      'crispy-critters 1 12 1.45, dentate 1 7 0.19, erice 2 32 1.32, framura 2 6 1.26, schubert 1 7 0.81, volterra 2 13 2.15',
  },
  9: {
    union: 2053,
    profiles: [746, 1336],
    alone:
      'crispy-critters 21, dentate 18, erice 60, framura 8, kiwi 2, quaker-oats 4, schubert 12, sewer 41, vivaldi 22, volterra 31',
    scores:
      'crispy-critters 1 21 1.41, dentate 1 8 0.18, erice 2 60 1.20, framura 2 8 1.25, schubert 1 12 0.80, volterra 2 31 2.26',
  },
} as const

for (const window of [6, 9] as const)
  test(`window ${window}: sizes, pairs on one host only, C, pairs in U and score of all 56`, { skip }, () => {
    const compared = [...fleet!].map(([host, processes]) => ({ host, profile: learned(processes, window) }))
    assert.equal(compared.length, 56)
    const owners = new Map<number, number>()
    for (const { profile } of compared)
      for (const code of profile.pairs.keys()) owners.set(code, (owners.get(code) ?? 0) + 1)
    assert.equal(owners.size, pinned[window].union)
    const sizes = compared.map(({ profile }) => profile.pairs.size)
    assert.deepEqual([Math.min(...sizes), Math.max(...sizes)], pinned[window].profiles)
    const alone = compared
      .map(({ host, profile }) => ({
        host,
        pairs: [...profile.pairs.keys()].filter((code) => owners.get(code) === 1).length,
      }))
      .filter(({ pairs }) => pairs > 0)
    assert.equal(
      alone
        .map(({ host, pairs }) => `${host} ${pairs}`)
        .sort()
        .join(', '),
      pinned[window].alone,
    )
    const found = outliers(compared, { window }).filter(({ score }) => score > 0)
    assert.equal(
      found
        .map(({ host, carriers, pairs, score }) => `${host} ${carriers} ${pairs} ${score.toFixed(2)}`)
        .sort()
        .join(', '),
      pinned[window].scores,
    )
  })

test('ten attack processes: first of 56 on 98 % of the victims, no clean host flagged', {
  skip,
}, async () => {
  const row = outlierRow('lprcp', fleet!, 6, recorded(await lprcp(), 6), 10, { seed: 1 })
  assert.equal(row.victims, 43)
  assert.ok(row.first >= 0.98, `${row.first}`)
  assert.ok(row.listed >= 0.97, `${row.listed}`)
  assert.equal(row.cleanFlagged, 0)
})
