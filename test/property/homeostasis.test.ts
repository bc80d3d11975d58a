/** The real pH core against the literal transcription, call by call; the batch path and the tables against the core. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import {
  DEFAULT_SETTINGS,
  decodeProfile,
  encodeProfile,
  type LifeState,
  learnCalls,
  lifeStep,
  NEW_LIFE,
  PairTable,
  Profile,
  ProfileFileError,
  type ProfileRecord,
  pairCode,
  profileFrom,
  recordOf,
  ScoreTask,
  type Settings,
  scoreCalls,
  type Task,
} from '#homeostasis'
import { LiteralProfile, LiteralTask } from './literal-ph.ts'

const keyFor = (settings: Settings) => ({
  binary: '/bin/random',
  abi: 'x86-64' as const,
  window: settings.window,
  sha256: '',
})

/** Small limits and ratios, so that every transition happens in a few hundred calls. */
const someSettings: fc.Arbitrary<Settings> = fc.record({
  window: fc.integer({ min: 2, max: 9 }),
  empty: fc.constantFrom('symbol' as const, 'skip' as const),
  normalFactor: fc.integer({ min: 1, max: 160 }),
  normalFactorDen: fc.integer({ min: 20, max: 40 }),
  normalWait: fc.integer({ min: 0, max: 2 }),
  anomalyLimit: fc.integer({ min: 0, max: 30 }),
  tolerizeLimit: fc.integer({ min: 0, max: 20 }),
  localityWindow: fc.oneof(fc.constant(128), fc.integer({ min: 1, max: 128 })),
  delayFactor: fc.integer({ min: 0, max: 2 }),
  jiffyMs: fc.constant(10),
  delayLimit: fc.constantFrom(1, 3600),
  defaultResponse: fc.constant('delay' as const),
})

/** Loops with rare strangers: what programs do. Numbers 512 and up are a foreign trace's. */
const someCalls = (most: number) =>
  fc
    .array(
      fc.record({
        body: fc.array(fc.oneof({ arbitrary: fc.nat(6), weight: 20 }, fc.constantFrom(300, 509, 513, 620)), {
          minLength: 1,
          maxLength: 4,
        }),
        times: fc.integer({ min: 1, max: 40 }),
      }),
      { minLength: 1, maxLength: 12 },
    )
    .map((loops) =>
      loops.flatMap(({ body, times }) => new Array(times).fill(body).flat() as number[]).slice(0, most),
    )

const tablePairs = (table: PairTable) =>
  [...table.entries()].map(({ current, previous, distance }) => `${current} ${previous} ${distance}`)

function sameProfile(real: Profile, literal: LiteralProfile) {
  assert.deepEqual(
    [real.normal, real.frozen, real.calls, real.anomalies],
    [literal.normal === 1, literal.frozen === 1, literal.count, literal.anomalies],
  )
  if (real.frozen) assert.equal(real.normalTime, literal.normal_time)
  for (const kind of ['train', 'test'] as const)
    assert.deepEqual(
      [real[kind].sequences, real[kind].trainCount, real[kind].lastModCount],
      [literal[kind].sequences, literal[kind].train_count, literal[kind].last_mod_count],
    )
}

describe('property: homeostasis is pH', () => {
  it('gives the same states, counters, LFC and pairs as the transcription, call by call, several tasks', () => {
    let normals = 0
    let stops = 0
    let resets = 0
    fc.assert(
      fc.property(
        someSettings,
        someCalls(600),
        fc.infiniteStream(fc.tuple(fc.nat(63), fc.nat(3))),
        (settings, calls, moves) => {
          const real = new Profile(keyFor(settings), settings)
          const literal = new LiteralProfile(settings)
          const tasks: { real: Task; literal: LiteralTask }[] = [
            { real: real.begin(), literal: new LiteralTask(literal) },
          ]
          let now = 0
          for (const call of calls) {
            const [move, which] = moves.next().value as [number, number]
            const task = tasks[which % tasks.length]!
            if (move === 0 && tasks.length < 4)
              tasks.push({ real: task.real.fork(), literal: task.literal.fork() })
            else if (move === 1) {
              task.real.exec(real)
              task.literal = new LiteralTask(literal)
            } else if (move < 8) now += 500
            const mine = real.process(task.real, call, now)
            const his = literal.processSyscall(task.literal, call, now)
            assert.deepEqual(
              [mine.trainMisses, mine.testMisses, mine.stoppedNormal, mine.trainingReset, mine.delayMs],
              [his.trainMisses, his.testMisses, his.stopped, his.reset, his.delayMs],
            )
            assert.deepEqual([task.real.lfc, task.real.maxLfc], [task.literal.total, task.literal.max])
            sameProfile(real, literal)
            if (mine.startedNormal) normals++
            if (mine.stoppedNormal) stops++
            if (mine.trainingReset) resets++
          }
          assert.deepEqual(tablePairs(real.train.table), literal.pairs(literal.train))
          assert.deepEqual(tablePairs(real.test.table), literal.pairs(literal.test))
        },
      ),
      { numRuns: 600 },
    )
    // The streams must reach what they are to compare.
    assert.ok(
      normals > 50 && stops > 20 && resets > 20,
      `normal ${normals}, stops ${stops}, resets ${resets}`,
    )
  })

  it('learnCalls leaves profile and task as process does, whatever the chunks', () => {
    fc.assert(
      fc.property(
        someSettings,
        someCalls(800),
        fc.array(fc.nat(60)),
        fc.boolean(),
        (settings, calls, cuts, wait) => {
          const one = new Profile(keyFor(settings), settings)
          const batch = new Profile(keyFor(settings), settings)
          const taskOne = one.begin()
          const taskBatch = batch.begin()
          const slots = Uint16Array.from(calls)
          let now = 0
          let begin = 0
          for (const length of [...cuts, calls.length]) {
            const end = Math.min(begin + length, calls.length)
            for (let i = begin; i < end; i++) one.process(taskOne, calls[i]!, now)
            learnCalls(batch, taskBatch, slots, now, begin, end)
            begin = end
            if (wait) now += 1000
            assert.deepEqual(batch.toTables(), one.toTables())
            assert.deepEqual(
              [batch.frozen, batch.normalTime, taskBatch.calls, taskBatch.lfc, taskBatch.maxLfc],
              [one.frozen, one.normalTime, taskOne.calls, taskOne.lfc, taskOne.maxLfc],
            )
          }
          assert.deepEqual(taskBatch.previous(), taskOne.previous())
        },
      ),
      { numRuns: 600 },
    )
  })

  it('scoreCalls counts what a count by definition gives', () => {
    fc.assert(
      fc.property(
        someSettings,
        someCalls(500),
        someCalls(500),
        fc.array(fc.nat(90)),
        (settings, learned, scored, cuts) => {
          const literal = new LiteralProfile(settings)
          const teacher = new LiteralTask(literal)
          const table = new PairTable()
          for (const call of learned) {
            teacher.append(call)
            literal.addSeq(teacher, literal.train)
          }
          for (const pair of literal.pairs(literal.train)) {
            const [current, previous, distance] = pair.split(' ').map(Number)
            table.add(current!, previous!, distance!)
          }
          const task = new LiteralTask(literal)
          const flags = scored.map((call) => {
            task.append(call)
            return literal.testSeq(task, literal.train) > 0 ? 1 : 0
          })
          let maxLfc = 0
          for (let i = 0; i < flags.length; i++) {
            let lfc = 0
            for (let j = Math.max(0, i - settings.localityWindow + 1); j <= i; j++) lfc += flags[j]!
            maxLfc = Math.max(maxLfc, lfc)
          }
          const score = new ScoreTask()
          const told: number[] = []
          let begin = 0
          const slots = Uint16Array.from(scored)
          for (const length of [...cuts, scored.length]) {
            const end = Math.min(begin + length, scored.length)
            scoreCalls(table, score, slots, settings, (place) => told.push(place), begin, end)
            begin = end
          }
          assert.deepEqual(
            { calls: score.calls, anomalous: score.anomalous, maxLfc: score.maxLfc },
            { calls: flags.length, anomalous: flags.filter((flag) => flag === 1).length, maxLfc },
          )
          assert.deepEqual(
            told,
            flags.flatMap((flag, place) => (flag === 1 ? [place] : [])),
          )
        },
      ),
      { numRuns: 600 },
    )
  })

  it('lifeStep at every call decides as the profile does by itself', () => {
    fc.assert(
      fc.property(someSettings, someCalls(400), (settings, calls) => {
        // A sensor only trains here: limits that never speak, and normal left to the reader.
        const quiet = { ...settings, tolerizeLimit: 128, anomalyLimit: 0x7fffffff }
        const one = new Profile(keyFor(quiet), quiet)
        const sensed = new Profile(keyFor(quiet), quiet)
        const task = one.begin()
        const sensedTask = sensed.begin()
        let life: LifeState = NEW_LIFE
        let now = 0
        for (const call of calls) {
          now += 90
          const outcome = one.process(task, call, now)
          sensed.process(sensedTask, call, now)
          sensed.frozen = false
          const { trainCount, lastModCount } = sensed.train
          const step = lifeStep(life, { calls: sensed.calls, trainCount, lastModCount }, quiet, now)
          life = step.state
          assert.equal(step.transitions.includes('frozen'), outcome.frozen)
          assert.equal(step.transitions.includes('normal-cancelled'), outcome.unfrozen)
          assert.equal(step.startNormal !== undefined, outcome.startedNormal)
          if (step.startNormal !== undefined) {
            sensed.act('normalize')
            life = NEW_LIFE
          }
          assert.equal(life.frozen, one.frozen)
        }
      }),
      { numRuns: 400 },
    )
  })
})

/** Of pairs that the profile may have or not: training may have been dropped since. */
const someSupport = fc.array(
  fc.tuple(
    fc
      .tuple(
        fc.constantFrom(0, 1, 2, 3, 12, 59),
        fc.constantFrom(0, 1, 2, 3, 12, 59),
        fc.integer({ min: 1, max: 5 }),
      )
      .map(([current, previous, distance]) => pairCode(current, previous, distance)),
    fc.record({
      first: fc.integer({ min: 1, max: 5000 }),
      seen: fc.integer({ min: 1, max: 1e6 }),
      borrowed: fc.boolean(),
    }),
  ),
  { maxLength: 12 },
)

describe('property: profile files', () => {
  const someProfile = fc.tuple(someSettings, someCalls(300)).map(([settings, calls]) => {
    const profile = new Profile(keyFor(settings), settings)
    const task = profile.begin()
    calls.forEach((call, i) => void profile.process(task, call, i * 50))
    profile.names.set(513, 'fooctl')
    return profile
  })

  it('come back as they were, and equal profiles are equal files', () => {
    fc.assert(
      fc.property(someProfile, someSupport, (profile, support) => {
        const known = support.length > 0 ? { support: new Map(support) } : {}
        const record = { ...recordOf(profile, { since: 5, made: 7 }, { package: 'less 590' }), ...known }
        const file = encodeProfile(record)
        const again = decodeProfile(file)
        assert.deepEqual(encodeProfile(again), file)
        const back = profileFrom(again, DEFAULT_SETTINGS)
        assert.equal(back.empty, profile.empty)
        assert.equal(back.names.get(513), 'fooctl')
        assert.ok(back.train.table.equals(profile.train.table) && back.test.table.equals(profile.test.table))
        const { rows: _, ...counters } = profile.toTables()
        const { rows: __, ...backCounters } = back.toTables()
        assert.deepEqual(backCounters, counters)
        assert.equal(back.state, profile.state)
      }),
      { numRuns: 80 },
    )
  })

  it('refuse every flipped bit, every truncation and every addition', () => {
    fc.assert(
      fc.property(someProfile, fc.nat(), fc.nat(7), fc.nat(), (profile, at, bit, cut) => {
        const file = encodeProfile(recordOf(profile, { since: 1, made: 2 }))
        const flipped = file.slice()
        flipped[at % file.length] = flipped[at % file.length]! ^ (1 << bit)
        const named = { name: 'ProfileFileError' }
        assert.throws(() => decodeProfile(flipped), named)
        assert.throws(() => decodeProfile(file.subarray(0, cut % file.length)), named)
        assert.throws(() => decodeProfile(Buffer.concat([file, Uint8Array.of(0)])), named)
      }),
      { numRuns: 400 },
    )
  })

  it('with a hash that holds over any bytes: refused, or exactly what writing makes', () => {
    const head = Buffer.concat([Buffer.from('lymph profile\n'), Buffer.of(1)])
    const sealed = (body: Uint8Array) =>
      Buffer.concat([head, createHash('sha256').update(head).update(body).digest(), body])
    const judge = (file: Uint8Array) => {
      let record: ProfileRecord
      try {
        record = decodeProfile(file)
      } catch (error) {
        assert.ok(error instanceof ProfileFileError, String(error))
        assert.ok(!error.message.includes('\n'))
        return
      }
      assert.deepEqual(Buffer.from(encodeProfile(record)), Buffer.from(file))
    }
    fc.assert(
      fc.property(
        someProfile,
        fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 }),
        fc.uint8Array({ maxLength: 300 }),
        (profile, changes, random) => {
          const body = encodeProfile(recordOf(profile, { since: 1, made: 2 })).slice(head.length + 32)
          for (const [at, byte] of changes) body[at % body.length] = byte
          judge(sealed(body))
          judge(sealed(random))
        },
      ),
      { numRuns: 400 },
    )
    // Deep nesting, and lengths that no file of this size can hold.
    judge(sealed(new Uint8Array(200_000).fill(0x81)))
    judge(sealed(Uint8Array.of(0x9b, 0, 0, 0, 1, 0, 0, 0, 0)))
    judge(sealed(Uint8Array.of(0x5b, 0, 0, 0, 1, 0, 0, 0, 0)))
  })
})
