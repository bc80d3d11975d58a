/** Writes the week's figure as an SVG of its own, and as CSV. */
import { DAY_NAMES, slotName } from './clock.ts'
import { DAY_SLOTS, WEEK_SLOTS } from './constants.ts'
import type { FigureRow } from './figure.ts'

const WIDTH = 1080
const HEIGHT = 400
const LEFT = 76
const RIGHT = 16
const TOP = 40
const BOTTOM = 36
const TICKS = 5

/** @param title stands above the figure, whatever characters it has */
export function weekSvg(rows: readonly FigureRow[], title: string, zone: string): string {
  const known = rows.filter((row) => row.mean !== undefined)
  const scale = scaleOf(known)
  const x = (slot: number) => LEFT + ((WIDTH - LEFT - RIGHT) * slot) / WEEK_SLOTS
  const y = (value: number) =>
    HEIGHT - BOTTOM - ((HEIGHT - TOP - BOTTOM) * (value - scale.from)) / (scale.to - scale.from)
  const spot = (value: number) => value.toFixed(1)
  const bars = known
    .filter((row) => row.spread !== undefined)
    .map(
      (row) =>
        `M${spot(x(row.slot))} ${spot(y(row.mean! - row.spread!))}V${spot(y(row.mean! + row.spread!))}`,
    )
  let pen = 'M'
  let next = -1
  const line = known.map((row) => {
    pen = row.slot === next ? 'L' : 'M'
    next = row.slot + 1
    return `${pen}${spot(x(row.slot))} ${spot(y(row.mean!))}`
  })
  const text = (at: number, down: number, anchor: string, words: string) =>
    `<text x="${spot(at)}" y="${spot(down)}" text-anchor="${anchor}">${escaped(words)}</text>`
  const days = DAY_NAMES.map((name, day) => [
    `<path class="grid" d="M${spot(x(day * DAY_SLOTS))} ${TOP}V${HEIGHT - BOTTOM}"/>`,
    text(x((day + 0.5) * DAY_SLOTS), HEIGHT - BOTTOM + 20, 'middle', name),
  ])
  const levels = scale.ticks.map((value) => [
    `<path class="grid" d="M${LEFT} ${spot(y(value))}H${WIDTH - RIGHT}"/>`,
    text(LEFT - 8, y(value) + 4, 'end', String(value)),
  ])
  return `${[
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${HEIGHT}" viewBox="0 0 ${WIDTH} ${HEIGHT}">`,
    `<title>${escaped(title)}</title>`,
    '<style>text{font:12px sans-serif;fill:#333}.grid{stroke:#ddd}.bars{stroke:#9db8d9;stroke-width:.6}.mean{stroke:#14477f;fill:none}</style>',
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>`,
    ...days.flat(),
    ...levels.flat(),
    ...(bars.length > 0 ? [`<path class="bars" d="${bars.join('')}"/>`] : []),
    ...(line.length > 0 ? [`<path class="mean" d="${line.join('')}"/>`] : []),
    text(LEFT, TOP - 16, 'start', `${title}: average and standard deviation over the week (${zone})`),
    ...(known.length === 0 ? [text(WIDTH / 2, HEIGHT / 2, 'middle', 'nothing learned yet')] : []),
    '</svg>',
  ].join('\n')}\n`
}

/** `slot,time,mean,spread,samples`, one row a slot. */
export function weekCsv(rows: readonly FigureRow[]): string {
  const lines = rows.map(
    ({ slot, mean, spread, samples }) => `${slot},${slotName(slot)},${mean ?? ''},${spread ?? ''},${samples}`,
  )
  return `${['slot,time,mean,spread,samples', ...lines].join('\n')}\n`
}

/** Round numbers around all there is to draw. */
function scaleOf(rows: readonly FigureRow[]): { from: number; to: number; ticks: number[] } {
  let least = Number.POSITIVE_INFINITY
  let most = Number.NEGATIVE_INFINITY
  for (const { mean, spread = 0 } of rows) {
    least = Math.min(least, mean! - spread)
    most = Math.max(most, mean! + spread)
  }
  if (rows.length === 0) [least, most] = [0, 1]
  const size = Math.max(most - least, 1e-3 * Math.abs(most), 1e-9)
  const rough = size / TICKS
  const power = 10 ** Math.floor(Math.log10(rough))
  const step = power * ([1, 2, 5, 10].find((factor) => factor * power >= rough) ?? 10)
  const first = Math.floor(least / step)
  const last = Math.max(first + 1, Math.ceil(most / step))
  const ticks = Array.from({ length: last - first + 1 }, (_, i) =>
    Number(((first + i) * step).toPrecision(12)),
  )
  return { from: first * step, to: last * step, ticks }
}

/** For XML: and nothing that XML may not hold at all. */
function escaped(words: string): string {
  return words
    .replace(/[^\t\n\r\u0020-\ud7ff\ue000-\ufffd]/g, '?')
    .replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)
}
