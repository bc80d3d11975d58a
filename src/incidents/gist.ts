import type { Warning } from './warnings.ts'

const figure = (value: number): string => String(Number(value.toPrecision(4)))

/** What a warning says, in a few words: for one line of a log, or of a terminal. */
export function gist({ about, kind, subject, maxLfc, value, expected, sigmas, detail }: Warning): string {
  if (about === 'host') return detail ?? kind
  if (about === 'binary') return maxLfc === undefined ? subject : `${subject}, LFC ${maxLfc}`
  if (value === undefined || expected === undefined || sigmas === undefined) return subject
  return `${subject} is ${figure(value)}, expected ${figure(expected)}, ${sigmas.toFixed(1)} sigma`
}
