/** Tables of liars: the recipe's grid, named adversaries against the real rounds, and deniers. */
import { chanceInSample, type PairAnswer, UNKNOWN } from '#fleet'
import { replayAsking } from './asking.ts'
import { draw, mean, random, table, to } from './fleet.ts'
import { colluding, liarFigures, noToAll, unprepared, yesToAll, yesToHalf } from './liars.ts'
import type { HostProcess } from './traces.ts'

const theirs: Record<number, string> = {
  1: '.65 1.00 1.00 1.00',
  3: '.35 .81 .98 1.00',
  6: '.15 .51 .83 1.00',
  11: '.04 .22 .52 .95',
}

export function liarTables(
  hosts: ReadonlyMap<string, HostProcess[]>,
  all: readonly HostProcess[],
  attack: readonly Uint16Array[],
  seeds: readonly number[],
  say: (text: string) => void,
) {
  const base = { window: 6, seed: 1 }
  const quorums = [1, 2, 3, 5]
  const grid = [1, 3, 6, 11].map((liars) => ({
    liars,
    // An attack that no honest host knows is kept unless `quorum` liars are in the sample.
    drawn: quorums.map((quorum) => 1 - chanceInSample(hosts.size - 1, liars, 15, quorum)),
    kept: quorums.map(
      (quorum) =>
        liarFigures(hosts, attack, colluding, liars, {
          ...base,
          rounds: 400,
          digests: false,
          settings: { peers: 15, quorum, peerProcesses: 1 },
        }).kept,
    ),
  }))
  say(
    `\nattacks still unfamiliar with so many liars of ${hosts.size}, N=15, no digests held, all others can be asked`,
  )
  say(
    table(
      ['liars', 'k=1', '2', '3', '5', 'by the draw alone', "recipe's, of 56"],
      grid.map(({ liars, kept, drawn }) => [
        liars,
        ...kept.map((one) => one.toFixed(2)),
        drawn.map((one) => one.toFixed(2)).join(' '),
        theirs[liars]!,
      ]),
    ),
  )
  const named = [yesToAll, yesToHalf, unprepared, colluding, noToAll].flatMap((adversary) =>
    [3, 11].flatMap((liars) =>
      (
        [
          [15, 3],
          [25, 4],
          [55, 4],
        ] as const
      ).map(([peers, quorum]) =>
        liarFigures(hosts, attack, adversary, liars, {
          ...base,
          rounds: 200,
          digests: true,
          settings: { peers, quorum, peerProcesses: 1 },
        }),
      ),
    ),
  )
  say('the same with digests: screening, 8 decoys, contradiction')
  say(
    table(
      ['adversary', 'liars', 'N, k', 'kept', 'liars caught', 'honest accused', 'screened'],
      named.map((row) => [
        row.adversary,
        row.liars,
        `${row.peers}, ${row.quorum}`,
        row.kept.toFixed(2),
        row.asked === 0 ? '- (none asked)' : row.caught.toFixed(2),
        row.accused,
        row.screened.toFixed(2),
      ]),
    ),
  )
  const deniers = new Set(draw([...hosts.keys()], 17, random(1)))
  const deny = (peer: string, _: readonly number[], word: PairAnswer[]): PairAnswer[] =>
    deniers.has(peer) ? word.map((): PairAnswer => UNKNOWN) : word
  const noes = [{}, { lie: deny }].map((more) =>
    to(
      2,
      mean(
        seeds.map(
          (seed) =>
            replayAsking(all, {
              window: 6,
              seed,
              unguarded: true,
              settings: { peers: 15, quorum: 3 },
              ...more,
            }).incidents,
        ),
      ),
    ),
  )
  say(
    `17 of ${hosts.size} hosts say no to all: incidents a host ${noes[0]} -> ${noes[1]} at N=15, k=3; recipe 1.23 -> 1.52`,
  )
  return { grid, named, noes }
}
