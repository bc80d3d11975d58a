import { reason } from './errors.ts'
import { readText } from './read-file.ts'
import type { Problem, Reading, SocketReading } from './types.ts'

/** What a probe writes its reading into. */
export class Draft implements Reading {
  readonly values = new Map<string, number>()
  readonly problems: Problem[] = []
  sockets: SocketReading | undefined

  /** Puts a value down; undefined (a counter seen for the first time) and what is no number are left out. */
  put(name: string, value: number | undefined): void {
    if (value !== undefined && Number.isFinite(value)) this.values.set(name, value)
  }

  problem(about: string, line: string): void {
    this.problems.push({ about, line: printable(line) })
  }

  /**
   * Reads a small file of the kernel and has it parsed.
   * @param names the observables that depend on it, for the problem's line
   * @param parse gives undefined for a form it does not know
   * @param silent codes of errors that are no problem, such as ENOENT for a file not every kernel has
   */
  parse<T>(
    path: string,
    names: string,
    parse: (text: string) => T | undefined,
    silent: readonly string[] = [],
  ): T | undefined {
    let text: string
    try {
      text = readText(path)
    } catch (error) {
      const why = reason(error)
      if (!silent.includes(why)) this.problem(path, unreadable(path, why, names))
      return undefined
    }
    const found = parse(text)
    if (found === undefined) this.unknownForm(path, names, text)
    return found
  }

  unknownForm(path: string, names: string, text?: string): void {
    const start = text === undefined ? '' : ` (it begins ${JSON.stringify(text.slice(0, 60))})`
    this.problem(
      path,
      `${path}: unknown form${start}: no value for ${names}; report it with the kernel's version (uname -r)`,
    )
  }
}

export function unreadable(path: string, why: string, names: string): string {
  const remedy =
    why === 'EACCES' || why === 'EPERM'
      ? 'let the daemon read it (groups adm and systemd-journal own most logs)'
      : 'see that it is there and readable'
  return `${path}: cannot be read (${why}): no value for ${names}; ${remedy}`
}

/** One line without control characters: names of files and mounts are anybody's. */
function printable(text: string): string {
  let line = ''
  for (const c of text.slice(0, 500)) line += c < ' ' || (c >= '\x7f' && c <= '\x9f') ? '?' : c
  return line
}

const whole = /^\d+$/

/** A non-negative whole number as the kernel prints it; undefined for anything else. */
export function count(text: string | undefined): number | undefined {
  return text !== undefined && whole.test(text) ? Number(text) : undefined
}
