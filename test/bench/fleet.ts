/**
 * `npm run bench -- fleet [PART ...] [--hosts TAR] [--attack TAR] [--window N] [--seeds N]`: the recipe's tables for
 * outliers, asking, liars, adoption and poisoning, replayed in order of time on 56 real hosts (or on those of TAR: files
 * named as TIME-HOST-..., the first number being the time in seconds) and on FHIDS as a fleet. Parts: outliers, asking,
 * upgrade, quorum, liars, adoption, poisoning, fhids (all, when none is named). Tables to standard error, the recipe's
 * figures beside; one JSON object at the end.
 */
import { existsSync } from 'node:fs'
import { parseArgs } from 'node:util'
import {
  askDefaults,
  COMPARED_LEAST,
  chanceInSample,
  outlierReport,
  outlierReportText,
  quorumFor,
} from '#fleet'
import {
  adoptionRow,
  adoptionRows,
  adoptionTableText,
  ownRows,
  poisoned,
  poisonRows,
} from './fleet/adoption.ts'
import { askRow, askTableText, probesOf, rules, sharesUnknown, upgradePages } from './fleet/asking-table.ts'
import { byHost, learned, table } from './fleet/fleet.ts'
import { liarTables } from './fleet/liars-table.ts'
import { outlierRow, outlierTable, outlierTableText, recorded, severalVictims } from './fleet/outliers.ts'
import { fhids, pretendFleet } from './fleet/pretend.ts'
import { type HostProcess, hostProcesses, lprcp, mitHosts, processes } from './fleet/traces.ts'

const { values, positionals } = parseArgs({
  args: process.argv.slice(2),
  allowPositionals: true,
  options: {
    hosts: { type: 'string' },
    attack: { type: 'string' },
    window: { type: 'string' },
    seeds: { type: 'string', default: '3' },
  },
})
const place = values.hosts ?? mitHosts
if (!existsSync(place)) {
  console.error(`no traces at ${place}: set LYMPH_TEST_DATA, or name a tar or folder with --hosts`)
  process.exit(2)
}
const seeds = Array.from({ length: Number(values.seeds) }, (_, i) => i + 1)
const windows = values.window ? [Number(values.window)] : [6, 9]
const wanted = (part: string): boolean => positionals.length === 0 || positionals.includes(part)
const say = (text: string): boolean => process.stderr.write(`${text}\n`)

const all = await hostProcesses(place)
const hosts = byHost(all)
const attack: Uint16Array[] = values.attack ? [] : await lprcp()
if (values.attack) for await (const { calls } of processes(values.attack, 'i386')) attack.push(calls)
say(
  `${all.length} processes of ${hosts.size} hosts in ${((all.at(-1)!.time - all[0]!.time) / 86_400_000).toFixed(1)} days, ${attack.length} attack processes; seeds ${seeds.join(', ')}; in brackets or apart the recipe's figures`,
)
const able = [...hosts.values()].filter(({ length }) => length > askDefaults.ownProcesses).length
if (hosts.size < COMPARED_LEAST || able === 0) {
  console.error(
    `${place}: ${hosts.size} hosts, ${able} of them with more than ${askDefaults.ownProcesses} processes: ${COMPARED_LEAST} hosts and one such are needed for a replay`,
  )
  process.exit(2)
}
const result: Record<string, unknown> = { bench: 'fleet', hosts: hosts.size, processes: all.length, seeds }

/** Sizes that are pinned: union of pairs, smallest and largest profile, pairs that one host alone has. */
function sizes(window: number) {
  const profiles = [...hosts].map(([host, of]) => ({ host, profile: learned(of, window) }))
  const owners = new Map<number, number>()
  for (const { profile } of profiles)
    for (const code of profile.pairs.keys()) owners.set(code, (owners.get(code) ?? 0) + 1)
  const counts = profiles.map(({ profile }) => profile.pairs.size)
  const alone = Object.fromEntries(
    profiles
      .map(({ host, profile }) => [
        host,
        [...profile.pairs.keys()].filter((code) => owners.get(code) === 1).length,
      ])
      .filter(([, count]) => count !== 0),
  )
  return {
    profiles,
    facts: { union: owners.size, least: Math.min(...counts), most: Math.max(...counts), alone },
  }
}

for (const window of windows) {
  const of: Record<string, unknown> = {}
  if (wanted('outliers')) {
    const { profiles, facts } = sizes(window)
    const report = outlierReport(profiles, { window })
    say(
      `\nwindow ${window}: ${facts.union} pairs in all, profiles ${facts.least} to ${facts.most}; one host only: ${JSON.stringify(facts.alone)}`,
    )
    say(outlierReportText(report))
    const scored = report.alone.filter(({ score }) => score > 0)
    say(
      scored
        .map(({ host, carriers, pairs, score }) => `${host} ${carriers}, ${pairs}, ${score.toFixed(2)}`)
        .join('; '),
    )
    const rows = outlierTable(hosts, attack, window, 1)
    say(outlierTableText(rows))
    const several = [2, 3].map((together) =>
      severalVictims(hosts, window, recorded(attack, window), 10, together as 2 | 3, { seed: 1, draws: 30 }),
    )
    say(
      `ten attack processes on 2 (3) hosts at once: listed on ${several[0]} (${several[1]}) of them; recipe .91 (.86)`,
    )
    of.outliers = {
      ...facts,
      scores: scored.map(({ host, carriers, pairs, score, repeated, strange }) => ({
        host,
        carriers,
        pairs,
        score,
        repeated,
        strange,
      })),
      rows,
      several,
    }
  }
  if (wanted('asking')) {
    const probes = probesOf(all, attack)
    const rows = rules.map((rule) => askRow(rule, all, window, probes, seeds))
    say(`\nwindow ${window}: incidents and pages a host, whole time/second week; attacks kept of those shown`)
    say(askTableText(rows))
    const again = sharesUnknown(attack, all, window)
    say(
      `an attack's next process shows one of its unknown pairs again, and is paged for, in ${again.toFixed(3)}`,
    )
    of.asking = { rows, again }
  }
  if (wanted('upgrade')) {
    const rows = rules.map((rule) => ({
      rule: rule.name,
      ...upgradePages(all, window, rule.options ?? {}, 1),
    }))
    say(
      `\nwindow ${window}: a library's upgrade on all hosts within a day: pages of that week, with it and without`,
    )
    say(
      table(
        ['rule', 'hosts', 'with', 'without'],
        rows.map((row) => [row.rule, row.hosts, row.pages, row.without]),
      ),
    )
    of.upgrade = rows
  }
  if (wanted('adoption')) {
    const rows = [...adoptionRows, ...ownRows].map(([name, options, recipe]) => ({
      ...adoptionRow(name, hosts, attack, { window, seed: 1, ...options }),
      recipe: window === 6 ? recipe : '',
    }))
    say(
      `\nwindow ${window}: newcomers, and what they adopted; "own": share of later false traces without learning on`,
    )
    say(adoptionTableText(rows))
    of.adoption = rows
  }
  result[`window${window}`] = of
}

if (wanted('poisoning')) {
  const rows = poisonRows.map(([donors, quorum, recipe]) => ({
    donors,
    quorum,
    seen: [2, 3, 5].map((liars) => poisoned(hosts, attack, 6, donors, quorum, liars, seeds)),
    bound: [0.02, 0.05, 0.1].map((part) => chanceInSample(1000, 1000 * part, donors, quorum)),
    recipe,
  }))
  say(
    '\nattack processes still seen when 2, 3, 5 donors add the attack; chance of q liars among n at 2, 5, 10 %',
  )
  say(
    table(
      ['n, q', '2', '3', '5', "recipe's", 'P(q of n)'],
      rows.map((row) => [
        `${row.donors}, ${row.quorum}`,
        ...row.seen.map((seen) => seen.toFixed(2)),
        row.recipe,
        row.bound.map((chance) => chance.toFixed(3)).join(' '),
      ]),
    ),
  )
  result.poisoning = rows
}

if (wanted('quorum')) {
  const rows = [15, 25, 55].flatMap((sample) =>
    [56, 64, 1000].map((population) => {
      const quorum = quorumFor(population - 1, sample)
      const chances = [0.02, 0.05, 0.1].map((part) =>
        [3, 4].map((k) => chanceInSample(population, Math.round(population * part), sample, k)),
      )
      return { sample, population, quorum, chances }
    }),
  )
  say(
    '\nk for N peers: the smallest that 5 % liars reach with a chance of 4 % at most; P(3), P(4) at 2, 5, 10 %',
  )
  say(
    table(
      ['N of', 'k', '2 %', '5 %', '10 %'],
      rows.map((row) => [
        `${row.sample} of ${row.population}`,
        row.quorum,
        ...row.chances.map((chance) => chance.map((one) => one.toFixed(4)).join(' ')),
      ]),
    ),
  )
  result.quorum = rows
}

if (wanted('liars')) result.liars = liarTables(hosts, all, attack, seeds, say)

if (wanted('fhids') && !values.hosts && existsSync(mitHosts)) {
  const rows: unknown[] = []
  for (const service of ['FTP', 'Redis'] as const) {
    const { normal, attack: theirAttack } = await fhids(service)
    const fleet: HostProcess[] = pretendFleet(normal, 40, 1)
    const outlying = [1, 3, 10].map((count) =>
      outlierRow('attack', byHost(fleet), 6, recorded(theirAttack, 6), count, { seed: 1, victims: 20 }),
    )
    const asked = [rules[0]!, rules[6]!, rules[7]!, rules[11]!].map((rule) =>
      askRow(rule, fleet, 6, { attack: probesOf(fleet, theirAttack).attack! }, [1]),
    )
    say(`\nFHIDS ${service}: ${fleet.length} processes of 40 pretend hosts`)
    say(outlierTableText(outlying))
    say(askTableText(asked, false))
    rows.push({ service, outlying, asked })
  }
  result.fhids = rows
}
console.log(JSON.stringify(result))
