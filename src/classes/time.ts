/** Time classes as cfengine 2.2 and 3 name them, of the host's time zone; `GMT_` copies of all of them. */

const days = ['Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday', 'Sunday']
const months = [
  'January',
  'February',
  'March',
  'April',
  'May',
  'June',
  'July',
  'August',
  'September',
  'October',
  'November',
  'December',
]
const shifts = ['Night', 'Morning', 'Afternoon', 'Evening']

/** The host's own zone: `Europe/Oslo`. */
export function hostZone(): string {
  return Intl.DateTimeFormat().resolvedOptions().timeZone
}

/**
 * The classes that hold at a time: `Monday Day12 January Yr2026 Hr03 Hr3 Min17 Min15_20 Q2 Hr03_Q2 Night Lcycle_1`, and
 * with `GMT_` in front those of UTC. `Q` counts quarters of the hour, not of the year; the shift is six hours long.
 * @param now ms since the epoch
 * @param zone an IANA name
 * @throws RangeError for a zone that there is none of
 */
export function timeClasses(now: number, zone: string): string[] {
  return [...at(now, zone), ...at(now, 'UTC').map((name) => `GMT_${name}`)]
}

const formats = new Map<string, Intl.DateTimeFormat>()

function formatOf(zone: string): Intl.DateTimeFormat {
  let format = formats.get(zone)
  if (!format) {
    // A host has one zone; more come from tests alone.
    if (formats.size >= 16) formats.clear()
    format = new Intl.DateTimeFormat('en-US', {
      timeZone: zone,
      hourCycle: 'h23',
      weekday: 'long',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
    })
    formats.set(zone, format)
  }
  return format
}

function at(now: number, zone: string): string[] {
  const part = Object.fromEntries(
    formatOf(zone)
      .formatToParts(now)
      .map(({ type, value }) => [type, value]),
  )
  const [year, month, day, hour, minute] = ['year', 'month', 'day', 'hour', 'minute'].map((name) =>
    Number(part[name]),
  ) as [number, number, number, number, number]
  const five = Math.floor(minute / 5) * 5
  const quarter = Math.floor(minute / 15) + 1
  return [
    part.weekday as string,
    `Day${day}`,
    months[month - 1] as string,
    `Yr${year}`,
    `Hr${two(hour)}`,
    ...(hour < 10 ? [`Hr${hour}`] : []),
    `Min${two(minute)}`,
    `Min${two(five)}_${two((five + 5) % 60)}`,
    `Q${quarter}`,
    `Hr${two(hour)}_Q${quarter}`,
    shifts[Math.floor(hour / 6)] as string,
    `Lcycle_${year % 3}`,
  ]
}

const two = (n: number): string => String(n).padStart(2, '0')

const hour = '(?:[01]?\\d|2[0-3])'
const known = new RegExp(
  `^(?:GMT_)?(?:${[...days, ...months, ...shifts].join('|')}|Day(?:[1-9]|[12]\\d|3[01])|Yr\\d{4}|Hr${hour}(?:_Q[1-4])?|Min[0-5]\\d|Min(?:00_05|05_10|10_15|15_20|20_25|25_30|30_35|35_40|40_45|45_50|50_55|55_00)|Q[1-4]|Lcycle_[012])$`,
)

/** Whether a time can come at which the class holds: `Hr24` and `Min07_12` never do. */
export function isTimeClass(name: string): boolean {
  return known.test(name)
}

/** Names to suggest to whoever mistyped one. */
export const timeClassNames: readonly string[] = [
  ...days,
  ...months,
  ...shifts,
  ...Array.from({ length: 24 }, (_, n) => `Hr${two(n)}`),
  ...Array.from({ length: 12 }, (_, n) => `Min${two(n * 5)}_${two((n * 5 + 5) % 60)}`),
  'Q1',
  'Q2',
  'Q3',
  'Q4',
]
