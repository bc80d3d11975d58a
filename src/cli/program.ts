/** The program: global options, the command that was named, and how errors end. */
import { readFileSync } from 'node:fs'
import { Command, CommanderError } from 'commander'
import { entries, load } from './commands.ts'
import { globalOptions } from './context.ts'
import { exitCodes, exitOf, lineOf } from './errors.ts'
import { plain } from './format.ts'

/** @param argv arguments after `lymph` */
export async function run(argv: string[]): Promise<number> {
  let name = 'lymph'
  try {
    const program = await buildProgram(namedIn(argv))
    program.hook('preAction', (_, action) => {
      name = pathOf(action)
    })
    await program.parseAsync(argv, { from: 'user' })
    return typeof process.exitCode === 'number' ? process.exitCode : exitCodes.ok
  } catch (error) {
    if (error instanceof CommanderError) return commanderExit(error)
    if (name === 'lymph') name = ['lymph', ...namedIn(argv)].join(' ')
    process.stderr.write(errorLine(name, lineOf(error)))
    if (process.env.LYMPH_DEBUG) console.error(error)
    return exitOf(error)
  }
}

/** The whole program with the commands of `names` in full; the rest are there by name, for help and suggestions. */
export async function buildProgram(names: readonly string[]): Promise<Command> {
  const program = new Command('lymph')
  program
    .description(
      'Learns how every program on this host behaves, slows down what is not normal, and warns other hosts.',
    )
    .version(version(), '--version', 'print the version')
    .helpOption('-h, --help', 'print help')
    .configureHelp({ showGlobalOptions: true })
    .exitOverride()
  for (const option of globalOptions) program.addOption(option)
  for (const entry of entries) {
    const command = names.includes(entry.name) ? await load(entry.name) : new Command(entry.name)
    if (!names.includes(entry.name) || !command.description()) command.description(entry.summary)
    command.summary(entry.summary).helpGroup(entry.group)
    program.addCommand(command)
  }
  program.addHelpText(
    'after',
    '\nExit codes: 0 ok, 1 findings, 2 usage, 3 no daemon, 4 degraded. README.md has a tour.',
  )
  // A command may declare --json of its own; where the program took it first, the command shall know all the same.
  program.hook('preAction', (_, action) => {
    for (const option of globalOptions) {
      const key = option.attributeName()
      const value = program.getOptionValue(key)
      if (value !== undefined) action.setOptionValue(key, value)
    }
  })
  dress(program, program)
  return program
}

/** Makes every command below end and complain like the program. */
function dress(command: Command, program: Command): void {
  if (command !== program) command.copyInheritedSettings(program)
  const name = pathOf(command)
  command.configureOutput({
    outputError: (text, write) => write(errorLine(name, wording(text, name))),
  })
  for (const below of command.commands) dress(below, program)
}

/** commander's complaint with what to do: "error: unknown option '--foo'\n(Did you mean --food?)" comes in. */
function wording(text: string, name: string): string {
  const [what = '', hint = ''] = text
    .trim()
    .replace(/^error: /, '')
    .split('\n')
  const meant = /^\(Did you mean (?:one of )?(.*?)\??\)$/.exec(hint.trim())?.[1]
  return `${what.replace(/\.$/, '')}: ${meant ? `did you mean ${meant}? ` : ''}see \`${name} --help\``
}

function errorLine(name: string, message: string): string {
  return `error: ${name}: ${plain(message.trim().replace(/\s*\n\s*/g, ' '))}\n`
}

function commanderExit(error: CommanderError): number {
  return error.code === 'commander.helpDisplayed' || error.code === 'commander.version' || isAskedHelp(error)
    ? exitCodes.ok
    : exitCodes.usage
}

/** `lymph help profile` ends with exit code 0, a bare `lymph profile` with help on stderr and 1. */
function isAskedHelp(error: CommanderError): boolean {
  return error.code === 'commander.help' && error.exitCode === 0
}

function pathOf(command: Command): string {
  return command.parent ? `${pathOf(command.parent)} ${command.name()}` : command.name()
}

/** Which command the arguments name, found without knowing its options: only the global ones can stand before it. */
function namedIn(argv: readonly string[]): string[] {
  const known = new Set(entries.map((entry) => entry.name))
  for (let i = 0; i < argv.length; i++) {
    const word = argv[i] as string
    if (word === '--') break
    if (word === 'help') continue
    if (!word.startsWith('-')) return known.has(word) ? [word] : []
    if (globalOptions.some((option) => option.required && option.long === word)) i++
  }
  return []
}

function version(): string {
  const file = new URL('../../package.json', import.meta.url)
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version
}
