/**
 * `npm run bench -- fleet-compare [PAIRS]`: CPU time of comparing 1,000 digests of one binary (every one with every
 * other, and with the profile held here), and the error of sketches on 10,000 random pairs of profiles of 50 to 20,000
 * pairs and on all pairs of the 56 real hosts, against the error that each estimate states. Seed 1.
 */
import { existsSync } from 'node:fs'
import { type Estimate, type HashedPairs, PairHash, Sketch } from '#fleet'
import { byHost, learned, random, to } from './fleet/fleet.ts'
import { hostProcesses, mitHosts } from './fleet/traces.ts'

const next = random(1)
const hash = new PairHash(Buffer.alloc(32, 1))
const count = Number(process.argv[2] ?? 10_000)
/** Codes are below 4096 * 4096 * 8. */
const code = (): number => Math.floor(next() * 2 ** 27)
const cpu = (): number => {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}

function distinct(size: number): number[] {
  const codes = new Set<number>()
  while (codes.size < size) codes.add(code())
  return [...codes]
}

/** A pool from which profiles are cut, so that drawing costs less than what is measured. */
let pool = distinct(60_000)
const POOL_FOR = 100
const part = (from: number, size: number): number[] =>
  from + size <= pool.length
    ? pool.slice(from, from + size)
    : [...pool.slice(from), ...pool.slice(0, from + size - pool.length)]

class Errors {
  #squares = 0
  #stated = 0
  #most = 0
  #count = 0
  #within = [0, 0, 0]

  add({ value, error }: Estimate, truth: number): void {
    const off = Math.abs(value - truth)
    this.#count++
    this.#squares += off ** 2
    this.#stated += error ** 2
    this.#most = Math.max(this.#most, error === 0 ? (off === 0 ? 0 : Number.POSITIVE_INFINITY) : off / error)
    for (const [i, times] of [1, 2, 4].entries()) if (off <= times * error + 1e-9) this.#within[i]!++
  }

  get facts() {
    const of = (n: number): number => to(4, n / this.#count)
    return {
      pairs: this.#count,
      rms: to(2, Math.sqrt(this.#squares / this.#count)),
      stated: to(2, Math.sqrt(this.#stated / this.#count)),
      within1: of(this.#within[0]!),
      within2: of(this.#within[1]!),
      within4: of(this.#within[2]!),
      most: to(2, this.#most),
    }
  }
}

/** 1,000 hosts' digests of one program: some 700 pairs, of which 90 % are everybody's. */
const common = part(0, 650)
const profiles = Array.from({ length: 1000 }, () => [
  ...common,
  ...part(1000 + Math.floor(next() * 50_000), 70),
])
const digests = profiles.map((codes) => Sketch.of(hash.hash(codes)))
let begin = cpu()
const own = hash.hash(profiles[0]!)
let sum = 0
for (const digest of digests) sum += digest.compareOwn(own).distance.value
const ownMs = cpu() - begin
begin = cpu()
for (let i = 0; i < digests.length; i++)
  for (let j = i + 1; j < digests.length; j++) sum += digests[i]!.compare(digests[j]!).distance.value
const matrixMs = cpu() - begin
process.stderr.write(
  `1,000 digests of one binary: with the profile held here ${ownMs.toFixed(0)} ms of CPU, each with each (499,500) ${matrixMs.toFixed(0)} ms; floor 1,000 ms\n`,
)

const bySize = { small: [50, 1400], sampled: [1401, 20_000] } as const
const errors: Record<string, Errors> = {}
for (const [name, [least, most]] of Object.entries(bySize)) {
  const held = new Errors()
  const foreign = new Errors()
  for (let i = 0; i < count / 2; i++) {
    if (i % POOL_FOR === 0) pool = distinct(60_000)
    const size = (): number => Math.round(Math.exp(Math.log(least) + next() * Math.log(most / least)))
    const [a, b] = [size(), size()]
    const both = Math.floor(Math.min(a, b) * next())
    const from = Math.floor(next() * pool.length)
    const shared = part(from, both)
    const first = hash.hash([...shared, ...part((from + both) % pool.length, a - both)])
    const second: HashedPairs = hash.hash([...shared, ...part((from + a) % pool.length, b - both)])
    const there = Sketch.from(Sketch.of(second))
    held.add(there.compareOwn(first).onlyFirst, a - both)
    foreign.add(Sketch.of(first).compare(there).onlyFirst, a - both)
  }
  errors[`${name}, own set`] = held
  errors[`${name}, two sketches`] = foreign
}
if (existsSync(mitHosts)) {
  const hosts = byHost(await hostProcesses(mitHosts))
  for (const window of [6, 9]) {
    const sets = [...hosts.values()].map((of) => new Set(learned(of, window).pairs.keys()))
    const hashed = sets.map((codes) => hash.hash(codes))
    const made = hashed.map((codes) => Sketch.of(codes))
    const held = new Errors()
    const foreign = new Errors()
    for (const [i, first] of sets.entries())
      for (const [j, second] of sets.entries()) {
        if (i === j) continue
        const truth = [...first].filter((one) => !second.has(one)).length
        held.add(made[j]!.compareOwn(hashed[i]!).onlyFirst, truth)
        foreign.add(made[i]!.compare(made[j]!).onlyFirst, truth)
      }
    errors[`56 hosts w${window}, own set`] = held
    errors[`56 hosts w${window}, two sketches`] = foreign
  }
}
for (const [name, { facts }] of Object.entries(errors))
  process.stderr.write(
    `${name.padEnd(26)} |A\\B| rms ${facts.rms}, stated ${facts.stated}; within 1, 2, 4 errors ${facts.within1}, ${facts.within2}, ${facts.within4}; farthest ${facts.most}\n`,
  )
console.log(
  JSON.stringify({
    bench: 'fleet-compare',
    ownMs: to(1, ownMs),
    matrixMs: to(1, matrixMs),
    check: to(3, sum),
    errors: Object.fromEntries(Object.entries(errors).map(([name, { facts }]) => [name, facts])),
  }),
)
