import type { Warning } from './warnings.ts'

const figure = (value: number): string => String(Number(value.toPrecision(4)))

/** What a warning says, in a few words: for one line of a log, or of a terminal. */
export function gist(warning: Warning): string {
  const { about, kind, subject, anomalous, maxLfc, bits, before, sha256, value, expected, sigmas, detail } =
    warning
  if (about === 'host') return detail ?? kind
  if (about === 'file')
    return `${subject} is another file: ${before?.slice(0, 12)} before, ${sha256?.slice(0, 12)} now`
  if (anomalous === 0 && bits !== undefined) return `${subject}, ${figure(bits)} bits`
  if (about === 'binary') return maxLfc === undefined ? subject : `${subject}, LFC ${maxLfc}`
  if (value === undefined || expected === undefined || sigmas === undefined) return subject
  return `${subject} is ${figure(value)}, expected ${figure(expected)}, ${sigmas.toFixed(1)} sigma`
}
