/**
 * Writes docs/reference/cli.md from the definitions of the command line, so that the page cannot tell another story
 * than --help. `node scripts/docs/cli.ts`; with --check it only says whether the page is fresh (exit 1 if not).
 */
import { readFileSync, writeFileSync } from 'node:fs'
import type { Command, Option } from 'commander'
import { entries, hasFile } from '../../src/cli/commands.ts'
import { globalOptions } from '../../src/cli/context.ts'
import { buildProgram } from '../../src/cli/program.ts'

export const page = new URL('../../docs/reference/cli.md', import.meta.url)

export async function cliReference(): Promise<string> {
  const there = entries.filter(({ name }) => hasFile(name))
  const program = await buildProgram(there.map(({ name }) => name))
  const lines = [
    '# The command line',
    '',
    'Written by `node scripts/docs/cli.ts` from the definitions in `src/cli`; do not edit.',
    '`scripts/lymph` in a checkout, `lymph` where it is installed.',
    '',
    'These stand before or after any command:',
    '',
    ...globalOptions.map(optionLine),
    '',
    "Exit codes: 0 ok, 1 findings, 2 usage, 3 no daemon, 4 degraded; 10 and up are a command's own and stand with it.",
    'Errors are one line on standard error: `error: lymph profile show: what, why: what to do`. Colour only on a terminal,',
    'and never with `NO_COLOR`.',
  ]
  let group = ''
  for (const entry of there) {
    const command = program.commands.find((candidate) => candidate.name() === entry.name) as Command
    if (entry.group !== group) lines.push('', `## ${entry.group.replace(/:$/, '')}`)
    group = entry.group
    lines.push(...section(command, '###'))
  }
  return `${lines.join('\n')}\n`
}

function section(command: Command, heading: string): string[] {
  const lines = ['', `${heading} \`${usage(command)}\``, '', literal(command.description())]
  const about = command.registeredArguments.filter((argument) => argument.description !== '')
  const facts = [
    ...about.map((argument) => `- \`<${argument.name()}>\` ${literal(argument.description)}`),
    ...command.options.filter((option) => !option.hidden).map(optionLine),
  ]
  if (facts.length > 0) lines.push('', ...facts)
  const after = textAfter(command)
  if (after !== '') lines.push('', '```text', after, '```')
  for (const below of command.commands)
    if (below.name() !== 'help') lines.push(...section(below, `${heading}#`))
  return lines
}

/** `profile export [options] <binary>`, without `lymph` and without what every command has. */
function usage(command: Command): string {
  const names: string[] = []
  for (let at: Command | null = command; at?.parent; at = at.parent) names.unshift(at.name())
  const operands = command.registeredArguments.map((argument) => {
    const name = `${argument.name()}${argument.variadic ? '...' : ''}`
    return argument.required ? `<${name}>` : `[${name}]`
  })
  return [...names, ...operands].join(' ')
}

function optionLine(option: Option): string {
  const initial = option.defaultValue
  const more = initial === undefined || initial === false || (Array.isArray(initial) && initial.length === 0)
  return `- \`${option.flags}\` ${literal(option.description)}${more ? '' : ` (default: ${option.defaultValueDescription ?? JSON.stringify(initial)})`}`
}

/** What addHelpText put below the help: commander tells it only by printing. */
function textAfter(command: Command): string {
  let printed = ''
  command.configureOutput({
    writeOut: (text) => {
      printed += text
    },
  })
  command.outputHelp()
  return printed.slice(command.helpInformation().length).trim()
}

/** Angle brackets would be taken for HTML. */
function literal(text: string): string {
  return text.replace(/</g, '\\<').replace(/\s*\n\s*/g, ' ')
}

if (import.meta.main) {
  const text = await cliReference()
  if (!process.argv.includes('--check')) writeFileSync(page, text)
  else if (readFileSync(page, 'utf8') !== text) {
    console.error('docs/reference/cli.md is not what the commands say: run node scripts/docs/cli.ts')
    process.exitCode = 1
  }
}
