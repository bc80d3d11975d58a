/** Plots as SVG, each a file of its own: a matrix as a heat map, bars, and the hours of a week. Pure. */
import { WEEK_HOURS } from '../activity.ts'

const days = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun']
/** Letters of a name that have room. */
const nameLetters = 22

const escaped = (words: string): string =>
  words.replace(/[\p{Cc}\p{Cf}]+/gu, ' ').replace(/[&<>"']/g, (character) => `&#${character.codePointAt(0)};`)

const short = (name: string): string =>
  name.length <= nameLetters ? name : `${name.slice(0, nameLetters - 1)}\u2026`

const text = (x: number, y: number, anchor: string, words: string): string =>
  `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" text-anchor="${anchor}">${escaped(words)}</text>`

function drawing(width: number, height: number, title: string, parts: readonly string[]): string {
  return `${[
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}">`,
    `<title>${escaped(title)}</title>`,
    '<style>text{font:12px sans-serif;fill:#333}.head{font-size:15px}.bar{fill:#14477f}.part{fill:#9db8d9}.odd{fill:#a3471b}</style>',
    `<rect width="${width}" height="${height}" fill="#fff"/>`,
    `<text class="head" x="12" y="24">${escaped(title)}</text>`,
    ...parts,
    '</svg>',
  ].join('\n')}\n`
}

/** White at 0, dark blue at 1. */
function shade(value: number): string {
  const part = Math.min(1, Math.max(0, value))
  const mix = (light: number, dark: number) => Math.round(light + (dark - light) * part)
  return `rgb(${mix(255, 20)},${mix(255, 71)},${mix(255, 127)})`
}

/** Distances of every two hosts. The scale ends at the largest, which is said. */
export function matrixSvg(
  title: string,
  names: readonly string[],
  distance: Readonly<Record<string, Readonly<Record<string, number>>>>,
): string {
  const cell = Math.max(6, Math.min(40, Math.floor(720 / Math.max(1, names.length))))
  const left = 180
  const top = 60
  const named = cell >= 12
  const of = (one: string, other: string): number => distance[one]?.[other] ?? 0
  const most = Math.max(1e-9, ...names.flatMap((one) => names.map((other) => of(one, other))))
  const parts = [text(12, 44, 'start', `white: 0, darkest: ${most.toFixed(3)} (Jaccard distance)`)]
  for (const [row, one] of names.entries()) {
    const y = top + row * cell
    if (named) parts.push(text(left - 6, y + cell / 2 + 4, 'end', short(one)))
    for (const [column, other] of names.entries()) {
      const value = of(one, other)
      const x = left + column * cell
      parts.push(
        `<rect x="${x}" y="${y}" width="${cell}" height="${cell}" fill="${shade(value / most)}"><title>${escaped(`${one}, ${other}: ${value.toFixed(3)}`)}</title></rect>`,
      )
    }
  }
  const size = names.length * cell
  return drawing(left + size + 20, top + size + 20, title, parts)
}

export interface Bar {
  name: string
  value: number
  /** What is written behind it. */
  words: string
}

/** Horizontal bars, the longest as long as there is room. */
export function barsSvg(title: string, bars: readonly Bar[], most?: number): string {
  const left = 200
  const room = 480
  const height = 18
  const top = 44
  const longest = Math.max(1e-9, most ?? Math.max(0, ...bars.map(({ value }) => value)))
  const parts = bars.flatMap(({ name, value, words }, place) => {
    const y = top + place * height
    const width = (room * Math.min(value, longest)) / longest
    return [
      text(left - 6, y + 12, 'end', short(name)),
      `<rect class="bar" x="${left}" y="${y + 2}" width="${width.toFixed(1)}" height="${height - 5}"/>`,
      text(left + width + 6, y + 12, 'start', words),
    ]
  })
  return drawing(left + room + 200, top + bars.length * height + 20, title, parts)
}

/** One row a host, a column each hour of the week: levels 0 (never) to 3. */
export function weekSvg(title: string, hosts: readonly { name: string; hours: ArrayLike<number> }[]): string {
  const left = 180
  const column = 5
  const row = 14
  const top = 60
  const parts = days.map((day, n) => text(left + (n + 0.5) * 24 * column, top - 6, 'middle', day))
  for (const [place, { name, hours }] of hosts.entries()) {
    const y = top + place * row
    parts.push(text(left - 6, y + 10, 'end', short(name)))
    for (let hour = 0; hour < WEEK_HOURS; hour++) {
      const level = hours[hour] ?? 0
      if (level > 0)
        parts.push(
          `<rect x="${left + hour * column}" y="${y}" width="${column}" height="${row - 2}" fill="${shade(level / 3)}"/>`,
        )
    }
    parts.push(
      `<path d="M${left} ${y + row - 1}H${left + WEEK_HOURS * column}" stroke="#ddd" stroke-width=".5"/>`,
    )
  }
  for (let day = 0; day <= 7; day++) {
    const x = left + day * 24 * column
    parts.push(`<path d="M${x} ${top}V${top + hosts.length * row}" stroke="#bbb" stroke-width=".5"/>`)
  }
  return drawing(left + WEEK_HOURS * column + 20, top + hosts.length * row + 20, `${title} (UTC)`, parts)
}

/** Bars over time, one an hour: how many processes ran (light) and how many of them had anomalies (dark). */
export function stabilitySvg(
  title: string,
  hours: readonly { at: number; processes: number; abnormal: number }[],
): string {
  const left = 60
  const width = 820
  const height = 200
  const top = 44
  const most = Math.max(1, ...hours.map(({ processes }) => processes))
  const each = width / Math.max(1, hours.length)
  const bar = (place: number, value: number, kind: string): string => {
    const tall = (height * value) / most
    return `<rect class="${kind}" x="${(left + place * each).toFixed(2)}" y="${(top + height - tall).toFixed(2)}" width="${Math.max(0.5, each - 0.3).toFixed(2)}" height="${tall.toFixed(2)}"/>`
  }
  const date = (at: number | undefined): string =>
    at === undefined ? '' : new Date(at).toISOString().slice(0, 16).replace('T', ' ')
  return drawing(left + width + 20, top + height + 40, title, [
    ...hours.flatMap(({ processes, abnormal }, place) => [
      bar(place, processes, 'part'),
      bar(place, abnormal, 'odd'),
    ]),
    text(left - 6, top + 10, 'end', most.toFixed(0)),
    text(left - 6, top + height, 'end', '0'),
    text(left, top + height + 18, 'start', date(hours[0]?.at)),
    text(left + width, top + height + 18, 'end', `${date(hours.at(-1)?.at)} UTC`),
  ])
}

/** One page with all plots and their words in it; nothing is fetched from anywhere. */
export function reportHtml(
  title: string,
  sections: readonly { title: string; words: string; svg: string }[],
): string {
  const body = sections.flatMap(({ title: head, words, svg }) => [
    `<h2>${escaped(head)}</h2>`,
    `<pre>${escapedLines(words)}</pre>`,
    svg.replace(/^<\?xml[^\n]*\n/, ''),
  ])
  return [
    '<!doctype html>',
    '<html lang="en"><head><meta charset="utf-8">',
    `<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">`,
    `<title>${escaped(title)}</title>`,
    '<style>body{font:14px sans-serif;margin:2em;color:#222}pre{font:12px monospace}</style></head><body>',
    `<h1>${escaped(title)}</h1>`,
    ...body,
    '</body></html>',
    '',
  ].join('\n')
}

const escapedLines = (words: string): string => words.split('\n').map(escaped).join('\n')
