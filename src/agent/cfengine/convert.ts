/**
 * The subset of cfengine 2 that the 2003 paper's policies use, in lymph's own words. What has no counterpart is refused
 * with its place, never left out in silence; what means a little less is a note.
 */
import { stringify } from 'yaml'
import { ClassExpressionError, canonify, classesNamed, parseClassExpression } from '#classes'
import { inOrder, PolicyError } from '../errors.ts'
import { Vocabulary } from '../policy/vocabulary.ts'
import { detectorNames } from '../promises/processes/filter.ts'
import { attributeText } from './advice.ts'
import { PromiseBodies, plainText, take } from './bodies.ts'
import type { Token } from './lexer.ts'
import { type Attribute, type CfFilter, CfParser, type CfPolicy, type CfPromise } from './parser.ts'

export interface Imported {
  yaml: string
  /** `file:line:column: ...`, of what means a little less or something else here. */
  notes: string[]
}

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
  readonly #faults: string[]
  readonly #notes: string[] = []
  readonly #names = new Set<string>()
  readonly #filters = new Set<string>(detectorNames)

  constructor(parser: CfParser, policy: CfPolicy, file: string) {
    this.#parser = parser
    this.#policy = policy
    this.#file = file
    this.#faults = [...parser.faults]
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
      if (guard !== 'any' && !/^(add|abort)classes$/i.test(name.text))
        this.#fault(
          name,
          `${name.text} under ${guard} is not brought over: write it without a class, and the class at the promises`,
        )
      this.#control(name, values, { control, variables, declare })
    }
    declare.push(...this.#declared(Object.keys(classes), declare))
    const filters = Object.fromEntries(this.#policy.filters.map((filter) => this.#filter(filter)))
    const promises = this.#policy.promises.map((promise) => this.#promise(promise))
    if (control.sequence === undefined && promises.length > 0 && this.#faults.length === 0)
      this.#fault({ line: 1, column: 1 }, 'there is no actionsequence: cfengine runs nothing of it')
    if (this.#faults.length > 0) {
      const faults = inOrder(this.#faults)
      const error = new PolicyError(faults[0] as string)
      error.faults = faults
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
            `the action ${value.text} is not brought over: files, processes and shellcommands are; leave the others with cfengine`,
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
      this.#fault(
        name,
        `${name.text} is not brought over: define classes under classes:, each with what makes it`,
      )
    else if (settledElsewhere[key] !== undefined)
      this.#note(name, `${name.text} is settled elsewhere: ${settledElsewhere[key]}`)
    else into.variables[name.text] = plainText(words.join(' '))
  }

  /** Names in lists of classes that nothing here makes: in cfengine's groups they are hosts, whose names are their classes. */
  #declared(made: readonly string[], declared: readonly string[]): string[] {
    const vocabulary = new Vocabulary([...made, ...declared])
    const others = new Set<string>()
    for (const { section, values } of this.#policy.assignments)
      for (const value of section === 'classes' ? values : [])
        for (const name of namesIn(value.text)) {
          if (vocabulary.knows(name) || others.has(name)) continue
          others.add(name)
          this.#note(
            value,
            `${name} is declared as a class that something else sets: each host's own name is one there`,
          )
        }
    return [...others]
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
    const { section, classes, classToken } = promise
    const guard = this.#guard(classes, classToken)
    const rest = { ...promise, attributes: [...promise.attributes] }
    const language = this.#language(rest)
    const bodies = new PromiseBodies({
      filters: this.#filters,
      fault: (token, message) => this.#fault(token, message),
      note: (token, message) => this.#note(token, message),
    })
    const body =
      section === 'processes'
        ? { processes: bodies.processes(rest) }
        : section === 'files'
          ? { files: bodies.files(rest) }
          : { commands: bodies.command(rest) }
    for (const { name, token } of rest.attributes) this.#fault(token, attributeText(name, section))
    return {
      name: this.#nameOf(promise),
      ...(guard === 'any' ? {} : { if: guard }),
      ...body,
      ...language,
    }
  }

  #nameOf({ section, subject: { line, column } }: CfPromise): string {
    const short = `${section}-${line}`
    const name = this.#names.has(short) ? `${short}-${column}` : short
    this.#names.add(name)
    return name
  }

  #language(promise: CfPromise): Record<string, unknown> {
    const minutes = (name: string) => {
      const attribute = take(promise, name)
      if (attribute && !/^\d+$/.test(attribute.value))
        this.#fault(attribute.token, `${name}=${attribute.value}: a number of minutes is wanted`)
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

  #fault(token: Pick<Token, 'line' | 'column'>, message: string): void {
    this.#faults.push(this.#parser.error(token, message).message)
  }

  #note(token: Pick<Token, 'line' | 'column'>, message: string): void {
    this.#notes.push(`${this.#file}:${token.line}:${token.column}: ${message}`)
  }
}

/** Of the classes in an expression; none of one that is none, which is told elsewhere. */
function namesIn(text: string): string[] {
  try {
    return [...classesNamed(parseClassExpression(text))].map(({ name }) => name)
  } catch {
    return []
  }
}
