import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isTimeClass, timeClasses, timeClassNames } from '#classes'

describe('time classes', () => {
  it('has those of cfengine 2.2 and 3, in the zone it is told', () => {
    // 2026-11-23 02:17 UTC is 03:17 in Oslo, a Monday.
    const names = timeClasses(Date.UTC(2026, 10, 23, 2, 17, 30), 'Europe/Oslo')
    for (const name of [
      ...[
        'Monday',
        'Day23',
        'November',
        'Yr2026',
        'Hr03',
        'Hr3',
        'Min17',
        'Min15_20',
        'Q2',
        'Hr03_Q2',
        'Night',
      ],
      ...['Lcycle_1', 'GMT_Hr02', 'GMT_Monday', 'GMT_Q2'],
    ])
      assert.ok(names.includes(name), name)
    assert.ok(!names.includes('Hr02'))
  })

  it('wraps the last five minutes, and pads as cfengine does', () => {
    const names = timeClasses(Date.UTC(2026, 0, 1, 23, 59), 'UTC')
    for (const name of ['Thursday', 'Day1', 'January', 'Min55_00', 'Min59', 'Q4', 'Evening', 'Hr23'])
      assert.ok(names.includes(name), name)
    assert.ok(!names.some((name) => /^Day0/.test(name)))
  })

  it('goes with daylight saving', () => {
    const hour = (utc: number) => timeClasses(utc, 'Europe/Oslo').find((name) => /^Hr\d\d$/.test(name))
    assert.equal(hour(Date.UTC(2026, 2, 29, 0, 30)), 'Hr01')
    assert.equal(hour(Date.UTC(2026, 2, 29, 1, 30)), 'Hr03')
    assert.equal(hour(Date.UTC(2026, 9, 25, 0, 30)), 'Hr02')
    assert.equal(hour(Date.UTC(2026, 9, 25, 1, 30)), 'Hr02')
  })

  it('knows every class it makes, and none that never comes', () => {
    for (let at = Date.UTC(2026, 0, 1); at < Date.UTC(2028, 0, 1); at += 7_777_777)
      for (const name of timeClasses(at, 'America/New_York')) assert.ok(isTimeClass(name), name)
    for (const name of timeClassNames) assert.ok(isTimeClass(name), name)
    for (const name of ['Hr24', 'Min07_12', 'Min60', 'Q5', 'Day32', 'Day0', 'monday', 'GMT_', 'Yr26'])
      assert.equal(isTimeClass(name), false, name)
  })

  it('refuses a zone that there is none of', () => {
    assert.throws(() => timeClasses(0, 'Nowhere/Land'), RangeError)
  })
})
