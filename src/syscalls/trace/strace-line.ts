/** One line of `strace -f` text, taken apart. What the calls mean for tasks is strace.ts's. */

/** What a line says, after pid and times. */
export type StraceLine =
  /** `result` is the text after `= `; undefined: unfinished, or torn in two by a message of strace's own. */
  | { kind: 'call'; name: string; args: string; result: string | undefined; torn?: number }
  | { kind: 'resumed'; name: string; result: string | undefined }
  /** The second half of a torn line. */
  | { kind: 'rest'; result: string }
  | { kind: 'exit' }
  | { kind: 'superseded'; by: number }
  | { kind: 'attached'; pid: number }
  | { kind: 'mode'; pid: number; bits: string }
  | { kind: 'nothing' }
  /** A call without an end, or no strace line at all. */
  | { kind: 'cut' }
  | { kind: 'foreign' }

const PID = /^(?:\[pid +(\d+)(?:<[^>]*>)?\] +|(\d+)(?:<[^>]*>)? +)/
/** -t, -tt, -ttt, -r (beside another, in brackets), then -n and -i. */
const TIMES =
  /^ *(?:\d\d:\d\d:\d\d(?:\.\d+)? |\d+\.\d+ )?(?:\(\+ +\d+\.\d+\) |\+?\d+\.\d+ )?(?:\[ *[0-9a-f?]+\] )*/
const CALL = /^([a-zA-Z_][a-zA-Z0-9_]*|\?\?\?\?)\(/
const RESUMED = /^<\.\.\. ([a-zA-Z0-9_?]+) resumed>/
const RESULT = /^.*\) += (.*)$/s
const TORN = /strace: Process (\d+) attached$/
const MESSAGE = /^(?:strace: )?\[ Process PID=(\d+) runs in (\w+)(?: bit)? mode\. \]$/

/** @returns the pid a line begins with (0: none) and where the rest begins. */
export function pidOf(text: string): { pid: number; at: number } {
  const found = PID.exec(text)
  return found ? { pid: Number(found[1] ?? found[2]), at: found[0].length } : { pid: 0, at: 0 }
}

/**
 * Reads what follows the pid.
 * @param torn a call was torn in two, so that this may be the rest of it
 */
export function readLine(withTimes: string, torn = false): StraceLine {
  const text = withTimes.slice(TIMES.exec(withTimes)![0].length)
  const name = CALL.exec(text)?.[1]
  if (name !== undefined) return callOf(name, text)
  const resumed = RESUMED.exec(text)
  if (resumed) {
    // strace -p and signals leave `<... read resumed> <unfinished ...>`.
    if (unfinished(text)) return { kind: 'resumed', name: resumed[1]!, result: undefined }
    const result = RESULT.exec(text)?.[1]
    return result === undefined ? { kind: 'cut' } : { kind: 'resumed', name: resumed[1]!, result }
  }
  if (text.startsWith('--- ')) return text.endsWith(' ---') ? { kind: 'nothing' } : { kind: 'cut' }
  if (text.startsWith('+++ ')) return ended(text)
  if (text.startsWith('strace: ') || text.startsWith('[ Process PID=')) return message(text)
  // Stack frames of -k.
  if (text.startsWith(' > ') || withTimes.startsWith(' > ')) return { kind: 'nothing' }
  if (torn || /^[,)\]}]/.test(text)) {
    const result = RESULT.exec(text)?.[1]
    if (result !== undefined) return { kind: 'rest', result }
  }
  // What follows a call that such a message tore, when it goes on later.
  return /^\s*(<unfinished \.\.\.>)?$/.test(text) ? { kind: 'nothing' } : { kind: 'foreign' }
}

function callOf(name: string, text: string): StraceLine {
  const args = text.slice(name.length + 1)
  if (unfinished(text)) return { kind: 'call', name, args, result: undefined }
  const result = RESULT.exec(args)?.[1]
  if (result !== undefined) return { kind: 'call', name, args, result }
  const torn = TORN.exec(text)?.[1]
  if (torn !== undefined) return { kind: 'call', name, args, result: undefined, torn: Number(torn) }
  return { kind: 'cut' }
}

function unfinished(text: string): boolean {
  return text.endsWith('<unfinished ...>') || text.endsWith('<detached ...>')
}

function ended(text: string): StraceLine {
  if (!text.endsWith('+++')) return { kind: 'cut' }
  const by = /^\+\+\+ superseded by execve in pid (\d+)/.exec(text)?.[1]
  if (by !== undefined) return { kind: 'superseded', by: Number(by) }
  return /^\+\+\+ (exited|killed)/.test(text) ? { kind: 'exit' } : { kind: 'nothing' }
}

function message(text: string): StraceLine {
  const attached = /^strace: Process (\d+) attached/.exec(text)?.[1]
  if (attached !== undefined) return { kind: 'attached', pid: Number(attached) }
  const mode = MESSAGE.exec(text)
  if (mode) return { kind: 'mode', pid: Number(mode[1]), bits: mode[2]! }
  return { kind: 'nothing' }
}

/** The program an execve or execveat names, as bytes read as UTF-8: strace escapes what is not ASCII. */
export function programOf(name: string, args: string): string {
  const text = (name === 'execveat' ? /^[^,]*, "((?:[^"\\]|\\.)*)"/ : /^"((?:[^"\\]|\\.)*)"/).exec(args)?.[1]
  if (text === undefined) return ''
  const plain: Record<string, number> = { n: 10, t: 9, r: 13, v: 11, f: 12, a: 7, b: 8, e: 27 }
  const bytes: number[] = []
  for (const [, octal, hex, escaped, other] of text.matchAll(
    /\\([0-7]{1,3})|\\x([0-9a-f]{2})|\\(.)|([^\\])/gs,
  ))
    if (octal !== undefined) bytes.push(Number.parseInt(octal, 8) & 0xff)
    else if (hex !== undefined) bytes.push(Number.parseInt(hex, 16))
    else if (escaped !== undefined) bytes.push(plain[escaped] ?? escaped.charCodeAt(0))
    else bytes.push(other!.charCodeAt(0) & 0xff)
  return Buffer.from(bytes).toString('utf8')
}

/** The pid a clone gave, as strace knows it (0: none). */
export function childOf(result: string): number {
  const translated = /\/\* (\d+) in strace's PID NS \*\//.exec(result)?.[1]
  const pid = translated ?? /^(\d+)/.exec(result)?.[1]
  return pid === undefined ? 0 : Number(pid)
}
