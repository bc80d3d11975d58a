import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { parseOptions } from '../../../scripts/experiments/web-load/options.ts'

describe('options of figure3', () => {
  it('defaults, the quick form, and what outranks it', () => {
    const full = { runs: 5, intervals: 96, intervalSeconds: 3, peak: 300, seed: 1, out: 'build/figure3' }
    assert.deepEqual(parseOptions([]), { ...full, port: undefined })
    assert.deepEqual(parseOptions(['--quick']), {
      ...full,
      intervals: 24,
      intervalSeconds: 1,
      port: undefined,
    })
    const given = [
      '--quick',
      '--runs',
      '2',
      '--interval-seconds=0.5',
      '--seed',
      '0',
      '--port',
      '8080',
      '--out',
      'x',
    ]
    const { runs, intervals, intervalSeconds, seed, port, out } = parseOptions(given) ?? {}
    assert.deepEqual([runs, intervals, intervalSeconds, seed, port, out], [2, 24, 0.5, 0, 8080, 'x'])
    assert.equal(parseOptions(['--help']), undefined)
  })

  it('the quick form leaves a minute of its three for what is around the runs', () => {
    const { runs, intervals, intervalSeconds } = parseOptions(['--quick']) as NonNullable<
      ReturnType<typeof parseOptions>
    >
    assert.ok(runs === 5 && runs * intervals * intervalSeconds <= 120)
  })

  for (const [args, message] of [
    [['--runs', '0'], /^--runs 0: a whole number from 1 to 50: see /],
    [['--runs', '2.5'], /^--runs 2\.5: a whole number/],
    [['--runs', ''], /^--runs : a whole number/],
    [['--intervals', '2'], /^--intervals 2: a whole number from 3 to 2016/],
    [['--interval-seconds', 'NaN'], /^--interval-seconds NaN: a number from 0\.5 to 300/],
    [['--seed', '-1'], /^Option '--seed' argument is ambiguous|^--seed -1/],
    [['--port', '65536'], /^--port 65536: a whole number from 1 to 65535/],
    [['--out', ''], /^--out: a folder/],
    [['--fast'], /^Unknown option '--fast': see /],
    [['quick'], /^nothing is to be named: "quick"/],
    [['--intervals', '2016', '--interval-seconds', '300', '--peak', '5000'], /more than 2000000: fewer/],
  ] as const)
    it(`refuses ${args.join(' ')} in one line`, () => {
      assert.throws(
        () => parseOptions(args),
        (error: Error & { exit?: number }) => {
          assert.match(error.message, message)
          assert.doesNotMatch(error.message, /\n/)
          assert.equal(error.exit, 2)
          return true
        },
      )
    })
})
