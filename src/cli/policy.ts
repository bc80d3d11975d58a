/** `lymph policy`: check a policy, see what it would do now and why not, and bring one over from cfengine 2. */
import { readFileSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { Command } from 'commander'
import { agentOptions, printRun } from './agent/options.ts'
import { contextOf, print, printJson } from './context.ts'
import { CommandError, exitCodes, reasonOf } from './errors.ts'
import { plain, plural } from './format.ts'

export function policyCommand(): Command {
  const policy = new Command('policy').description(
    'Policies: what the agent does about the classes that hold (docs/reference/policy.md).',
  )
  policy
    .command('check')
    .description('Look for mistakes in a policy, each with its place. Exit code 1 when there are any.')
    .argument('[file]', "a policy (default: the config's)")
    .option('--schema', 'print the JSON Schema of policies instead')
    .option('--define <class...>', 'classes that something on this host sets')
    .action(async (file: string | undefined, options: CheckFlags, command: Command) =>
      check(file, options, command),
    )
  policy
    .command('explain')
    .description('Say which promises would act now, on what, and why the others would not. Acts on nothing.')
    .argument('[file]', "a policy (default: the config's)")
    .option('--define <class...>', 'as if these classes held (-D of cfengine)')
    .option('--negate <class...>', 'as if these did not (-N)')
    .option('--no-locks', 'as if nothing had run yet (-K)')
    .action(async (file: string | undefined, options: ExplainFlags, command: Command) => {
      const { json } = contextOf(command)
      const { agentRun } = await import('#agent')
      const report = await agentRun({
        ...(await agentOptions(command, options)),
        ...(file === undefined ? {} : { policyFile: resolve(file) }),
        mode: 'tell',
        noLocks: !options.locks,
        signal: new AbortController().signal,
      })
      if ('held' in report) return
      if (json) printJson(report)
      else printRun(report)
    })
  policy
    .command('import')
    .description('Convert a cfengine 2 policy: control, classes, filters, files, processes, shellcommands.')
    .argument('<file>', 'a .cf file; - reads standard input')
    .option('--out <file>', 'write the policy there (default: standard output)')
    .addHelpText(
      'after',
      '\nExample:\n  lymph policy import cfagent.conf --out policy.yaml && lymph policy check policy.yaml',
    )
    .action(async (file: string, options: { out?: string }, command: Command) => {
      const { json } = contextOf(command)
      const { importCfengine, PolicyError } = await import('#agent')
      const text = readText(file)
      try {
        const { yaml, notes } = importCfengine(text, file === '-' ? 'standard input' : file)
        for (const note of notes) process.stderr.write(`${plain(note)}\n`)
        if (options.out !== undefined) writeFileSync(options.out, yaml, { mode: 0o644 })
        else if (json) printJson({ yaml, notes })
        else process.stdout.write(yaml)
      } catch (error) {
        if (!(error instanceof PolicyError)) throw error
        throw faultsOf(error.faults)
      }
    })
  return policy
}

interface CheckFlags {
  schema?: boolean
  define?: string[]
}

interface ExplainFlags {
  define?: string[]
  negate?: string[]
  locks: boolean
}

async function check(file: string | undefined, options: CheckFlags, command: Command): Promise<void> {
  const { json } = contextOf(command)
  const { loadPolicy, policySchema, PolicyError, promiseTypes } = await import('#agent')
  if (options.schema) {
    printJson(policySchema(promiseTypes))
    return
  }
  const { policyFile, tags } = await agentOptions(command, {})
  const path = file ?? policyFile
  try {
    const policy = loadPolicy(path, tags, options.define ?? [])
    const promises = policy.promises.map(({ name, type, guardText, place }) => ({
      name,
      type: type.name,
      if: guardText,
      place,
    }))
    if (json) printJson({ file: path, ok: true, faults: [], promises })
    else print(`${path}: ${plural(promises.length, 'promise')}, no mistake`)
  } catch (error) {
    if (!(error instanceof PolicyError)) throw error
    if (!json) throw faultsOf(error.faults)
    printJson({ file: path, ok: false, faults: error.faults, promises: [] })
    process.exitCode = exitCodes.findings
  }
}

/** All of them, a line each; the last is the command's error. */
function faultsOf(faults: readonly string[]): CommandError {
  for (const fault of faults.slice(0, -1)) process.stderr.write(`${plain(fault)}\n`)
  return new CommandError(faults.at(-1) as string, exitCodes.findings)
}

function readText(file: string): string {
  try {
    return readFileSync(file === '-' ? 0 : file, 'utf8')
  } catch (error) {
    throw new CommandError(`${file}: ${reasonOf(error)}`)
  }
}
