import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { figureSvg } from '../../../scripts/experiments/web-load/figure.ts'
import { csvOf, type Run, relationOf, rowsOf } from '../../../scripts/experiments/web-load/result.ts'

const runs: Run[] = [
  { load: [10, 20, 40], calls: [105, 205, 405] },
  { load: [10, 22, 40], calls: [105, 225, 425] },
]

/** The numbers of a path, in its order. */
const pathOf = (svg: string, name: string) =>
  [...(svg.match(new RegExp(`<path class="${name}" d="([^"]*)"/>`))?.[1] ?? '').matchAll(/[\d.]+/g)].map(
    Number,
  )

describe('what the runs measured', () => {
  it('means, standard deviations and each run, as CSV', () => {
    assert.equal(
      csvOf(rowsOf(runs)),
      [
        'interval,load_mean,load_sd,calls_mean,calls_sd,load_1,load_2,calls_1,calls_2',
        '1,10,0,105,0,10,10,105,105',
        '2,21,1.414,215,14.142,20,22,205,225',
        '3,40,0,415,14.142,40,40,405,425',
        '',
      ].join('\n'),
    )
  })

  it('one run alone has no standard deviation', () => {
    assert.equal(csvOf(rowsOf(runs.slice(0, 1))).split('\n')[1], '1,10,,105,,10,105')
  })

  it('correlation over the mean curve and of each run, calls per request', () => {
    const exact = relationOf(runs.slice(0, 1))
    assert.equal(exact.correlation, 1)
    assert.ok(Math.abs((exact.callsPerRequest as number) - 10) < 1e-12)
    assert.ok(Math.abs((exact.callsWithoutLoad as number) - 5) < 1e-9)
    const { correlation, perRun } = relationOf(runs)
    assert.equal(perRun.length, 2)
    assert.ok((correlation as number) > 0.99 && (correlation as number) < 1)
    const still = relationOf([{ load: [1, 1], calls: [5, 6] }])
    assert.deepEqual(
      [still.correlation, still.perRun, still.callsPerRequest],
      [undefined, [undefined], undefined],
    )
  })
})

describe('the figure', () => {
  const text = { title: 'a <b> & "c"', subtitle: 'sub', intervalSeconds: 2 }

  it('draws each mean where it belongs, and error bars of one standard deviation', () => {
    const svg = figureSvg(rowsOf(runs), text)
    const mean = pathOf(svg, 'mean calls')
    const [x1, y1, x2, y2, , y3] = mean as [number, number, number, number, number, number]
    assert.equal(mean.length, 6)
    assert.ok(x1 < x2)
    // The scale begins at 0: heights are as the values are.
    const ground = 56 + 230
    assert.ok(Math.abs((ground - y2) / (ground - y1) - 215 / 105) < 0.02)
    assert.ok(Math.abs((ground - y3) / (ground - y1) - 415 / 105) < 0.02)
    // Two intervals differ between the runs: two bars, each from a cap to a cap around its mean.
    const bars = pathOf(svg, 'bars calls')
    assert.equal(bars.length, 2 * 9)
    const [, low, , middle, , high] = bars as [number, number, number, number, number, number]
    assert.equal(middle, x2)
    assert.ok(Math.abs((low + high) / 2 - y2) < 0.11 && low > high)
    assert.ok(Math.abs((low - high) / 2 / (ground - y2) - 14.142 / 215) < 0.01)
    assert.equal(pathOf(svg, 'bars load').length, 9)
  })

  it('is XML whatever the title, and of no interval or of nothing but zeros as well', () => {
    const svg = figureSvg(rowsOf(runs), text)
    assert.ok(svg.includes('<title>a &#60;b&#62; &#38; &#34;c&#34;</title>'))
    for (const rows of [rowsOf([]), rowsOf([{ load: [0, 0], calls: [0, 0] }])])
      assert.doesNotMatch(figureSvg(rows, text), /NaN|Infinity|undefined/)
  })

  it('names at most some fifteen intervals, however many there are', () => {
    const many: Run = { load: Array(2016).fill(1), calls: Array(2016).fill(2) }
    const names = figureSvg(rowsOf([many]), text).match(/text-anchor="middle">\d+</g) ?? []
    assert.ok(names.length >= 5 && names.length <= 15, `${names.length}`)
  })
})
