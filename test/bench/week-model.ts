/**
 * `npm run bench -- week-model [quick]`: the model of one observable. Microseconds a sample with 8 weeks in memory, bytes
 * of state, the classes on stationary input over 30 weeks (the first two not counted), and what a quiet host of 100
 * observables tells a person a day over 13 weeks. `quick` leaves the last out, which takes minutes.
 */
import { cpus } from 'node:os'
import { decodeModel, encodeModel, HostWatch, RunningMinute } from '#environment'
import { feed, inputs, MONDAY, SLOT, seeded, shares, utcModel, WEEK } from '../environment/model/support.ts'

const quick = process.argv.includes('quick')
const round = (value: number, digits = 2) => Number(value.toFixed(digits))

function speed() {
  const sample = inputs['Gaussian(1000,100)']!(seeded(1))
  const model = utcModel()
  const minute = new RunningMinute()
  feed(model, 8 * WEEK, sample)
  const rounds: number[] = []
  for (let r = 0; r < 9; r++) {
    const begin = performance.now()
    feed(model, 500, sample, () => {}, 8 * WEEK + r * 500)
    rounds.push(((performance.now() - begin) * 1000) / 500)
  }
  rounds.sort((a, b) => a - b)
  const at = MONDAY + 12 * WEEK * SLOT
  for (let i = 0; i < 20_000; i++) minute.glance(model, at + i * 10_000, sample(i))
  let begin = performance.now()
  for (let i = 0; i < 20_000; i++) minute.glance(model, at + i * 10_000, sample(i))
  const glance = ((performance.now() - begin) * 1000) / 20_000
  const bytes = encodeModel(model)
  begin = performance.now()
  for (let i = 0; i < 50; i++) encodeModel(model)
  const encode = ((performance.now() - begin) * 1000) / 50
  begin = performance.now()
  for (let i = 0; i < 50; i++) decodeModel(bytes)
  const decode = ((performance.now() - begin) * 1000) / 50
  return {
    microsecondsASample: { best: round(rounds[0]!), median: round(rounds[4]!) },
    microsecondsAGlance: round(glance),
    microsecondsToEncode: round(encode),
    microsecondsToDecode: round(decode),
    bytesOfState: bytes.length,
    megabytesFor100: round((100 * bytes.length) / 1e6),
  }
}

function heap() {
  global.gc?.()
  const before = process.memoryUsage()
  const models = Array.from({ length: 100 }, utcModel)
  for (const model of models) feed(model, 2, () => 1)
  const after = process.memoryUsage()
  return round((after.heapUsed + after.arrayBuffers - before.heapUsed - before.arrayBuffers) / 1e6)
}

function stationary() {
  return Object.fromEntries(
    Object.entries(inputs).map(([name, input]) => {
      const { dev1, dev2, dev3, anomalous } = shares(input(seeded(7)), 2 * WEEK, 30 * WEEK)
      return [name, { dev1: round(dev1), dev2: round(dev2), dev3: round(dev3), anomalous: round(anomalous) }]
    }),
  )
}

/** 40 Gaussian, 20 Poisson, 20 lognormal, 10 autocorrelated, 10 sparse. */
function host() {
  const kinds = ['Gaussian(1000,100)', 'Poisson(20)', 'lognormal(3,1)', 'AR(1), 0.9', 'Poisson(0.05)']
  const which = Array.from({ length: 100 }, (_, i) => (i < 40 ? 0 : i < 60 ? 1 : i < 80 ? 2 : i < 90 ? 3 : 4))
  const observables = which.map((kind, i) => ({
    name: `observable${i}`,
    model: utcModel(),
    sample: inputs[kinds[kind]!]!(seeded(1000 + i)),
  }))
  const watch = new HostWatch()
  const weeks = 13
  const days = Array.from({ length: weeks * 7 }, () => ({ alarms: 0, told: 0, why: [] as string[] }))
  for (let i = 0; i < weeks * WEEK; i++) {
    const day = days[Math.floor(i / 288)]!
    for (const { name, model, sample } of observables) {
      const verdict = model.step(MONDAY + i * SLOT, sample(i))
      if (verdict.anomalous) day.alarms++
      const report = watch.observe(name, verdict)
      if (report) {
        day.told++
        day.why.push(report.why)
      }
    }
  }
  const mean = (from: number, to: number, of: 'alarms' | 'told') =>
    round(days.slice(from, to).reduce((sum, day) => sum + day[of], 0) / (to - from))
  const why: Record<string, number> = {}
  for (const day of days) for (const word of day.why) why[word] = (why[word] ?? 0) + 1
  return {
    alarmsADay: {
      weeks1and2: mean(0, 14, 'alarms'),
      weeks3to8: mean(14, 56, 'alarms'),
      later: mean(56, 91, 'alarms'),
    },
    toldADay: {
      weeks1and2: mean(0, 14, 'told'),
      weeks3to8: mean(14, 56, 'told'),
      later: mean(56, 91, 'told'),
    },
    daysWithMoreThan2: days.filter((day) => day.told > 2).length,
    mostInADay: Math.max(...days.map((day) => day.told)),
    why,
  }
}

console.log(
  JSON.stringify({
    bench: 'week-model',
    ...speed(),
    megabytesOfHeapFor100: heap(),
    stationary: stationary(),
    ...(quick ? {} : { quietHostOf100: host() }),
    machine: { cpu: cpus()[0]?.model, cpus: cpus().length, node: process.versions.node },
  }),
)
