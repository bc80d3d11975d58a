import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  ABIS,
  CallNames,
  readTrace,
  recordedAbi,
  type TraceEvent,
  TraceRecorder,
  type TraceSink,
} from '#syscalls'

type Told = TraceEvent | { type: 'foreign'; task: number; abi: string }

const task = fc.oneof(fc.nat(300), fc.nat(4_194_304))
const event: fc.Arbitrary<Told> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ type: fc.constant('call' as const), task, call: fc.nat(509) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constant('call' as const),
      task,
      call: fc.integer({ min: 512, max: 520 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constant('exec' as const),
      task,
      binary: fc.string({ unit: 'binary', maxLength: 40 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('fork' as const), task, parent: task }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('exit' as const), task }) },
  {
    weight: 1,
    arbitrary: fc.record({ type: fc.constant('foreign' as const), task, abi: fc.constantFrom(...ABIS) }),
  },
)

function written(events: Told[], names: CallNames): Buffer {
  const blocks: Uint8Array[] = []
  const recorder = new TraceRecorder(names, (block) => blocks.push(block))
  for (const one of events)
    if (one.type === 'call') recorder.call(one.task, one.call)
    else if (one.type === 'exec') recorder.exec(one.task, one.binary)
    else if (one.type === 'fork') recorder.fork(one.task, one.parent)
    else if (one.type === 'exit') recorder.exit(one.task)
    else recorder.foreign(one.task, one.abi as (typeof ABIS)[number])
  recorder.end()
  return Buffer.concat(blocks)
}

async function read(bytes: Uint8Array, names: CallNames, chunk: number): Promise<Told[]> {
  const told: Told[] = []
  const sink: TraceSink = {
    call: (task, call) => told.push({ type: 'call', task, call }),
    exec: (task, binary) => told.push({ type: 'exec', task, binary }),
    fork: (task, parent) => told.push({ type: 'fork', task, parent }),
    exit: (task) => told.push({ type: 'exit', task }),
    foreign: (task, abi) => told.push({ type: 'foreign', task, abi }),
  }
  async function* chunks() {
    for (let at = 0; at < bytes.length; at += chunk) yield bytes.subarray(at, at + chunk)
  }
  assert.equal(await readTrace({ name: 'x', file: 'x', chunks: chunks() }, names, sink), 'lymph')
  return told
}

const foreignNames = () =>
  new CallNames(
    'arm64',
    Array.from({ length: 9 }, (_, i) => [512 + i, `odd_${'x'.repeat(i * 9)}`] as const),
  )

test('what is written is read again, in whatever pieces', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(event, { maxLength: 300 }),
      fc.integer({ min: 1, max: 400 }),
      async (events, chunk) => {
        const names = foreignNames()
        const bytes = written(events, names)
        assert.equal(recordedAbi(bytes), 'arm64')
        assert.deepEqual(
          await read(bytes, foreignNames(), chunk),
          events.map((one) => ({ ...one })),
        )
        // Numbers of foreign names are the reader's own.
        const other = new CallNames('arm64', [[512, 'taken']])
        const named = (told: Told[], by: CallNames) =>
          told.map((one) =>
            one.type === 'call' ? `${one.task} ${by.nameOf(one.call)}` : JSON.stringify({ ...one }),
          )
        assert.deepEqual(named(await read(bytes, other, 4096), other), named(events, names))
      },
    ),
    { numRuns: 150 },
  )
})

test('a trace that was cut short or changed is refused', async () => {
  const events: Told[] = Array.from({ length: 200 }, (_, i) => ({
    type: 'call',
    task: i % 3,
    call: (i * 7) % 520 === 510 || (i * 7) % 520 === 511 ? 0 : (i * 7) % 520,
  }))
  const bytes = written(events, foreignNames())
  for (let length = 15; length < bytes.length; length++)
    await assert.rejects(
      read(bytes.subarray(0, length), foreignNames(), 64),
      { name: 'TraceError' },
      `${length} bytes`,
    )
  await fc.assert(
    fc.asyncProperty(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), async (at, change) => {
      const changed = Buffer.from(bytes)
      changed[at] = changed[at]! ^ change
      await assert.rejects(read(changed, foreignNames(), 4096))
    }),
    { numRuns: 300 },
  )
  await assert.rejects(
    read(Buffer.concat([bytes, Buffer.from('x')]), foreignNames(), 4096),
    /something follows the end record/,
  )
  await assert.rejects(
    read(bytes, new CallNames('x86-64'), 4096),
    /recorded on arm64, and x86-64 is asked for/,
  )
})

test('blocks stay small and calls are a byte or two', () => {
  const names = new CallNames('x86-64')
  let most = 0
  let sum = 0
  const recorder = new TraceRecorder(names, (block) => {
    most = Math.max(most, block.length)
    sum += block.length
  })
  for (let i = 0; i < 200_000; i++) recorder.call(1, i % 300)
  recorder.end()
  assert.ok(most < 80_000, `a block of ${most} bytes`)
  assert.ok(sum < 400_100, `${sum} bytes for 200000 calls`)
})
