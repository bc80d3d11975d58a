import assert from 'node:assert/strict'
import { test } from 'node:test'
import { EnvironmentError, ObservableModel, SlotClock, slotName } from '#environment'
import { MONDAY, SLOT } from './support.ts'

const DAY = 86_400_000

test('UTC: the week begins on Monday at midnight and has 2016 slots', () => {
  const clock = new SlotClock()
  assert.equal(clock.weekSlot(MONDAY), 0)
  assert.equal(clock.weekSlot(MONDAY + 299_999), 0)
  assert.equal(clock.weekSlot(MONDAY + SLOT), 1)
  assert.equal(clock.weekSlot(MONDAY - 1), 2015)
  assert.equal(clock.weekSlot(MONDAY + 7 * DAY), 0)
  assert.equal(clock.daySlot(MONDAY + DAY + 3 * 3_600_000), 36)
  assert.equal(clock.weekSlot(-1), clock.weekSlot(7 * DAY - 1))
  assert.equal(slotName(clock.weekSlot(MONDAY + DAY + 14 * 3_600_000 + 7 * 60_000)), 'Tue 14:05')
})

test('summer time moves no slot: nine o’clock on Monday is the same slot all year', () => {
  const clock = new SlotClock('Europe/Oslo')
  const nine = (date: string) => Date.parse(`${date}Z`)
  // Winter is UTC+1, summer UTC+2.
  const slots = [
    '2024-03-25T08:00:00',
    '2024-04-01T07:00:00',
    '2024-10-21T07:00:00',
    '2024-10-28T08:00:00',
  ].map((date) => clock.weekSlot(nine(date)))
  assert.deepEqual(slots, [108, 108, 108, 108])
})

test('the days of 23 and of 25 hours: an hour of slots is left out, an hour comes twice', () => {
  const clock = new SlotClock('Europe/Oslo')
  const visits = (from: string, hours: number) => {
    const count = new Uint8Array(288)
    for (let at = Date.parse(from); at < Date.parse(from) + hours * 3_600_000; at += SLOT)
      count[clock.daySlot(at)]!++
    return count
  }
  const spring = visits('2024-03-30T23:00:00Z', 23)
  const autumn = visits('2024-10-26T22:00:00Z', 25)
  const twoToThree = (slot: number) => slot >= 24 && slot < 36
  for (const [slot, count] of spring.entries())
    assert.equal(count, twoToThree(slot) ? 0 : 1, `spring ${slot}`)
  for (const [slot, count] of autumn.entries())
    assert.equal(count, twoToThree(slot) ? 2 : 1, `autumn ${slot}`)
})

test('zones of half hours and quarters, and half an hour of summer time', () => {
  assert.equal(new SlotClock('Asia/Kathmandu').daySlot(Date.parse('2024-05-01T00:00:00Z')), 5 * 12 + 9)
  const howe = new SlotClock('Australia/Lord_Howe')
  // 2024-04-06T15:00Z: from +11:00 back to +10:30.
  assert.equal(howe.daySlot(Date.parse('2024-04-06T14:55:00Z')), 23)
  assert.equal(howe.daySlot(Date.parse('2024-04-06T15:00:00Z')), 18)
})

test('an unknown zone is refused in one line that says what is allowed', () => {
  assert.throws(
    () => new SlotClock('Mars/Olympus'),
    (error: unknown) =>
      error instanceof EnvironmentError && /'Mars\/Olympus' is no time zone: give UTC/.test(error.message),
  )
  assert.ok(new SlotClock('local').zone.length > 0)
})

/** Feeds a model 100 every five minutes for three days and hands it over. */
function settled(): { model: ObservableModel; at: number } {
  const model = new ObservableModel(new SlotClock())
  let at = MONDAY
  for (let i = 0; i < 900; i++, at += SLOT) model.step(at, 100 + (i % 5))
  return { model, at }
}

for (const [what, jump] of [
  ['back', -7 * DAY],
  ['ahead', 7 * DAY],
] as const)
  test(`a clock that jumps a week ${what}: one line each time, nothing learned, then it goes on`, () => {
    const { model, at } = settled()
    const before = model.samples
    for (let i = 0; i < 12; i++) {
      const verdict = model.step(at + jump + i * SLOT, 9999)
      assert.match(
        verdict.skipped!,
        new RegExp(`^the clock went 7 days ${what}: nothing is learned until \\d+ more`),
      )
      assert.equal(verdict.known, false)
    }
    assert.equal(model.samples, before)
    assert.equal(model.step(at + jump + 12 * SLOT, 100).skipped, undefined)
    assert.equal(model.samples, before + 1)
  })

test('a clock that jumps a week ahead and is set right at once teaches nothing of that week', () => {
  const { model, at } = settled()
  const before = model.samples
  assert.match(model.step(at + 7 * DAY, 100).skipped!, /7 days ahead/)
  for (let i = 0; i < 12; i++) assert.match(model.step(at + i * SLOT, 100).skipped!, /7 days back/)
  assert.equal(model.step(at + 12 * SLOT, 100).skipped, undefined)
  assert.equal(model.samples, before + 1)
})

test('holes of hours and of a weekend teach nothing and change nothing', () => {
  const { model, at } = settled()
  const verdict = model.step(at + 2 * DAY, 102)
  assert.equal(verdict.skipped, undefined)
  assert.equal(verdict.sure.samples, 901)
})

test('what is no number is left out and told', () => {
  const { model, at } = settled()
  for (const value of [Number.NaN, Number.POSITIVE_INFINITY, 1e31])
    assert.match(model.step(at, value).skipped!, /is no measurement/)
  assert.match(model.step(Number.NaN, 1).skipped!, /is no time/)
  assert.equal(model.step(at, 100).skipped, undefined)
})
