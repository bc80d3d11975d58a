/** `profile export` and `import`: a profile as a file, to another host and back. */
import { randomBytes } from 'node:crypto'
import { readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { Command } from 'commander'
import { type Abi, hostAbi } from '#syscalls'
import { contextOf, print, printJson } from '../context.ts'
import { CommandError, reasonOf } from '../errors.ts'
import { plain, plural } from '../format.ts'
import { type Choice, choosing, selectProfile } from './select.ts'

export function moveCommands(): Command[] {
  return [
    choosing(new Command('export').argument('<binary>', 'path or base name'))
      .description('Write a profile to a file, or to standard output.')
      .option('-o, --output <file>', 'the file; without it, standard output')
      .action(async (name: string, options: Choice & { output?: string }, command: Command) => {
        const { api, json } = contextOf(command)
        const { output } = options
        if ((output === undefined || output === '-') && process.stdout.isTTY)
          throw new CommandError('a profile is not for a terminal: name a file with -o FILE')
        const { binary, abi, sha256, window } = await selectProfile(api, name, options)
        const body = await api.getBytes('/profiles/body', {
          binary,
          abi,
          sha256: sha256 || undefined,
          window,
        })
        if (output === undefined || output === '-') {
          process.stdout.write(body)
          return
        }
        save(output, body)
        if (json) printJson({ binary, file: output, bytes: body.length })
        else print(`${plain(binary)}: ${plural(body.length, 'byte')} in ${plain(output)}`)
      }),
    new Command('import')
      .argument('<file...>', 'profile files; - is standard input')
      .description(
        'Give the daemon profiles from files, each in place of the one it has of that binary, content, ABI and window.',
      )
      .action(async (files: string[], _options: object, command: Command) => {
        const { api, json } = contextOf(command)
        const done: Imported[] = []
        for (const file of files) {
          const body = read(file)
          try {
            done.push(await api.postBytes('/profiles/import', body))
          } catch (error) {
            // Some are in by now: the line has to say which was refused.
            if (error instanceof CommandError) throw new CommandError(`${file}: ${error.message}`, error.exit)
            throw error
          }
          const last = done.at(-1)
          if (!json && last) print(`${plain(last.binary)}: ${plural(last.pairs, 'pair')}${fateOf(last)}`)
        }
        if (json) printJson(done)
      }),
  ]
}

interface Imported {
  binary: string
  pairs: number
  window: number
  live: number
  rests: boolean
  abi: Abi
}

function fateOf({ live, rests, window, abi }: Imported): string {
  const here = hostAbi()
  // An x86-64 machine runs i386 programs too.
  if (abi !== here && !(here === 'x86-64' && abi === 'i386'))
    return `; it rests: it is of ${abi}, and this machine's programs are ${here}`
  if (rests) return `; it rests: its window is ${window}, and lymph set window ${window} would wake it`
  return live > 0 ? ', in force now' : '; it waits for its program to run'
}

function read(file: string): Uint8Array {
  try {
    return readFileSync(file === '-' ? 0 : file)
  } catch (error) {
    throw new CommandError(`${file}: ${reasonOf(error)}`)
  }
}

/** All of it or nothing: a full disk must not leave half a profile under the name asked for. */
function save(file: string, body: Uint8Array): void {
  const draft = `${file}.${randomBytes(4).toString('hex')}`
  try {
    const there = statSync(file, { throwIfNoEntry: false })
    // A device or a pipe is written to, never replaced.
    if (there && !there.isFile()) writeFileSync(file, body)
    else {
      writeFileSync(draft, body, { flag: 'wx' })
      renameSync(draft, file)
    }
  } catch (error) {
    rmSync(draft, { force: true })
    throw new CommandError(`${file}: ${reasonOf(error)}`)
  }
}
