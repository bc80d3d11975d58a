/** The state is a CRDT, and two hosts that sync end equal, whatever they held. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { RecordKind } from '../../src/mesh/interface.ts'
import { sha256 } from '../../src/mesh/records/codec.ts'
import type { Statement } from '../../src/mesh/records/envelope.ts'
import { LiveState, later, slot } from '../../src/mesh/records/live.ts'
import { Windows } from '../../src/mesh/records/windows.ts'
import { initiate, respond, type Side, stateHash } from '../../src/mesh/sync/sync.ts'

const authors = ['a', 'b', 'c']

/** Statements as authors make them: a number is said once, so what is said is a function of who and when. */
const statement = fc
  .record({
    author: fc.constantFrom(...authors),
    epoch: fc.integer({ min: 1, max: 3 }),
    seq: fc.integer({ min: 1, max: 40 }),
  })
  .map(({ author, epoch, seq }): Statement => {
    const mix = epoch * 31 + seq * 17
    const kind = (['semaphore', 'digest', 'alive'] as RecordKind[])[mix % 3] as RecordKind
    const envelope = new TextEncoder().encode(`${author}.${epoch}.${seq}`)
    const op = mix % 5 === 0 ? 'clear' : 'raise'
    const key = `k${mix % 7}`
    const hash = sha256(envelope)
    const none = { meshId: new Uint8Array(16), sig: new Uint8Array(64), ts: 0, body: null }
    return { ...none, author, epoch, seq, kind, key, op, expires: 1000 + mix, envelope, hash }
  })
const statements = fc.array(statement, { maxLength: 60 })

const state = (all: Statement[]) => {
  const live = new LiveState()
  for (const one of all) live.merge(one, 0)
  return live
}
const content = (live: LiveState) =>
  [...live.all()].map(({ statement: s }) => `${s.author}/${slot(s)}=${s.epoch}.${s.seq}`).sort()
const prints = (live: LiveState) => authors.map((author) => Buffer.from(live.print(author)).toString('hex'))

test('merging commutes, associates and repeats without effect; equal sets have equal prints', () => {
  fc.assert(
    fc.property(statements, fc.infiniteStream(fc.nat()), (all, order) => {
      const expected = state(all)
      const shuffled = all
        .map((one) => ({ one, at: order.next().value as number }))
        .sort((x, y) => x.at - y.at)
      const other = state([...shuffled.map(({ one }) => one), ...all])
      assert.deepEqual(content(other), content(expected))
      assert.deepEqual(prints(other), prints(expected))
      for (const { statement: held } of expected.all())
        for (const one of all)
          if (one.author === held.author && slot(one) === slot(held)) assert.ok(!later(one, held))
    }),
  )
})

test('with caps it still commutes: the highest numbers stay, and the sum is kept', () => {
  fc.assert(
    fc.property(statements, fc.integer({ min: 1, max: 6 }), (all, cap) => {
      const one = new LiveState(cap)
      const two = new LiveState(cap)
      for (const each of all) one.merge(each, 0)
      for (const each of [...all].reverse()) two.merge(each, 0)
      assert.deepEqual(content(one), content(two))
      for (const author of authors) assert.ok([...one.of(author)].length <= cap)
      assert.equal(one.gauges.records, [...one.all()].length)
    }),
  )
})

test('a sweep takes out exactly what has run out, and prints follow', () => {
  fc.assert(
    fc.property(statements, fc.integer({ min: 1000, max: 1900 }), (all, now) => {
      const live = state(all)
      const before = content(live).length
      const gone = live.sweep(now)
      assert.equal(content(live).length + gone.length, before)
      assert.ok([...live.all()].every((held) => held.statement.expires > now))
      assert.ok(gone.every((held) => held.statement.expires <= now))
      assert.deepEqual(prints(live), prints(state([...live.all()].map((held) => held.statement))))
    }),
  )
})

const byName = new Map<string, Statement>()

function side(live: LiveState): Side & { took: number } {
  const self = {
    took: 0,
    vector: () =>
      authors.map((peer) => ({ peer, certificate: new Uint8Array(8), records: live.print(peer) })),
    *standing(author: string) {
      for (const held of live.of(author)) yield held.statement
    },
    member: () => undefined,
    learn: () => undefined,
    async take(envelope: Uint8Array) {
      self.took += 1
      live.merge(byName.get(new TextDecoder().decode(envelope)) as Statement, 0)
      return true
    },
    settled: async () => undefined,
  }
  return self
}

/** Runs both sides against one another, turn by turn. */
async function converse(a: Side, b: Side): Promise<number> {
  let bytes = 0
  const lanes = [0, 1].map(() => ({ queue: [] as Uint8Array[], ended: false, wake: () => {} }))
  const [ab, ba] = lanes as [(typeof lanes)[0], (typeof lanes)[0]]
  async function* drain(lane: (typeof lanes)[0]) {
    for (;;) {
      const next = lane.queue.shift()
      if (next !== undefined) yield next
      else if (lane.ended) return
      else await new Promise<void>((resolve) => (lane.wake = resolve))
    }
  }
  const run = async (session: AsyncGenerator<Uint8Array>, out: (typeof lanes)[0]) => {
    for await (const message of session) {
      bytes += message.length
      out.queue.push(message)
      out.wake()
    }
    out.ended = true
    out.wake()
  }
  await Promise.all([run(initiate(a)(drain(ba)), ab), run(respond(b)(drain(ab)), ba)])
  return bytes
}

test('after one sync both hold the same: the merge of both; a second sync is two messages', async () => {
  await fc.assert(
    fc.asyncProperty(statements, statements, async (mine, theirs) => {
      for (const one of [...mine, ...theirs]) byName.set(`${one.author}.${one.epoch}.${one.seq}`, one)
      const [here, there] = [state(mine), state(theirs)]
      const expected = content(state([...mine, ...theirs]))
      await converse(side(here), side(there))
      assert.deepEqual(content(here), expected)
      assert.deepEqual(content(there), expected)
      const [a, b] = [side(here), side(there)]
      assert.deepEqual(stateHash(a), stateHash(b))
      assert.ok((await converse(a, b)) < 60)
      assert.equal(a.took + b.took, 0)
    }),
    { numRuns: 200 },
  )
})

test('a window never takes a number twice, whatever the order, and survives being saved', () => {
  const numbers = fc.array(
    fc.record({ epoch: fc.integer({ min: 1, max: 2 }), seq: fc.integer({ min: 1, max: 200 }) }),
    { maxLength: 150 },
  )
  fc.assert(
    fc.property(numbers, fc.nat(149), (all, restart) => {
      let windows = new Windows()
      const taken = new Set<string>()
      for (const [i, { epoch, seq }] of all.entries()) {
        if (i === restart) {
          const kept = windows.save('a')
          windows = new Windows()
          windows.load('a', kept)
        }
        const one = { author: 'a', epoch, seq, hash: sha256(new TextEncoder().encode(`${epoch}.${seq}`)) }
        if (windows.standing(one) !== 'new') continue
        assert.ok(!taken.has(`${epoch}.${seq}`))
        taken.add(`${epoch}.${seq}`)
        windows.note(one)
        assert.equal(windows.standing(one), 'duplicate')
        const other = { ...one, hash: sha256(one.hash) }
        assert.equal(windows.standing(other), 'equivocation')
      }
    }),
  )
})

test('an author that says two things under one number: after a sync both hosts hold the same one of them', async () => {
  await fc.assert(
    fc.asyncProperty(statements, fc.array(fc.nat(59), { maxLength: 5 }), async (all, twice) => {
      const texts = new Map<string, Statement>()
      const variant = (one: Statement, mark: string): Statement => {
        const envelope = new TextEncoder().encode(`${one.author}.${one.epoch}.${one.seq}${mark}`)
        const made = { ...one, envelope, hash: sha256(envelope) }
        texts.set(new TextDecoder().decode(envelope), made)
        return made
      }
      const mine = all.map((one) => variant(one, ''))
      const theirs = all.map((one, i) => variant(one, twice.includes(i) ? '!' : ''))
      for (const [text, one] of texts) byName.set(text, one)
      const [here, there] = [state(mine), state(theirs)]
      await converse(side(here), side(there))
      assert.deepEqual(prints(here), prints(there))
    }),
    { numRuns: 100 },
  )
})
