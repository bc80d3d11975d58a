/**
 * Tables without borders, so that they can be cut and sorted. On a terminal the head is bold and the columns that may
 * shrink do until a row fits a line; into a pipe everything is whole and without colour.
 */
import { createRequire } from 'node:module'
import { styleText } from 'node:util'
import type CliTable from 'cli-table3'
import { plain } from './format.ts'

/** Loaded with the first table: a command that prints JSON needs none. */
const tables = (): typeof CliTable => createRequire(import.meta.url)('cli-table3')

type Style = Parameters<typeof styleText>[0]

export interface Column<Row> {
  head: string
  cell: (row: Row) => string | number | undefined
  /** Numbers are read from the right. */
  right?: boolean
  /** May lose its beginning when the terminal is narrow: the end of a path tells more than its start. */
  shrink?: boolean
  style?: (row: Row) => Style | undefined
}

interface Out {
  isTTY?: boolean
  columns?: number
}

const gap = 2
/** cli-table3 compares every row with every other: 20 000 at once take minutes. */
const rowsAtOnce = 100
const narrowest = 12

/** @param empty what to say when there are no rows */
export function table<Row>(
  rows: readonly Row[],
  columns: readonly Column<Row>[],
  empty: string,
  out: Out = process.stdout,
): string {
  if (rows.length === 0) return empty
  const text = rows.map((row) => columns.map((column) => plain(String(column.cell(row) ?? '-'))))
  const widths = columns.map((column, place) =>
    Math.max(...[column.head, ...text.map((row) => row[place] as string)].map(widthOf)),
  )
  if (out.isTTY && out.columns) fit(text, widths, columns, out.columns)
  const lines: string[] = []
  for (let from = 0; from < text.length; from += rowsAtOnce) {
    const grid = new (tables())({
      ...(from === 0 ? { head: columns.map((column) => coloured('bold', column.head)) } : {}),
      chars: bare,
      style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
      colAligns: columns.map((column) => (column.right ? 'right' : 'left')),
      colWidths: widths,
    })
    for (const [index, cells] of text.slice(from, from + rowsAtOnce).entries())
      grid.push(
        cells.map((cell, place) => {
          const style = columns[place]?.style?.(rows[from + index] as Row)
          return style ? coloured(style, cell) : cell
        }),
      )
    lines.push(...grid.toString().split('\n'))
  }
  return lines.map((line) => line.trimEnd()).join('\n')
}

/** Columns a text takes: East Asian wide letters and emoji two, marks on a letter none. */
function widthOf(text: string): number {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the range is ASCII, the common case
  if (/^[\u0000-\u007f]*$/.test(text)) return text.length
  let width = 0
  for (const character of text) width += /^\p{M}$/u.test(character) ? 0 : wide.test(character) ? 2 : 1
  return width
}

const wide =
  /^[\p{Emoji_Presentation}\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]$/u

/** styleText heeds NO_COLOR, FORCE_COLOR and whether standard output is a terminal. */
export function coloured(style: Style, text: string): string {
  return styleText(style, text, { stream: process.stdout })
}

function fit(text: string[][], widths: number[], columns: readonly Column<never>[], room: number): void {
  let over = widths.reduce((sum, w) => sum + w + gap, -gap) - room
  for (const [place, column] of columns.entries()) {
    if (over <= 0) return
    const natural = widths[place] as number
    if (!column.shrink || natural <= narrowest) continue
    const target = Math.max(narrowest, natural - over)
    over -= natural - target
    widths[place] = target
    for (const row of text) row[place] = ending(row[place] as string, target)
  }
}

/** As much of the end of a text as has room, after a mark that something is missing. */
function ending(text: string, room: number): string {
  if (widthOf(text) <= room) return text
  const letters = [...text]
  let width = 1
  let from = letters.length
  while (from > 0 && width + widthOf(letters[from - 1] as string) <= room)
    width += widthOf(letters[--from] as string)
  return `…${letters.slice(from).join('')}`
}

const bare = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: '  ',
}

/** `name  value` lines with the values under one another. */
export function facts(
  lines: readonly (readonly [name: string, value: string | number | undefined])[],
): string {
  const width = Math.max(...lines.map(([name]) => name.length))
  return lines
    .map(([name, value]) => `${name.padEnd(width)}  ${plain(String(value ?? '-'))}`.trimEnd())
    .join('\n')
}
