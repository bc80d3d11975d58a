/** Draws the figure as an SVG: calls above, load below, over one axis of time, with error bars. Pure. */
import type { Point, Row } from './result.ts'

const WIDTH = 960
const LEFT = 84
const RIGHT = 24
const TOP = 56
const PANEL = 230
const GAP = 34
const BOTTOM = 48
const HEIGHT = TOP + 2 * PANEL + GAP + BOTTOM
const TICKS = 5

export interface FigureText {
  title: string
  /** Stands below the title. */
  subtitle: string
  intervalSeconds: number
}

export function figureSvg(rows: readonly Row[], { title, subtitle, intervalSeconds }: FigureText): string {
  const x = (i: number) => LEFT + ((WIDTH - LEFT - RIGHT) * (i + 0.5)) / Math.max(1, rows.length)
  const panels = [
    panel(
      rows.map(({ calls }) => calls),
      { top: TOP, name: 'calls', words: 'system calls per interval', x },
    ),
    panel(
      rows.map(({ load }) => load),
      { top: TOP + PANEL + GAP, name: 'load', words: 'requests served per interval', x },
    ),
  ]
  const every = step(Math.max(1, rows.length) / 12, 1)
  const below = HEIGHT - BOTTOM
  const marks = rows
    .filter(({ interval }) => interval === 1 || interval % every === 0)
    .map(({ interval }) => text(x(interval - 1), below + 16, 'middle', String(interval)))
  return `${[
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${HEIGHT}" viewBox="0 0 ${WIDTH} ${HEIGHT}">`,
    `<title>${escaped(title)}</title>`,
    '<style>text{font:12px sans-serif;fill:#333}.head{font-size:15px}.grid{stroke:#ddd}.frame{stroke:#888;fill:none}',
    '.mean{fill:none;stroke-width:1.6}.bars{fill:none;stroke-width:1}.calls{stroke:#14477f}.load{stroke:#a3471b}</style>',
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>`,
    `<text class="head" x="${LEFT}" y="22">${escaped(title)}</text>`,
    text(LEFT, 42, 'start', subtitle),
    ...panels.flat(),
    ...marks,
    text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 10, 'middle', `interval, ${intervalSeconds} s each`),
    '</svg>',
  ].join('\n')}\n`
}

interface Place {
  top: number
  name: 'calls' | 'load'
  words: string
  x: (index: number) => number
}

function panel(points: readonly Point[], { top, name, words, x }: Place): string[] {
  const most = Math.max(1e-9, ...points.map(({ mean, sd = 0 }) => mean + sd))
  const every = step(most / TICKS)
  const highest = every * Math.ceil(most / every)
  const bottom = top + PANEL
  const y = (value: number) => bottom - (PANEL * Math.max(0, value)) / highest
  const levels = Array.from({ length: Math.round(highest / every) + 1 }, (_, i) => i * every)
  const bars = points.map(({ mean, sd }, i) => {
    if (!sd) return ''
    const [from, to, at] = [spot(y(mean - sd)), spot(y(mean + sd)), x(i)]
    const cap = `H${spot(at + 2.5)}`
    return `M${spot(at - 2.5)} ${from}${cap}M${spot(at)} ${from}V${to}M${spot(at - 2.5)} ${to}${cap}`
  })
  const mean = points.map(({ mean }, i) => `${i === 0 ? 'M' : 'L'}${spot(x(i))} ${spot(y(mean))}`)
  const middle = top + PANEL / 2
  return [
    ...levels.flatMap((value) => [
      `<path class="grid" d="M${LEFT} ${spot(y(value))}H${WIDTH - RIGHT}"/>`,
      text(LEFT - 8, y(value) + 4, 'end', String(Number(value.toPrecision(12)))),
    ]),
    `<rect class="frame" x="${LEFT}" y="${top}" width="${WIDTH - LEFT - RIGHT}" height="${PANEL}"/>`,
    `<path class="bars ${name}" d="${bars.join('')}"/>`,
    `<path class="mean ${name}" d="${mean.join('')}"/>`,
    `<text transform="translate(18 ${middle}) rotate(-90)" text-anchor="middle">${escaped(words)}</text>`,
  ]
}

/** A round number, 1, 2 or 5 times a power of ten, not below `rough`, nor below `least`. */
function step(rough: number, least = 0): number {
  const power = 10 ** Math.floor(Math.log10(Math.max(rough, 1e-12)))
  const round = power * ([1, 2, 5].find((factor) => factor * power >= rough * (1 - 1e-9)) ?? 10)
  return Math.max(round, least)
}

const spot = (value: number): string => value.toFixed(1)

const text = (at: number, down: number, anchor: string, words: string): string =>
  `<text x="${spot(at)}" y="${spot(down)}" text-anchor="${anchor}">${escaped(words)}</text>`

const escaped = (words: string): string =>
  words.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)
