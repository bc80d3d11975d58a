/**
 * The subset of cfengine 2 that the 2003 paper's policies use, in lymph's own words. What has no counterpart is refused
 * with its place, never left out in silence; what means a little less is a note.
 */
import { stringify } from 'yaml'
import { ClassExpressionError, canonify, parseClassExpression } from '#classes'
import { PolicyError } from '../errors.ts'
import { detectorNames } from '../promises/processes/filter.ts'
import { signals } from '../promises/processes/shape.ts'
import type { Token } from './lexer.ts'
import { type Attribute, type CfFilter, CfParser, type CfPolicy, type CfPromise } from './parser.ts'

export interface Imported {
  yaml: string
  /** `file:line:column: ...`, of what means a little less or something else here. */
  notes: string[]
}

/** cfengine stops a process until somebody continues it; here nothing is stopped for ever. */
const STOP_FOR = '1h'
/** Kept of what these said to cfengine: nothing; lymph has its own place for each. */
const settledElsewhere: Readonly<Record<string, string>> = {
  splaytime: 'agent.splay of the config',
  schedule: 'agent.interval of the config',
  syslog: 'the ledger and the journal, always',
  inform: 'the ledger and the journal, always',
  dryrun: 'agent.dry_run of the config',
  moduledirectory: 'nothing: modules are commands',
  domain: 'the host name',
  site: 'the tags of the config',
  timezone: 'the time zone of the host',
  sysadm: 'a report promise',
  smtpserver: 'a report promise',
  access: 'the owner of the policy file',
}

/** @throws PolicyError whose `faults` are everything that is not brought over */
export function importCfengine(text: string, file: string): Imported {
  const parser = new CfParser(text, file)
  return new Converter(parser, parser.parse(), file).convert()
}

class Converter {
  readonly #parser: CfParser
  readonly #policy: CfPolicy
  readonly #file: string
  readonly #faults: string[] = []
  readonly #notes: string[] = []
  readonly #filters = new Set<string>(detectorNames)

  constructor(parser: CfParser, policy: CfPolicy, file: string) {
    this.#parser = parser
    this.#policy = policy
    this.#file = file
  }

  convert(): Imported {
    const control: Record<string, unknown> = {}
    const variables: Record<string, string> = {}
    const declare: string[] = []
    const classes: Record<string, string> = {}
    for (const { section, name, values, classes: guard } of this.#policy.assignments) {
      if (section === 'classes') {
        classes[canonify(name.text)] = this.#classOf(values)
        continue
      }
      if (guard !== 'any')
        this.#fault(name, `${name.text} under ${guard}: what depends on classes belongs in the promises`)
      this.#control(name, values, { control, variables, declare })
    }
    const filters = Object.fromEntries(this.#policy.filters.map((filter) => this.#filter(filter)))
    const promises = this.#policy.promises.map((promise) => this.#promise(promise))
    if (control.sequence === undefined && promises.length > 0)
      this.#fault({ line: 1, column: 1 }, 'there is no actionsequence: cfengine runs nothing of it')
    if (this.#faults.length > 0) {
      const error = new PolicyError(this.#faults[0] as string)
      error.faults = this.#faults
      throw error
    }
    const whole = {
      control,
      ...(Object.keys(variables).length > 0 ? { variables } : {}),
      ...(declare.length > 0 ? { declare } : {}),
      ...(Object.keys(classes).length > 0 ? { classes } : {}),
      ...(Object.keys(filters).length > 0 ? { filters } : {}),
      promises,
    }
    const head = [
      `# Brought over from ${this.#file} by \`lymph policy import\`.`,
      ...this.#notes.map((note) => `# ${note}`),
    ]
    return { yaml: `${head.join('\n')}\n${stringify(whole, { lineWidth: 110 })}`, notes: this.#notes }
  }

  #control(
    name: Token,
    values: readonly Token[],
    into: { control: Record<string, unknown>; variables: Record<string, string>; declare: string[] },
  ): void {
    const key = name.text.toLowerCase()
    const words = values.map(({ text }) => text)
    if (key === 'actionsequence') {
      for (const value of values)
        if (!['files', 'processes', 'shellcommands'].includes(value.text))
          this.#fault(
            value,
            `the action ${value.text} is not brought over: files, processes and shellcommands are`,
          )
      into.control.sequence = [
        ...new Set(words.map((word) => (word === 'shellcommands' ? 'commands' : word))),
      ]
    } else if (key === 'ifelapsed' || key === 'expireafter') {
      if (words.length !== 1 || !/^\d+$/.test(words[0] as string))
        this.#fault(name, `${name.text} is a number of minutes`)
      into.control[key] = `${words[0]}m`
    } else if (key === 'addinstallable')
      into.declare.push(...words.flatMap((word) => word.split(':')).map(canonify))
    else if (key === 'addclasses' || key === 'abortclasses')
      this.#fault(name, `${name.text} is not brought over: define classes under classes:`)
    else if (settledElsewhere[key] !== undefined)
      this.#note(name, `${name.text} is settled elsewhere: ${settledElsewhere[key]}`)
    else into.variables[name.text] = this.#text(words.join(' '))
  }

  /** A list of classes is true where any of them is. */
  #classOf(values: readonly Token[]): string {
    const parts = values.map((value) => this.#guard(value.text, value))
    return parts.length === 1 ? (parts[0] as string) : parts.map((part) => `(${part})`).join('|') || '!any'
  }

  #guard(text: string, token: Token): string {
    try {
      parseClassExpression(text)
    } catch (error) {
      if (!(error instanceof ClassExpressionError)) throw error
      this.#fault({ line: token.line, column: token.column + error.at }, error.message)
    }
    return text
  }

  #filter({ name, criteria }: CfFilter): [string, Record<string, unknown>] {
    if (this.#filters.has(name.text)) this.#fault(name, `a filter ${name.text} is there already`)
    this.#filters.add(name.text)
    const body: Record<string, unknown> = {}
    for (const { name: key, value, token } of criteria) {
      const number = /^\d+$/.test(value) ? Number(value) : undefined
      switch (key.toLowerCase()) {
        case 'owner':
          body.owner = value.split('|')
          break
        case 'command':
          body.command = value
          break
        case 'status':
          body.status = value
          break
        case 'pid':
        case 'ppid':
        case 'pgid':
        case 'threads':
          if (number === undefined)
            this.#fault(token, `${key}: a number is brought over, a regular expression is not`)
          body[
            { pid: 'pid', ppid: 'parent', pgid: 'group', threads: 'threads' }[key.toLowerCase()] as string
          ] = {
            from: number ?? 0,
            to: number ?? 0,
          }
          break
        case 'result':
          body.result = this.#result(value)
          break
        default:
          this.#fault(
            token,
            `the criterion ${key} is not brought over: Owner, Command, Status, PID, PPID, PGID, Threads and Result are`,
          )
      }
    }
    return [name.text, body]
  }

  /** Names of criteria in an expression, in lymph's words. */
  #result(text: string): string {
    const words: Record<string, string> = { ppid: 'parent', pgid: 'group' }
    return text.replaceAll(/\w+/g, (word) => words[word.toLowerCase()] ?? word.toLowerCase())
  }

  #promise(promise: CfPromise): Record<string, unknown> {
    const { section, classes, classToken, subject } = promise
    const guard = this.#guard(classes, classToken)
    const rest = { ...promise, attributes: [...promise.attributes] }
    const language = this.#language(rest)
    const body =
      section === 'processes'
        ? { processes: this.#processes(rest) }
        : section === 'files'
          ? { files: this.#files(rest) }
          : { commands: this.#command(rest) }
    for (const { name, token } of rest.attributes)
      this.#fault(token, `${name}= of ${section} is not brought over`)
    return {
      name: `${section}-${subject.line}`,
      ...(guard === 'any' ? {} : { if: guard }),
      ...body,
      ...language,
    }
  }

  #language(promise: CfPromise): Record<string, unknown> {
    const minutes = (name: string) => {
      const attribute = take(promise, name)
      return attribute && { [name]: `${attribute.value}m` }
    }
    const define = take(promise, 'define')
    const otherwise = take(promise, 'elsedefine')
    const names = (attribute: Attribute) => attribute.value.split(/[:,.]/).map(canonify)
    take(promise, 'syslog')
    take(promise, 'inform')
    return {
      ...minutes('ifelapsed'),
      ...minutes('expireafter'),
      ...(define || otherwise
        ? {
            define: {
              ...(define ? { repaired: names(define) } : {}),
              ...(otherwise ? { kept: names(otherwise) } : {}),
            },
          }
        : {}),
    }
  }

  #processes(promise: CfPromise): Record<string, unknown> {
    const { subject } = promise
    const filter = take(promise, 'filter')
    const signal = take(promise, 'signal')
    const action = take(promise, 'action')
    const restart = take(promise, 'restart')
    const useshell = take(promise, 'useshell')
    if (useshell && !/^(false|no|off|none)$/.test(useshell.value) && restart)
      this.#note(useshell.token, 'there is no shell: what is restarted is started as it is')
    for (const name of filter?.value.split(/[,:]/) ?? [])
      if (!this.#filters.has(name))
        this.#fault((filter as Attribute).token, `the filter ${name} is not defined above`)
    // What takes every process is the filter's business.
    const everything = /^(\.|\.\*|\.\+|\^\.\*\$?|)$/.test(subject.text)
    if (everything && !filter)
      this.#fault(subject, 'a promise about every process is not brought over: name a filter')
    const select = {
      ...(filter ? { filter: filter.value.split(/[,:]/) } : {}),
      ...(everything ? {} : { name: this.#text(subject.text) }),
    }
    if (action && !['signal', 'do', 'warn'].includes(action.value))
      this.#fault(action.token, `action=${action.value} is not brought over: signal, do and warn are`)
    if (action?.value === 'warn') return { ...select, act: 'warn' }
    if (signal) {
      const name = signal.value.toLowerCase().replace(/^sig/, '')
      if (!(signals as readonly string[]).includes(name))
        this.#fault(signal.token, `signal=${signal.value} is not brought over: ${signals.join(', ')} are`)
      const again = restart ? { restart: this.#argv(restart.value, restart.token) } : {}
      if (name === 'kill') return { ...select, act: 'kill', ...again }
      if (name === 'stop') {
        this.#note(
          signal.token,
          `signal=stop becomes a stop for ${STOP_FOR}, taken anew while the cause lasts: nothing is stopped for ever`,
        )
        return { ...select, act: 'stop', for: STOP_FOR }
      }
      return { ...select, act: 'signal', signal: name, ...again }
    }
    if (restart) return { ...select, act: 'restart', restart: this.#argv(restart.value, restart.token) }
    this.#note(subject, 'neither signal= nor restart: it only warns')
    return { ...select, act: 'warn' }
  }

  #files(promise: CfPromise): Record<string, unknown> {
    const { subject } = promise
    const path = this.#text(subject.text)
    const action = take(promise, 'action')
    const [, verb = 'warn', kind = 'all'] =
      /^(warn|fix)(all|plain|dirs)$/.exec(action?.value ?? 'warnall') ?? []
    if (action && !/^(warn|fix)(all|plain|dirs)$/.test(action.value))
      this.#fault(
        action.token,
        `action=${action.value} is not brought over: warnall, warnplain, warndirs, fixall, fixplain and fixdirs are`,
      )
    const recurse = take(promise, 'recurse') ?? take(promise, 'r')
    const checksum = take(promise, 'checksum')
    if (checksum && checksum.value !== 'sha256')
      this.#note(checksum.token, `checksum=${checksum.value} becomes SHA-256`)
    if (kind !== 'all')
      this.#note(
        (action as Attribute).token,
        `${action?.value} looks at everything below, not at ${kind} alone`,
      )
    const mode = take(promise, 'mode')
    const one = (name: string) => take(promise, name)?.value
    const owner = one('owner')
    const group = one('group')
    const xdev = one('xdev')
    const ignore = take(promise, 'ignore')
    return {
      path,
      ...(recurse ? { recurse: /^inf/.test(recurse.value) ? 'inf' : Number(recurse.value) } : { recurse: 0 }),
      ...(mode ? { mode: mode.value } : {}),
      ...(owner ? { owner: owner.split(',') } : {}),
      ...(group ? { group: group.split(',') } : {}),
      ...(xdev ? { xdev: /^(true|on|yes)$/.test(xdev) } : {}),
      ...(ignore ? { ignore: [ignore.value] } : {}),
      act: verb,
    }
  }

  #command(promise: CfPromise): Record<string, unknown> {
    const timeout = take(promise, 'timeout')
    const owner = take(promise, 'owner')
    const chdir = take(promise, 'chdir')
    take(promise, 'useshell')
    const background = take(promise, 'background')
    if (background && /^(true|on|yes)$/.test(background.value))
      this.#note(background.token, 'background=true: the run waits for it, within its timeout')
    return {
      argv: this.#argv(promise.subject.text, promise.subject),
      ...(timeout ? { timeout: `${timeout.value}s` } : {}),
      ...(owner ? { user: owner.value } : {}),
      ...(chdir ? { cwd: chdir.value } : {}),
    }
  }

  /** A command line's words. @returns [] where only a shell would understand it, which is a fault */
  #argv(line: string, token: Token): string[] {
    const bare = line.replaceAll(/\$[({][\w.]+[)}]/g, '')
    const meant = /[|&;<>`$*?~]/.exec(bare)
    if (meant) {
      this.#fault(token, `'${meant[0]}' is for a shell, and there is none: put it into a script and run that`)
      return []
    }
    const words = this.#text(line).match(/"[^"]*"|'[^']*'|\S+/g) ?? []
    const argv = words.map((word) => word.replace(/^(["'])(.*)\1$/s, '$2'))
    if (!argv[0]?.startsWith('/') && !argv[0]?.startsWith('$('))
      this.#fault(token, `'${argv[0] ?? ''}': name the program by its full path`)
    return argv
  }

  /** `${x}` is `$(x)`. */
  #text(text: string): string {
    return text.replaceAll(/\$\{([\w.]+)\}/g, '$($1)')
  }

  #fault(token: Pick<Token, 'line' | 'column'>, message: string): void {
    this.#faults.push(this.#parser.error(token, message).message)
  }

  #note(token: Pick<Token, 'line' | 'column'>, message: string): void {
    this.#notes.push(`${this.#file}:${token.line}:${token.column}: ${message}`)
  }
}

/** The attribute, which is then dealt with. */
function take(promise: CfPromise, name: string): Attribute | undefined {
  const index = promise.attributes.findIndex((attribute) => attribute.name === name)
  return index < 0 ? undefined : promise.attributes.splice(index, 1)[0]
}
