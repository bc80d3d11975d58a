import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { busiest, entropy, entropyClasses, entropyLevel } from '../../../src/environment/probes/index.ts'

const remotes = (counts: Record<string, number[]>) =>
  new Map(
    Object.entries(counts).map(
      ([name, all]) => [name, new Map(all.map((n, i) => [`address ${i}`, n]))] as const,
    ),
  )

describe('entropy', () => {
  it('is 0 for none and one, 1 for evenly spread, between for the rest', () => {
    assert.equal(entropy([]), 0)
    assert.equal(entropy([500]), 0)
    assert.equal(entropy([7, 7, 7, 7]), 1)
    // Two addresses, 1 of 4 and 3 of 4: -(0.25 log2 0.25 + 0.75 log2 0.75) bits of the 1 there could be.
    assert.ok(Math.abs(entropy([1, 3]) - 0.811278) < 1e-6)
  })

  it('is the sum of the definition, whatever the counts', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 1e6 }), { minLength: 2, maxLength: 200 }), (counts) => {
        const total = counts.reduce((a, b) => a + b)
        const literal =
          -counts.reduce((sum, n) => sum + (n / total) * Math.log(n / total), 0) / Math.log(counts.length)
        const value = entropy(counts)
        assert.ok(Math.abs(value - literal) < 1e-9)
        assert.ok(value >= 0 && value <= 1)
      }),
    )
  })

  it('is cut at 0.2 and 0.9 as CFEngine does', () => {
    assert.deepEqual([0, 0.19, 0.2, 0.9, 0.91, 1].map(entropyLevel), [
      'low',
      'low',
      'medium',
      'medium',
      'high',
      'high',
    ])
  })

  it('gives one class for each service with connections, and none for one without or with too many', () => {
    const sockets = {
      remotes: remotes({
        www_in: [1000, 1, 1],
        ssh_in: [3, 3],
        smtp_out: [1, 3],
        ipp_in: [],
        dns_in: [1, 1],
      }),
      cut: new Set(['dns_in']),
    }
    assert.deepEqual(entropyClasses(sockets), [
      'entropy_www_in_low',
      'entropy_ssh_in_high',
      'entropy_smtp_out_medium',
    ])
  })

  it('names the busiest first', () => {
    assert.deepEqual(
      busiest(
        new Map([
          ['a', 1],
          ['b', 9],
          ['c', 5],
        ]),
        2,
      ),
      [
        ['b', 9],
        ['c', 5],
      ],
    )
  })
})
