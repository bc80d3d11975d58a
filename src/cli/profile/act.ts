/** What the operator decides: pH's verbs, and the paper's modification, delay or ignore per binary. */
import { resolve } from 'node:path'
import { Command } from 'commander'
import { actOnRecord } from '#homeostasis'
import type { ProfileVerb } from '#sensor'
import { contextOf, print, printJson } from '../context.ts'
import { CommandError } from '../errors.ts'
import { plain } from '../format.ts'
import { inState, lineOfRecord, profilesOf, readProfile, type SavedProfiles } from '../saved.ts'
import type { ProfileLine } from '../shapes.ts'
import { type Choice, choose, choosing } from './select.ts'

const verbs: Record<ProfileVerb, { description: string; done: string }> = {
  normalize: {
    description: 'Accept what was learned as normal, from now on.',
    done: 'normal now: what it has done so far is what it may do',
  },
  sensitize: { description: 'Forget what was learned in training.', done: 'its training is forgotten' },
  tolerize: {
    description: 'Stop testing and go back to learning.',
    done: 'learning again: nothing it does is an anomaly until it is normal',
  },
  reset: { description: 'Forget everything and begin anew.', done: 'forgotten: it begins anew' },
}

export function actCommands(): Command[] {
  return [
    ...(Object.entries(verbs) as [ProfileVerb, (typeof verbs)[ProfileVerb]][]).map(
      ([verb, { description, done }]) =>
        choosing(new Command(verb).argument('<binary>', 'path or base name'))
          .description(description)
          .action(async (name: string, options: Choice, command: Command) => {
            const context = contextOf(command)
            const { profiles, saved } = await profilesOf(context)
            const { binary, abi, sha256, window } = choose(profiles, name, options)
            const answer = saved
              ? await inState(context, () => actOnSaved(saved, binary, verb))
              : await context.api.post<unknown>('/profiles/act', {
                  binary,
                  verb,
                  abi,
                  window,
                  ...(sha256 ? { sha256 } : {}),
                })
            if (context.json) printJson(answer ?? { binary, verb })
            else print(`${plain(binary)}: ${done}`)
          }),
    ),
    respond('delay', 'Slow a binary down when it is anomalous: delay_factor * 2^LFC before each call.'),
    respond('ignore', 'Never slow a binary down; its anomalies are still told.'),
  ]
}

/** The verb done to the file, as a daemon would do it to its copy. */
function actOnSaved(saved: SavedProfiles, binary: string, verb: ProfileVerb): ProfileLine {
  const changed = actOnRecord(readProfile(saved.fileOf(binary)), verb, Date.now())
  saved.write(changed)
  return lineOfRecord(changed)
}

function respond(response: 'delay' | 'ignore', description: string): Command {
  return new Command(response)
    .description(description)
    .argument('[binary]', 'path or base name')
    .option('--default', 'not one binary, but all of which nothing was said')
    .option('--unset', 'take back what was said of the binary: the default holds for it')
    .action(
      async (name: string | undefined, options: { default?: boolean; unset?: boolean }, command: Command) => {
        const { api, json } = contextOf(command)
        if ((name === undefined) === !options.default)
          throw new CommandError('name one binary, or give --default for all of which nothing was said')
        if (name === undefined) {
          if (options.unset)
            throw new CommandError('--unset is about one binary: name it instead of --default')
          const answer = await api.post<unknown>('/settings', { key: 'default_response', value: response })
          if (json) printJson(answer)
          else print(`default: ${response}`)
          return
        }
        const binary = binaryOf(await api.get<ProfileLine[]>('/profiles'), name)
        const said = options.unset ? 'default' : response
        const answer = await api.post<unknown>('/profiles/respond', { binary, response: said })
        if (json) printJson(answer ?? { binary, response: said })
        else print(`${plain(binary)}: ${said === 'default' ? 'as the default says' : said}`)
      },
    )
}

/** A response is of a path, whatever file stands there and whether it has run yet. */
function binaryOf(profiles: ProfileLine[], name: string): string {
  const unlike = [...new Map(profiles.map((profile) => [profile.binary, profile])).values()]
  try {
    return choose(unlike, name, {}).binary
  } catch (error) {
    if (name.startsWith('/')) return resolve(name)
    throw error
  }
}
