/** The profiles that the sensor holds now. */
import { DaemonError } from '../errors.ts'
import type { DaemonSettings } from '../settings.ts'
import { keyOf, matches, nameOf, type ProfileQuery, type Tracked } from './tracked.ts'

/** As many as the sensor has: it has the cap, and says `evicted`. */
export class LiveProfiles {
  readonly #settings: () => DaemonSettings
  readonly #byNumber = new Map<number, Tracked>()

  constructor(settings: () => DaemonSettings) {
    this.#settings = settings
  }

  get(profile: number): Tracked | undefined {
    return this.#byNumber.get(profile)
  }

  add(tracked: Tracked): void {
    this.#byNumber.set(tracked.id, tracked)
  }

  delete(tracked: Tracked): void {
    this.#byNumber.delete(tracked.id)
  }

  clear(): void {
    this.#byNumber.clear()
  }

  list(): Tracked[] {
    return [...this.#byNumber.values()]
  }

  nameOf(tracked: Tracked): string {
    return nameOf(keyOf(tracked, this.#settings().window))
  }

  /** The names of them all, as the store has them. */
  names(): Set<string> {
    return new Set(this.list().map((tracked) => this.nameOf(tracked)))
  }

  /**
   * The profiles of one key, this one among them, the one with most calls first: one path and content may be several
   * files (mount namespaces).
   */
  instances(tracked: Tracked): Tracked[] {
    if (!tracked.file) return [tracked]
    const { path, abi } = tracked.executable
    const { sha256 } = tracked.file
    // The window is every live profile's. No names are made: each save asks this of a thousand.
    return this.list()
      .filter(
        ({ executable, file }) =>
          executable.path === path && executable.abi === abi && file?.sha256 === sha256,
      )
      .sort((a, b) => (b.counters?.calls ?? 0) - (a.counters?.calls ?? 0))
  }

  /** The profiles of a binary: by its path, or the last part of it where that is one program only. */
  find(query: ProfileQuery): Tracked[] {
    if (query.window !== undefined && query.window !== this.#settings().window) return []
    const found = this.list().filter(({ executable, file }) =>
      matches(query, executable.path, executable.abi, file?.sha256 ?? ''),
    )
    const paths = [...new Set(found.map(({ executable }) => executable.path))]
    if (paths.length > 1)
      throw new DaemonError(`"${query.binary}" could be ${paths.sort().join(' or ')}: give the whole path`)
    return found
  }
}
