/** Seeded inputs for the week model, and loops over them. */
import { ObservableModel, SlotClock, type Verdict } from '#environment'

/** A Monday, midnight UTC. */
export const MONDAY = Date.UTC(2024, 0, 1)
export const SLOT = 300_000
export const WEEK = 2016

export type Random = () => number

/** mulberry32: uniform in 0..1, the same for the same seed everywhere. */
export function seeded(seed: number): Random {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = state
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

export function gaussian(random: Random): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
}

export function poisson(random: Random, mean: number): number {
  const limit = Math.exp(-mean)
  let count = -1
  for (let product = 1; product > limit; product *= random()) count++
  return count
}

/** By name: a source of samples; `i` counts them, 0 is Monday at midnight. */
export const inputs: Record<string, (random: Random) => (i: number) => number> = {
  'Gaussian(1000,100)': (random) => () => 1000 + 100 * gaussian(random),
  'Poisson(20)': (random) => () => poisson(random, 20),
  'lognormal(3,1)': (random) => () => Math.exp(3 + gaussian(random)),
  'Poisson(0.05)': (random) => () => poisson(random, 0.05),
  'week shape, 5 % noise': (random) => (i) => weekShape(i) * (1 + 0.05 * gaussian(random)),
  'AR(1), 0.9': (random) => {
    let state = 0
    return () => {
      state = 0.9 * state + gaussian(random)
      return 100 + state
    }
  },
}

/** Busy by day from Monday to Friday, level at the weekend. */
export function weekShape(i: number): number {
  const hour = (i % 288) / 288
  return Math.floor(i / 288) % 7 < 5 ? 100 + 80 * Math.sin(2 * Math.PI * (hour - 0.25)) : 40
}

/** Feeds `count` samples, one a slot from sample number `from` on. */
export function feed(
  model: ObservableModel,
  count: number,
  sample: (i: number) => number,
  see: (verdict: Verdict, i: number) => void = () => {},
  from = 0,
): void {
  for (let i = from; i < from + count; i++) see(model.step(MONDAY + i * SLOT, sample(i)), i)
}

export const utcModel = () => new ObservableModel(new SlotClock())

export interface Shares {
  samples: number
  dev1: number
  dev2: number
  dev3: number
  anomalous: number
}

/** Shares in % of the classes over samples `from` to `to`. Each dev counts those above it. */
export function shares(sample: (i: number) => number, from: number, to: number): Shares {
  const counts = { samples: 0, dev1: 0, dev2: 0, dev3: 0, anomalous: 0 }
  feed(utcModel(), to, sample, ({ level, anomalous }, i) => {
    if (i < from) return
    counts.samples++
    if (level !== 'normal') counts.dev1++
    if (level === 'dev2' || level === 'dev3') counts.dev2++
    if (level === 'dev3') counts.dev3++
    if (anomalous) counts.anomalous++
  })
  for (const name of ['dev1', 'dev2', 'dev3', 'anomalous'] as const) counts[name] *= 100 / counts.samples
  return counts
}
