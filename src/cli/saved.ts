/**
 * The mirrored profile files of a state folder (`profiles/usr/bin/less`), read and written while no daemon runs. With
 * one they are its own, and everything goes through the API.
 */
import {
  closeSync,
  globSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { decodeProfile, encodeProfile, type ProfileRecord, stateName, tableFrom } from '#homeostasis'
import { isAbsent } from './api.ts'
import type { Context } from './context.ts'
import { CommandError, exitCodes, reasonOf } from './errors.ts'
import { plain } from './format.ts'
import type { ProfileLine } from './shapes.ts'

const magic = 'lymph profile\n'

/** Looks at the first bytes only. What cannot be read is no profile file: somebody else may still know it. */
export function isProfileFile(path: string): boolean {
  try {
    if (!statSync(path).isFile()) return false
    const file = openSync(path, 'r')
    try {
      const start = Buffer.alloc(magic.length)
      return readSync(file, start, 0, magic.length, 0) === magic.length && start.toString('latin1') === magic
    } finally {
      closeSync(file)
    }
  } catch {
    return false
  }
}

/** @throws CommandError naming the file and what is wrong with it */
export function readProfile(path: string): ProfileRecord {
  try {
    return decodeProfile(readFileSync(path))
  } catch (error) {
    throw new CommandError(`${path}: ${reasonOf(error)}`, exitCodes.usage, { cause: error })
  }
}

export class SavedProfiles {
  readonly folder: string

  constructor(state: string) {
    this.folder = join(state, 'profiles')
  }

  fileOf(binary: string): string {
    const file = join(this.folder, binary)
    // A profile names its binary itself; it must not choose where it lands.
    if (!binary.startsWith('/') || file !== this.folder + binary)
      throw new CommandError(`"${binary}" is not a full path, and cannot be saved`)
    return file
  }

  has(binary: string): boolean {
    return isProfileFile(this.fileOf(binary))
  }

  /** @throws CommandError where the file is damaged */
  read(binary: string): ProfileRecord | undefined {
    return this.has(binary) ? readProfile(this.fileOf(binary)) : undefined
  }

  /**
   * All of it or nothing. What stood there for another version of the file, or cannot be read, is kept beside it: an
   * upgrade that is taken back finds its profile again.
   */
  write(record: ProfileRecord): void {
    const file = this.fileOf(record.key.binary)
    try {
      mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
      if (isProfileFile(file)) {
        const suffix = this.#asideSuffix(file, record.key.sha256)
        if (suffix) renameSync(file, `${file}.${suffix}`)
      }
      const draft = `${file}.${process.pid}.new`
      try {
        writeFileSync(draft, encodeProfile(record), { mode: 0o600 })
        renameSync(draft, file)
      } finally {
        rmSync(draft, { force: true })
      }
    } catch (error) {
      throw new CommandError(`${file}: cannot save the profile: ${reasonOf(error)}`, exitCodes.degraded)
    }
  }

  /** @param leftOut told of each damaged file */
  records(leftOut: (line: string) => void): ProfileRecord[] {
    return globSync('**', { cwd: this.folder, exclude: (name) => name.endsWith('.new') })
      .map((name) => join(this.folder, name))
      .filter(isProfileFile)
      .flatMap((file) => {
        try {
          const record = readProfile(file)
          return file === this.fileOf(record.key.binary) ? [record] : []
        } catch (error) {
          leftOut(reasonOf(error))
          return []
        }
      })
  }

  #asideSuffix(file: string, sha256: string): string | undefined {
    try {
      const old = readProfile(file).key.sha256
      return old === sha256 || old === '' ? undefined : old.slice(0, 12)
    } catch {
      return 'damaged'
    }
  }
}

/** A record as `profile list` shows it. */
export function lineOfRecord(record: ProfileRecord): ProfileLine {
  const { key, tables, frozen, response } = record
  return {
    binary: key.binary,
    sha256: key.sha256,
    abi: key.abi,
    window: key.window,
    state: stateName({ normal: tables.normal, frozen }),
    calls: tables.calls,
    pairs: tableFrom(tables.rows, 'train').pairs,
    sinceChange: tables.train.lastModCount,
    anomalies: tables.anomalies,
    response: response ?? 'ignore',
  }
}

/** The daemon's profiles, or those saved where none runs and some are there. */
export async function profilesOf(
  context: Context,
): Promise<{ profiles: ProfileLine[]; saved?: SavedProfiles }> {
  try {
    return { profiles: await context.api.get<ProfileLine[]>('/profiles') }
  } catch (error) {
    if (!isAbsent(error)) throw error
    const saved = new SavedProfiles(context.state)
    const note = (line: string) => process.stderr.write(`note: left out: ${plain(line)}\n`)
    const profiles = saved.records(note).map(lineOfRecord)
    if (profiles.length === 0) throw error
    return { profiles, saved }
  }
}

/**
 * Work on a state folder while no daemon runs. As root the daemon's user must own what was written, whether the work
 * went well or not: a part that belongs to root would stop the next `lymph up`.
 */
export async function inState<T>(context: Context, work: (state: string) => T | Promise<T>): Promise<T> {
  const { prepareState } = await import('#daemon')
  const state = prepareState(context.state)
  try {
    return await work(state)
  } finally {
    prepareState(state)
  }
}
