/**
 * `npm run bench -- judgement [PART ...]`: how well J tells attacks from normal processes, against LFC, stide and
 * t-stide, on every trace set of the test data. Parts: table, promise, poison, captures (all, when none is named). Prints the
 * tables to standard error as they come, and one JSON object at the end.
 */
import { existsSync } from 'node:fs'
import { measureUnit } from '#homeostasis'
import { captures } from './judgement/captures.ts'
import { type Detector, judged, learned, lfc, stide, tStide, unitsOf } from './judgement/detectors.ts'
import { areaOf, caughtAt, type Scored, shareFrom } from './judgement/figures.ts'
import { type PoisonRow, poisonLine, poisonOf, poisonSets } from './judgement/poison.ts'
import { data, normalSets, type Split, sets, type Trace } from './judgement/sets.ts'

const SHARES = [0.001, 0.01, 0.05]
const BARS = [4, 6, 8, 10]
/** A factor of 4 is drift, more is a fault. */
const DRIFT_ALLOWED = 4
const UNITS_LEAST = 500

const detectors: Record<string, Detector> = {
  lfc9: lfc(9),
  stide6: stide,
  tstide6: tStide,
  j9: judged(9),
  j6: judged(6),
}

const say = (text: string) => process.stderr.write(`${text}\n`)
const to = (places: number, value: number) => Number(value.toFixed(places))
const percent = (share: number) => to(2, 100 * share)
const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length

/** Every normal trace by the fold that did not learn it, every attack once. */
function scored(detector: Detector, split: Split): Scored {
  const normal = split.folds.flatMap((fold) => fold.normal.map(detector(fold.train)))
  return { normal, attack: split.attack.map(detector(split.all)) }
}

/** AUC and shares caught, of every detector on every set. */
async function table() {
  const rows: Record<string, Record<string, { auc: number; caught: number[] }>> = {}
  say(
    `${'set'.padEnd(20)}${Object.keys(detectors)
      .map((name) => name.padStart(18))
      .join('')}`,
  )
  for (const [set, read] of Object.entries(sets)) {
    const split = await read()
    const row: (typeof rows)[string] = {}
    for (const [name, detector] of Object.entries(detectors)) {
      const scores = scored(detector, split)
      row[name] = {
        auc: to(4, areaOf(scores)),
        caught: SHARES.map((share) => Math.round(100 * caughtAt(scores, share))),
      }
    }
    rows[set] = row
    say(`${set.padEnd(20)}${cells(row)}`)
  }
  const means: (typeof rows)[string] = {}
  for (const name of Object.keys(detectors)) {
    const of = Object.values(rows).map((row) => row[name]!)
    means[name] = {
      auc: to(4, mean(of.map(({ auc }) => auc))),
      caught: SHARES.map((_, i) => Math.round(mean(of.map(({ caught }) => caught[i]!)))),
    }
  }
  say(`${'mean'.padEnd(20)}${cells(means)}`)
  return { sets: rows, mean: means }
}

const cells = (row: Record<string, { auc: number; caught: number[] }>) =>
  Object.values(row)
    .map(({ auc, caught }) => `${auc.toFixed(3)} ${caught.join(' ')}`.padStart(18))
    .join('')

/** Percent of normal units at so many bits: by a profile that learns no more, and by one that learns on. */
async function promise(window: number) {
  const rows: Record<string, Awaited<ReturnType<typeof promiseOf>>> = {}
  say(
    `\nnormal units, % at J >= ${BARS.join(', ')} (promise ${BARS.map((bar) => percent(2 ** -bar)).join(', ')}), window ${window}`,
  )
  for (const [set, read] of Object.entries({ ...sets, ...normalSets })) {
    const split = await read()
    if (split.folds.length > 1 || split.folds[0]!.normal.length < UNITS_LEAST) continue
    const row = promiseOf(split, window)
    rows[set] = row
    say(
      `${set.padEnd(26)}still ${row.still.join(' ')}; learning on ${row.learningOn.join(' ')}; alarms ${row.alarms} in ${row.units}${row.attack ? `; attack at J >= 8: ${row.attack.percent} %, recurring after ${row.attack.recurringAfter}` : ''}${row.beyond.length > 0 ? `; beyond 4 * 2^-b: ${row.beyond.join(', ')}` : ''}`,
    )
  }
  return rows
}

function promiseOf({ folds: [fold], attack }: Split, window: number) {
  const still = learned(fold!.train, window)
  const stillBits = fold!.normal.flatMap((trace) =>
    unitsOf(trace).map((calls) => still.judge(measureUnit(still.supports, calls)).bits ?? 0),
  )
  const living = learned(fold!.train, window)
  let alarms = 0
  const take = (trace: Trace) =>
    unitsOf(trace).map((calls) => {
      const verdict = living.take({ score: measureUnit(living.supports, calls), runs: [calls] })
      if (verdict.recurring) alarms++
      return verdict.bits ?? 0
    })
  const livingBits = fold!.normal.flatMap(take)
  const falseAlarms = alarms
  const attackBits: number[] = []
  let recurringAfter: number | undefined
  for (const trace of attack) {
    attackBits.push(...take(trace))
    if (alarms > falseAlarms) recurringAfter ??= attackBits.length
  }
  const shares = (bits: number[]) => BARS.map((bar) => percent(shareFrom(bits, bar)))
  return {
    units: livingBits.length,
    still: shares(stillBits),
    learningOn: shares(livingBits),
    /** Bars at which a profile that learns on exceeds 4 * 2^-b. */
    beyond: BARS.filter((bar) => shareFrom(livingBits, bar) > DRIFT_ALLOWED * 2 ** -bar),
    alarms: falseAlarms,
    ...(attackBits.length > 0
      ? {
          attack: {
            units: attackBits.length,
            percent: percent(shareFrom(attackBits, 8)),
            first: to(1, attackBits[0]!),
            recurringAfter: recurringAfter ?? null,
          },
        }
      : {}),
  }
}

async function poison() {
  const rows: Record<string, PoisonRow> = {}
  say('\npoisoned learning, AUC on the other attacks, LFC -> J')
  for (const set of poisonSets) {
    rows[set] = await poisonOf(set)
    say(poisonLine(set, rows[set]))
  }
  return rows
}

if (!existsSync(data)) {
  console.error(`no test data at ${data}: set LYMPH_TEST_DATA`)
  process.exit(2)
}
const named = process.argv.slice(2)
const wanted = (part: string) => named.length === 0 || named.includes(part)
const result = {
  bench: 'judgement',
  ...(wanted('table') ? { table: await table() } : {}),
  ...(wanted('promise') ? { promise: { window9: await promise(9), window6: await promise(6) } } : {}),
  ...(wanted('poison') ? { poison: await poison() } : {}),
  ...(wanted('captures') ? { captures: { window9: await captures(9), window6: await captures(6) } } : {}),
}
console.log(JSON.stringify(result))
