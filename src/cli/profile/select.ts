/** Which profile a person means. */
import { realpathSync } from 'node:fs'
import { basename, resolve } from 'node:path'
import type { Command } from 'commander'
import { nearest } from '#classes'
import type { Api } from '../api.ts'
import { CommandError } from '../errors.ts'
import { shortHash } from '../format.ts'
import type { ProfileLine } from '../shapes.ts'

export interface Choice {
  abi?: string
  sha256?: string
  window?: string
}

/** The options that tell profiles of one binary apart. */
export function choosing(command: Command): Command {
  return command
    .option('--abi <abi>', 'where a binary has several profiles: x86-64, i386 or arm64')
    .option('--sha256 <hash>', "where it has several: the first digits of the file's SHA-256")
    .option('--window <calls>', 'where it has several: the window they were learned with')
}

/** @throws CommandError where none or several answer to the name */
export async function selectProfile(api: Api, name: string, choice: Choice): Promise<ProfileLine> {
  return choose(await api.get<ProfileLine[]>('/profiles'), name, choice)
}

export function choose(profiles: readonly ProfileLine[], name: string, choice: Choice): ProfileLine {
  const named = byName(profiles, name)
  if (named.length === 0) throw none(profiles, name)
  const paths = [...new Set(named.map(({ binary }) => binary))]
  if (paths.length > 1)
    throw new CommandError(
      `"${name}" is the base name of ${paths.length} programs: give one of ${paths.join(', ')}`,
    )
  const [path] = paths as [string]
  const left = named.filter(
    (profile) =>
      (choice.abi === undefined || profile.abi === choice.abi) &&
      (choice.sha256 === undefined || profile.sha256.startsWith(choice.sha256.toLowerCase())) &&
      (choice.window === undefined || String(profile.window) === choice.window),
  )
  if (left.length === 0)
    throw new CommandError(`none of the profiles of ${path} is that one: ${variants(named)}`)
  if (left.length > 1)
    throw new CommandError(`${path} has ${left.length} profiles: choose from ${variants(left)}`)
  return left[0] as ProfileLine
}

/** A path as it is written, as it resolves (/bin/ls is /usr/bin/ls on most hosts), or a base name. */
function byName(profiles: readonly ProfileLine[], name: string): ProfileLine[] {
  if (!name.includes('/')) return profiles.filter(({ binary }) => basename(binary) === name)
  const path = resolve(name)
  const exact = profiles.filter(({ binary }) => binary === path)
  if (exact.length > 0) return exact
  try {
    const real = realpathSync(path)
    return profiles.filter(({ binary }) => binary === real)
  } catch {
    return []
  }
}

function none(profiles: readonly ProfileLine[], name: string): CommandError {
  const bases = [...new Set(profiles.map(({ binary }) => basename(binary)))]
  const near = nearest(basename(name), bases).filter((base) => base !== name)
  const hint =
    near.length > 0 ? `did you mean ${near.join(' or ')}?` : '`lymph profile list` has those there are'
  return new CommandError(`no profile of ${name}: ${hint}`)
}

/** The options that would choose each, as short as tells them apart. */
function variants(profiles: readonly ProfileLine[]): string {
  const differ = (of: (profile: ProfileLine) => unknown) => new Set(profiles.map(of)).size > 1
  const abi = differ((p) => p.abi)
  const window = differ((p) => p.window)
  const sha256 = differ((p) => p.sha256) || (!abi && !window)
  return profiles
    .map((profile) =>
      [
        ...(abi ? [`--abi ${profile.abi}`] : []),
        ...(window ? [`--window ${profile.window}`] : []),
        ...(sha256 ? [`--sha256 ${shortHash(profile.sha256)}`] : []),
        `(${profile.state}, ${profile.calls} calls)`,
      ].join(' '),
    )
    .join('; ')
}
