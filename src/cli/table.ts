/**
 * Tables without borders, so that they can be cut and sorted. On a terminal the head is bold and the columns that may
 * shrink do until a row fits a line; into a pipe everything is whole and without colour.
 */
import { stripVTControlCharacters, styleText } from 'node:util'
import Table from 'cli-table3'
import { plain } from './format.ts'

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
  if (out.isTTY && out.columns) fit(text, columns, out.columns)
  const grid = new Table({
    head: columns.map((column) => coloured('bold', column.head)),
    chars: bare,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
    colAligns: columns.map((column) => (column.right ? 'right' : 'left')),
  })
  for (const [index, row] of rows.entries())
    grid.push(
      columns.map((column, place) => {
        const style = column.style?.(row)
        const cell = text[index]?.[place] as string
        return style ? coloured(style, cell) : cell
      }),
    )
  return grid
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n')
}

/** styleText heeds NO_COLOR, FORCE_COLOR and whether standard output is a terminal. */
export function coloured(style: Style, text: string): string {
  return styleText(style, text, { stream: process.stdout })
}

function fit(text: string[][], columns: readonly Column<never>[], width: number): void {
  const widths = columns.map((column, place) =>
    Math.max(column.head.length, ...text.map((row) => stripVTControlCharacters(row[place] as string).length)),
  )
  let over = widths.reduce((sum, w) => sum + w + gap, -gap) - width
  for (const [place, column] of columns.entries()) {
    if (over <= 0) return
    const natural = widths[place] as number
    if (!column.shrink || natural <= narrowest) continue
    const target = Math.max(narrowest, natural - over)
    over -= natural - target
    for (const row of text) {
      const cell = row[place] as string
      if (cell.length > target) row[place] = `…${cell.slice(cell.length - target + 1)}`
    }
  }
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
