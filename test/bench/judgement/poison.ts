/** Two attack processes (one where there are but two) learned as normal, after all the others: every choice of two. */
import { type Detector, judged, lfc } from './detectors.ts'
import { areaOf, type Scored } from './figures.ts'
import { type Split, sets, type Trace } from './sets.ts'

/** AUC of LFC and of J that the recipe gives. Which two processes it drew, it does not say. */
const RECIPE: Record<string, Areas> = {
  'CERT sendmail': { lfc: 0.86, j: 1 },
  'FHIDS FTP': { lfc: 0.8, j: 0.997 },
  'lpr_unm 10 %': { lfc: 0.43, j: 0.92 },
  ps: { lfc: 0.83, j: 0.89 },
  'synthetic sendmail': { lfc: 0.87, j: 0.95 },
  xlock: { lfc: 0.87, j: 1 },
}
const WINDOW = 9
/** The recipe's figures have two places. */
const ROUNDED = 0.005
/** Choices whose LFC is this near to the recipe's, or as near as any, may be the recipe's. */
const NEAR = 0.01

interface Areas {
  lfc: number
  j: number
}

/** One choice, by places in the list of attacks, and how many choices are equal to it call by call. */
interface Choice extends Areas {
  places: number[]
  equal: number
}

export interface PoisonRow {
  recipe: Areas
  choices: number
  first: Areas
  last: Areas
  j: { least: number; low: number; median: number; high: number; atLeastRecipe: number }
  /** Of those whose LFC is about the recipe's. */
  near: { choices: number; lfc: [number, number]; least: number; median: number; most: number }
}

export async function poisonOf(set: string): Promise<PoisonRow> {
  const split = await sets[set]!()
  const recipe = RECIPE[set]!
  const choices = classesOf(split.attack).map(({ places, equal }) => ({
    places,
    equal,
    lfc: areaOf(poisoned(lfc(WINDOW), split, places)),
    j: areaOf(poisoned(judged(WINDOW), split, places)),
  }))
  const count = split.attack.length
  const one = (places: number[]) => areasOf(choiceOf(choices, split.attack, places))
  const distance = (choice: Choice) => Math.abs(choice.lfc - recipe.lfc)
  const nearest = Math.min(...choices.map(distance))
  const near = choices.filter((choice) => distance(choice) <= Math.max(NEAR, nearest + 1e-9))
  const lfcs = near.map((choice) => choice.lfc)
  const total = weightOf(choices)
  return {
    recipe,
    choices: total,
    first: one(count === 2 ? [0] : [0, 1]),
    last: one(count === 2 ? [1] : [count - 2, count - 1]),
    j: {
      least: quantile(choices, 0),
      low: quantile(choices, 0.1),
      median: quantile(choices, 0.5),
      high: quantile(choices, 0.9),
      atLeastRecipe: rounded(weightOf(choices.filter(({ j }) => j >= recipe.j - ROUNDED)) / total),
    },
    near: {
      choices: weightOf(near),
      lfc: [rounded(Math.min(...lfcs)), rounded(Math.max(...lfcs))],
      least: quantile(near, 0),
      median: quantile(near, 0.5),
      most: quantile(near, 1),
    },
  }
}

export const poisonSets = Object.keys(RECIPE)

export function poisonLine(set: string, row: PoisonRow): string {
  const text = (of: Areas) => `${of.lfc.toFixed(3)} -> ${of.j.toFixed(3)}`
  const { j, near, choices } = row
  return [
    set.padEnd(20),
    `recipe ${row.recipe.lfc} -> ${row.recipe.j}; first ${text(row.first)}; last ${text(row.last)}; `,
    `J of all ${choices}: least ${j.least}, 10 % ${j.low}, median ${j.median}, 90 % ${j.high}, `,
    `${Math.round(100 * j.atLeastRecipe)} % at least the recipe's; `,
    `of ${near.choices} with LFC ${near.lfc.join(' to ')}: ${near.least} to ${near.most}, median ${near.median}`,
  ].join('')
}

/** Normal traces by the fold that did not learn them, attacks by all; what is chosen is learned with each, last. */
function poisoned(detector: Detector, split: Split, places: readonly number[]): Scored {
  const learnt = places.map((place) => split.attack[place]!)
  const rest = split.attack.filter((_, place) => !places.includes(place))
  const normal = split.folds.flatMap((fold) => fold.normal.map(detector([...fold.train, ...learnt])))
  return { normal, attack: rest.map(detector([...split.all, ...learnt])) }
}

const callsOf = ({ calls }: Trace) =>
  Buffer.from(calls.buffer, calls.byteOffset, calls.byteLength).toString('latin1')

/** Every choice, one for those that are equal call by call: most attacks repeat themselves. */
function classesOf(attack: readonly Trace[]): Pick<Choice, 'places' | 'equal'>[] {
  if (attack.length === 2) return [0, 1].map((place) => ({ places: [place], equal: 1 }))
  const classes = [...Map.groupBy(attack.keys(), (place) => callsOf(attack[place]!)).values()]
  return classes.flatMap((one, i) =>
    classes.slice(i).flatMap((other, k) => {
      if (k > 0) return [{ places: [one[0]!, other[0]!], equal: one.length * other.length }]
      if (one.length === 1) return []
      return [{ places: [one[0]!, one[1]!], equal: (one.length * (one.length - 1)) / 2 }]
    }),
  )
}

function choiceOf(choices: readonly Choice[], attack: readonly Trace[], places: readonly number[]): Choice {
  const name = (list: readonly number[]) =>
    list
      .map((place) => callsOf(attack[place]!))
      .sort()
      .join('\0')
  const wanted = name(places)
  return choices.find((choice) => name(choice.places) === wanted)!
}

const rounded = (value: number) => Number(value.toFixed(3))
const areasOf = ({ lfc, j }: Areas): Areas => ({ lfc: rounded(lfc), j: rounded(j) })
const weightOf = (choices: readonly Choice[]) => choices.reduce((sum, { equal }) => sum + equal, 0)

/** The J below which a share of the choices is. */
function quantile(choices: readonly Choice[], share: number): number {
  const sorted = [...choices].sort((a, b) => a.j - b.j)
  const wanted = share * weightOf(choices)
  let sum = 0
  for (const { j, equal } of sorted) {
    sum += equal
    if (sum >= wanted) return rounded(j)
  }
  return rounded(sorted.at(-1)!.j)
}
