/** The pH core alone, on made-up loops of calls: calls per second of the batch path and of `process`; file codec. */
import {
  DEFAULT_SETTINGS,
  decodeProfile,
  encodeProfile,
  learnCalls,
  Profile,
  recordOf,
  ScoreTask,
  scoreCalls,
} from '#homeostasis'

const CALLS = 4_000_000
const ROUNDS = 5

/** Thirty loops of 5 to 24 of 60 calls, in random order: the same every time. */
function someCalls(): Uint16Array {
  let state = 1
  const random = (below: number) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff
    return Math.floor((state / 0x80000000) * below)
  }
  const loops = Array.from({ length: 30 }, () => Array.from({ length: 5 + random(20) }, () => random(60)))
  const calls = new Uint16Array(CALLS)
  for (let at = 0; at < CALLS; )
    for (const call of loops[random(loops.length)] as number[]) if (at < CALLS) calls[at++] = call
  return calls
}

const calls = someCalls()
const millions = (rates: number[]) =>
  Number(((rates.sort((a, b) => a - b)[rates.length >> 1] as number) / 1e6).toFixed(1))
const rate = (work: () => void) => {
  const begin = performance.now()
  work()
  return CALLS / ((performance.now() - begin) / 1000)
}

const windows: Record<string, unknown> = {}
for (const window of [6, 9]) {
  const fresh = () =>
    new Profile({ binary: '/b', abi: 'x86-64', window, sha256: '' }, { ...DEFAULT_SETTINGS, window })
  const rates = { learn: [] as number[], score: [] as number[], process: [] as number[] }
  let pairs = 0
  for (let round = 0; round < ROUNDS; round++) {
    const profile = fresh()
    rates.learn.push(rate(() => learnCalls(profile, profile.begin(), calls, 0)))
    const score = new ScoreTask()
    rates.score.push(rate(() => scoreCalls(profile.train.table, score, calls, { window, empty: 'symbol' })))
    const slow = fresh()
    const task = slow.begin()
    rates.process.push(
      rate(() => {
        for (let i = 0; i < CALLS; i++) slow.process(task, calls[i] as number, 0)
      }),
    )
    pairs = profile.train.table.pairs
    if (score.anomalous !== 0 || pairs !== slow.train.table.pairs) throw new Error('the two paths differ')
  }
  const profile = fresh()
  learnCalls(profile, profile.begin(), calls, 0)
  const begin = performance.now()
  const file = encodeProfile(recordOf(profile, { since: 0, made: 0 }))
  const encoded = performance.now()
  decodeProfile(file)
  windows[window] = {
    pairs,
    millionCallsPerSecond: {
      learn: millions(rates.learn),
      score: millions(rates.score),
      process: millions(rates.process),
    },
    file: {
      bytes: file.length,
      encodeMs: Number((encoded - begin).toFixed(1)),
      decodeMs: Number((performance.now() - encoded).toFixed(1)),
    },
  }
}
console.log(JSON.stringify({ bench: 'homeostasis', calls: CALLS, rounds: ROUNDS, windows }))
