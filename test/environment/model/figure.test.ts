import assert from 'node:assert/strict'
import { test } from 'node:test'
import { classNames, howSure, sigmaOf, type Verdict, weekCsv, weekFigure, weekSvg } from '#environment'
import { feed, gaussian, seeded, utcModel, WEEK, weekShape } from './support.ts'

test('the figure has the mean and the spread of each slot of the week', () => {
  const random = seeded(1)
  const model = utcModel()
  feed(model, 8 * WEEK, (i) => weekShape(i) + 5 * gaussian(random))
  const rows = weekFigure(model)
  assert.equal(rows.length, WEEK)
  let off = 0
  let spread = 0
  for (const row of rows) {
    assert.equal(row.samples, 8)
    off += Math.abs(row.mean! - weekShape(row.slot)) / WEEK
    spread += row.spread! / WEEK
  }
  // A quarter of what is expected is still the day's, whichever day.
  assert.ok(off < 15, `${off}`)
  assert.ok(spread > 4.5 && spread < 20, `${spread}`)
  assert.equal(weekCsv(rows).split('\n').length, WEEK + 2)
  assert.match(weekCsv(rows), /^slot,time,mean,spread,samples\n0,Mon 00:00,[\d.]+,[\d.]+,8\n/)
})

/** Checks what can be without a parser: one root, tags that close in order, no bare & or <. */
function wellFormed(xml: string): void {
  const open: string[] = []
  const rest = xml
    .replace(/^<\?xml [^>]*\?>\n/, '')
    .replace(/<(\/?)([a-z]+)((?:\s[a-zA-Z:-]+="[^"<&]*")*)\s*(\/?)>/g, (_, close, name, __, empty) => {
      if (close) assert.equal(open.pop(), name)
      else if (!empty) open.push(name)
      return ''
    })
  assert.deepEqual(open, [])
  assert.ok(!/[<>]|&(?!#\d+;)/.test(rest), rest.slice(0, 200))
}

test('the SVG is well-formed whatever the name, and with nothing learned', () => {
  const model = utcModel()
  wellFormed(weekSvg(weekFigure(model), 'www_in', 'UTC'))
  assert.match(weekSvg(weekFigure(model), 'www_in', 'UTC'), /nothing learned yet/)
  feed(model, 700, () => 24_000)
  wellFormed(weekSvg(weekFigure(model), 'a<b>&"c\'\u0000\ud800', 'Europe/Oslo'))
  feed(
    model,
    WEEK,
    (i) => 1e-9 * (i % 7),
    () => {},
    700,
  )
  const svg = weekSvg(weekFigure(model), 'x', 'UTC')
  wellFormed(svg)
  assert.ok(!svg.includes('NaN') && !svg.includes('Infinity'))
  assert.match(svg, /class="bars"/)
  for (const [, x, y] of svg.matchAll(/[ML](\d+\.\d) (-?\d+\.\d)/g))
    assert.ok(Number(x) >= 76 && Number(x) <= 1064 && Number(y) >= 40 && Number(y) <= 364, `${x} ${y}`)
  assert.match(svg, /class="mean" d="M76\.0 /)
})

test('classes are cumulative, and CFEngine’s spelling comes on request', () => {
  const verdict = { direction: 'high', level: 'dev3', anomalous: true, known: true, flat: false } as const
  assert.deepEqual(classNames('www.in', verdict), [
    'www_in_high',
    'www_in_high_dev1',
    'www_in_high_dev2',
    'www_in_high_dev3',
    'www_in_high_anomalous',
  ])
  assert.ok(classNames('www_in', verdict, 'cfengine').includes('www_in_high_anomaly'))
  const normal = { direction: 'normal', level: 'normal', anomalous: false, known: true, flat: true } as const
  assert.deepEqual(classNames('x', normal), ['x_normal', 'x_flat'])
  assert.deepEqual(classNames('x', normal, 'cfengine'), ['x_normal', 'x_flat', 'x_normal_normal'])
  assert.deepEqual(classNames('x', { ...normal, known: false }), [])
})

test('how sure, and sigma from a surprise', () => {
  const sure = (samples: number, daySlot: number, weekSlot: number): Verdict['sure'] => ({
    samples,
    daySlot,
    weekSlot,
  })
  assert.equal(howSure(sure(30, 0.05, 0)), '3 hours, this time of day not seen yet')
  assert.equal(howSure(sure(1200, 4, 1)), '4 days, week slot not yet in use')
  assert.equal(howSure(sure(8 * WEEK, 10, 4)), '56 days, week slot counts 50 %')
  for (const [p, z] of [
    [0.3173, 1],
    [0.0455, 2],
    [0.0027, 3],
    [5.733e-7, 5],
  ] as const)
    assert.ok(Math.abs(sigmaOf(-Math.log(p)) - z) < 0.002, `${z}`)
})
