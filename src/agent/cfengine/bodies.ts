/** Promises of cfengine 2 in lymph's words, one method a section. */
import { isMode } from '../integrity/mode.ts'
import { signals } from '../promises/processes/shape.ts'
import type { Token } from './lexer.ts'
import type { Attribute, CfPromise } from './parser.ts'

/** cfengine stops a process until somebody continues it; here nothing is stopped for ever. */
const STOP_FOR = '1h'

/** What the whole conversion knows, and where it complains. */
export interface Words {
  filters: ReadonlySet<string>
  fault(token: Pick<Token, 'line' | 'column'>, message: string): void
  note(token: Pick<Token, 'line' | 'column'>, message: string): void
}

export class PromiseBodies {
  readonly #words: Words

  constructor(words: Words) {
    this.#words = words
  }

  processes(promise: CfPromise): Record<string, unknown> {
    const { subject } = promise
    const filter = take(promise, 'filter')
    const signal = take(promise, 'signal')
    const action = take(promise, 'action')
    const restart = take(promise, 'restart')
    const useshell = take(promise, 'useshell')
    if (useshell && !/^(false|no|off|none)$/.test(useshell.value) && restart)
      this.#words.note(useshell.token, 'there is no shell: what is restarted is started as it is')
    for (const name of filter?.value.split(/[,:]/) ?? [])
      if (!this.#words.filters.has(name))
        this.#words.fault((filter as Attribute).token, `the filter ${name} is not defined above`)
    // What takes every process is the filter's business.
    const everything = /^(\.|\.\*|\.\+|\^\.\*\$?|)$/.test(subject.text)
    if (everything && !filter)
      this.#words.fault(subject, 'a promise about every process is not brought over: name a filter')
    const select = {
      ...(filter ? { filter: filter.value.split(/[,:]/) } : {}),
      ...(everything ? {} : { name: plainText(subject.text) }),
    }
    if (action && !['signal', 'do', 'warn'].includes(action.value))
      this.#words.fault(action.token, `action=${action.value} is not brought over: signal, do and warn are`)
    if (action?.value === 'warn') return { ...select, act: 'warn' }
    if (signal) {
      const name = signal.value.toLowerCase().replace(/^sig/, '')
      if (!(signals as readonly string[]).includes(name))
        this.#words.fault(
          signal.token,
          `signal=${signal.value} is not brought over: ${signals.join(', ')} are`,
        )
      const again = restart ? { restart: this.argv(restart.value, restart.token) } : {}
      if (name === 'kill') return { ...select, act: 'kill', ...again }
      if (name === 'stop') {
        this.#words.note(
          signal.token,
          `signal=stop becomes a stop for ${STOP_FOR}, taken anew while the cause lasts: nothing is stopped for ever`,
        )
        return { ...select, act: 'stop', for: STOP_FOR }
      }
      return { ...select, act: 'signal', signal: name, ...again }
    }
    if (restart) return { ...select, act: 'restart', restart: this.argv(restart.value, restart.token) }
    this.#words.note(subject, 'neither signal= nor restart: it only warns')
    return { ...select, act: 'warn' }
  }

  files(promise: CfPromise): Record<string, unknown> {
    const { subject } = promise
    const path = plainText(subject.text)
    const action = take(promise, 'action') ?? take(promise, 'act')
    const [, verb = 'warn', kind = 'all'] =
      /^(warn|fix)(all|plain|dirs)$/.exec(action?.value ?? 'warnall') ?? []
    if (action && !/^(warn|fix)(all|plain|dirs)$/.test(action.value))
      this.#words.fault(
        action.token,
        `action=${action.value} is not brought over: warnall, warnplain, warndirs, fixall, fixplain and fixdirs are`,
      )
    const recurse = take(promise, 'recurse') ?? take(promise, 'r')
    const checksum = take(promise, 'checksum')
    if (checksum && checksum.value !== 'sha256')
      this.#words.note(checksum.token, `checksum=${checksum.value} becomes SHA-256`)
    if (kind !== 'all')
      this.#words.note(
        (action as Attribute).token,
        `${action?.value} looks at everything below, not at ${kind} alone`,
      )
    const mode = take(promise, 'mode') ?? take(promise, 'm')
    const one = (name: string) => take(promise, name)?.value
    const owner = one('owner') ?? one('o')
    const group = one('group') ?? one('g')
    const xdev = one('xdev')
    const ignore = [...all(promise, 'ignore'), ...all(promise, 'exclude')].map(({ value }) => value)
    if (recurse && !/^(inf\w*|\d+)$/.test(recurse.value))
      this.#words.fault(recurse.token, `recurse=${recurse.value}: a number of folders or inf is wanted`)
    if (mode && !/\$[({]/.test(mode.value) && !isMode(mode.value))
      this.#words.fault(
        mode.token,
        `mode=${mode.value} is not brought over: 644, o-w or u=rwx,g=rx are such modes`,
      )
    return {
      path,
      ...(recurse ? { recurse: /^inf/.test(recurse.value) ? 'inf' : Number(recurse.value) } : { recurse: 0 }),
      ...(mode ? { mode: mode.value } : {}),
      ...(owner ? { owner: owner.split(',') } : {}),
      ...(group ? { group: group.split(',') } : {}),
      ...(xdev ? { xdev: /^(true|on|yes)$/.test(xdev) } : {}),
      ...(ignore.length > 0 ? { ignore } : {}),
      act: verb,
    }
  }

  command(promise: CfPromise): Record<string, unknown> {
    const timeout = take(promise, 'timeout')
    const owner = take(promise, 'owner')
    const chdir = take(promise, 'chdir')
    take(promise, 'useshell')
    if (timeout && !/^\d+$/.test(timeout.value))
      this.#words.fault(timeout.token, `timeout=${timeout.value}: a number of seconds is wanted`)
    const background = take(promise, 'background')
    if (background && /^(true|on|yes)$/.test(background.value))
      this.#words.note(background.token, 'background=true: the run waits for it, within its timeout')
    return {
      argv: this.argv(promise.subject.text, promise.subject),
      ...(timeout ? { timeout: `${timeout.value}s` } : {}),
      ...(owner ? { user: owner.value } : {}),
      ...(chdir ? { cwd: chdir.value } : {}),
    }
  }

  /** A command line's words. @returns [] where only a shell would understand it, which is a fault */
  argv(line: string, token: Token): string[] {
    const bare = line.replaceAll(/\$[({][\w.]+[)}]/g, '')
    const meant = /[|&;<>`$*?~]/.exec(bare)
    if (meant) {
      this.#words.fault(
        token,
        `'${meant[0]}' is for a shell, and there is none: put it into a script and run that`,
      )
      return []
    }
    const words = plainText(line).match(/"[^"]*"|'[^']*'|\S+/g) ?? []
    const argv = words.map((word) => word.replace(/^(["'])(.*)\1$/s, '$2'))
    if (!argv[0]?.startsWith('/') && !argv[0]?.startsWith('$('))
      this.#words.fault(token, `'${argv[0] ?? ''}': name the program by its full path`)
    return argv
  }
}

/** `${x}` is `$(x)`. */
export function plainText(text: string): string {
  return text.replaceAll(/\$\{([\w.]+)\}/g, '$($1)')
}

/** The attribute, which is then dealt with. */
export function take(promise: CfPromise, name: string): Attribute | undefined {
  const index = promise.attributes.findIndex((attribute) => attribute.name === name)
  return index < 0 ? undefined : promise.attributes.splice(index, 1)[0]
}

/** Each of that name. */
function all(promise: CfPromise, name: string): Attribute[] {
  const found: Attribute[] = []
  for (let one = take(promise, name); one; one = take(promise, name)) found.push(one)
  return found
}
