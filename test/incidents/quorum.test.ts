import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type NetworkView, networkClasses, type QuorumRules, quorumOf, type Voice } from '#incidents'

const rules: QuorumRules = { hosts: 3, windowMs: 1000 }
const voice = (peer: string, more: Partial<Voice> = {}): Voice => ({
  ...{
    peer,
    kind: 'ph_sequence_anomaly',
    subject: '/usr/bin/less',
    sha256: 'aa',
    raised: 100,
    expires: 5000,
  },
  ...more,
})
const view = (voices: Voice[], more: Partial<NetworkView> = {}): NetworkView => ({
  ...{ voices, self: 'me', members: 9, runs: () => false, allowed: () => false },
  ...more,
})
const names = (of: NetworkView, by = rules, now = 200) => networkClasses(of, by, now).map(({ name }) => name)
const base = 'mesh_ph_sequence_anomaly'

test('one host makes the class; three within the window a quorum; the same host three times none', () => {
  assert.deepEqual(names(view([])), [])
  assert.deepEqual(names(view([voice('a')])), [base])
  assert.deepEqual(names(view([voice('a'), voice('a', { subject: 'x' }), voice('a', { raised: 150 })])), [
    base,
  ])
  assert.deepEqual(names(view([voice('a'), voice('b'), voice('c')])), [base, `${base}_quorum`])
  assert.deepEqual(
    names(view([voice('a'), voice('b'), voice('me')])),
    [base, `${base}_quorum`],
    'this host is a voice too',
  )
  assert.deepEqual(names(view([voice('me')])), [], 'but none of the network')
})

test('other content, another time, and what has run out do not add up', () => {
  assert.deepEqual(names(view([voice('a'), voice('b'), voice('c', { sha256: 'bb' })])), [base])
  assert.deepEqual(names(view([voice('a'), voice('b'), voice('c', { raised: 1200 })]), rules, 1300), [base])
  assert.deepEqual(names(view([voice('a'), voice('b'), voice('c', { expires: 150 })])), [base])
  // Without a hash the path says what is meant.
  const unknown = (peer: string, subject: string) => voice(peer, { sha256: '', subject })
  assert.deepEqual(names(view([unknown('a', 'x'), unknown('b', 'y'), unknown('c', 'z')])), [base])
  assert.deepEqual(names(view([unknown('a', 'x'), unknown('b', 'x'), unknown('c', 'x')])), [
    base,
    `${base}_quorum`,
  ])
})

test('_here needs the same file content to run here; the allow-list outranks all of it', () => {
  const runs = (sha256: string) => sha256 === 'aa'
  const all = [voice('a'), voice('b'), voice('c')]
  assert.deepEqual(names(view([voice('a')], { runs })), [base, `${base}_here`])
  assert.deepEqual(names(view([voice('a', { sha256: '' })], { runs: () => true })), [base])
  assert.deepEqual(names(view(all, { runs, allowed: ({ subject }) => subject === '/usr/bin/less' })), [])
})

test('a quorum lasts as long as enough of its voices', () => {
  const all = [
    voice('a', { expires: 900 }),
    voice('b', { expires: 700 }),
    voice('c', { expires: 800 }),
    voice('d', { expires: 300 }),
  ]
  assert.deepEqual(networkClasses(view(all), rules, 200), [
    { name: base, until: 900 },
    { name: `${base}_quorum`, until: 700 },
  ])
})

test('a third of liars is never a quorum; order and repeats change nothing', () => {
  const third: QuorumRules = { hosts: 'third', windowMs: 1e9 }
  fc.assert(
    fc.property(
      fc.integer({ min: 2, max: 300 }),
      fc.array(voices(), { maxLength: 60 }),
      fc.nat(),
      (members, said, turn) => {
        const liars = Array.from({ length: Math.floor(members / 3) }, (_, i) => voice(`liar${i}`))
        assert.ok(!names(view(liars, { members }), third).includes(`${base}_quorum`))
        const more = [...liars, voice('honest')]
        const expected = more.length >= quorumOf(third, members)
        assert.equal(names(view(more, { members }), third).includes(`${base}_quorum`), expected)
        const cut = said.length === 0 ? 0 : turn % said.length
        const turned = [...said.slice(cut), ...said.slice(0, cut), ...said]
        assert.deepEqual(networkClasses(view(turned), rules, 50), networkClasses(view(said), rules, 50))
      },
    ),
  )
})

function voices() {
  return fc
    .record({
      peer: fc.constantFrom('a', 'b', 'c', 'd', 'me'),
      raised: fc.nat(3000),
      expires: fc.nat(9000),
      sha256: fc.constantFrom('aa', 'bb'),
    })
    .map(({ peer, ...more }) => voice(peer, more))
}
