/** How values read on a terminal. Names of files, hosts and classes come from strangers: nothing of them may steer it. */

/**
 * Control characters and those that turn the direction of writing, as visible escapes: a program called
 * "\x1b[2J" must not clear the operator's screen.
 */
export function plain(text: string): string {
  return text.replace(
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
    /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g,
    (character) => {
      const code = character.charCodeAt(0)
      return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16)}`
    },
  )
}

/** Local time to the second; `-` for 0 or nothing. */
export function moment(ms: number | undefined): string {
  if (!ms) return '-'
  const at = new Date(ms)
  if (Number.isNaN(at.getTime())) return '-'
  const two = (n: number) => String(n).padStart(2, '0')
  const date = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`
  return `${date} ${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`
}

/** How long ago, in one unit: `now`, `12s`, `4m`, `3h`, `2d`. */
export function ago(ms: number | undefined, now: number): string {
  if (!ms) return '-'
  const seconds = Math.max(0, Math.floor((now - ms) / 1000))
  if (seconds < 2) return 'now'
  for (const [unit, size] of [
    ['d', 86_400],
    ['h', 3600],
    ['m', 60],
  ] as const)
    if (seconds >= size) return `${Math.floor(seconds / size)}${unit}`
  return `${seconds}s`
}

/** 1234 -> 1234, 1234567 -> 1.23M. For tables; `--json` has them exact. */
export function compact(n: number | undefined): string {
  if (n === undefined || !Number.isFinite(n)) return '-'
  for (const [unit, size] of [
    ['T', 1e12],
    ['G', 1e9],
    ['M', 1e6],
  ] as const)
    if (Math.abs(n) >= size) return `${(n / size).toFixed(2)}${unit}`
  return Number.isInteger(n) ? String(n) : n.toFixed(1)
}

/** A measured figure, four digits that count: `0.001235`, `1.235e+9`; `-` for none. */
export function figure(n: number | undefined): string {
  return n === undefined || !Number.isFinite(n) ? '-' : String(Number(n.toPrecision(4)))
}

export function bytes(n: number): string {
  for (const [unit, size] of [
    ['GiB', 2 ** 30],
    ['MiB', 2 ** 20],
    ['KiB', 2 ** 10],
  ] as const)
    if (n >= size) return `${(n / size).toFixed(1)} ${unit}`
  return `${n} B`
}

export function share(fraction: number | undefined): string {
  return fraction === undefined ? '-' : `${(fraction * 100).toFixed(2)} %`
}

/** `1 profile`, `2 profiles` */
export function plural(n: number, one: string, many = `${one}s`): string {
  return `${compact(n)} ${n === 1 ? one : many}`
}

/** The first figures of a hash, enough to tell versions of one file apart; `-` while it is not known. */
export function shortHash(sha256: string | undefined): string {
  return sha256 ? sha256.slice(0, 12) : '-'
}
