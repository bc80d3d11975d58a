import { digestKey } from './digest.ts'
import type { Digest } from './types.ts'

export interface AnnounceSettings {
  /** A digest that changed in substance is told again after this at the earliest, in ms. */
  betweenMs: number
  /** How long a digest stands on the mesh; told again when half of it has gone. */
  ttlMs: number
  /** The whole host: so many a minute, so many at once. The mesh takes 60 and 600 from a host. */
  perMinute: number
  burst: number
}

export const announceDefaults: AnnounceSettings = {
  betweenMs: 10 * 60_000,
  ttlMs: 24 * 3_600_000,
  perMinute: 50,
  burst: 500,
}

/** What of a profile decides whether its digest is due. `binary` as digests name it. */
export type Announceable = Pick<
  Digest,
  'binary' | 'abi' | 'window' | 'sha256' | 'state' | 'pairs' | 'buildId' | 'package'
> & { sketch?: Pick<NonNullable<Digest['sketch']>, 'key'> }

interface Told {
  substance: string
  at: number
}

/**
 * Which digests to tell the mesh now. At once what is new to it; what changed in substance (state, content of the
 * file, number of pairs, package, secret of the mesh) at most once in ten minutes; everything once in twelve hours. What the host's rate leaves no
 * room for waits, those never told first, then those told longest ago. Pure; one entry a profile this host has.
 */
export class Announcer {
  readonly settings: AnnounceSettings
  readonly #told = new Map<string, Told>()
  #tokens: number
  #filled: number | undefined

  constructor(settings: Partial<AnnounceSettings> = {}) {
    this.settings = { ...announceDefaults, ...settings }
    this.#tokens = this.settings.burst
  }

  /**
   * @param profiles all that this host has now
   * @returns what to publish, and the keys of profiles that are no more
   */
  decide<Profile extends Announceable>(
    profiles: Iterable<Profile>,
    now: number,
  ): { publish: { key: string; profile: Profile }[]; clear: string[] } {
    this.#fill(now)
    const present = new Set<string>()
    const due: { key: string; profile: Profile; last: number }[] = []
    for (const profile of profiles) {
      const key = digestKey(profile)
      present.add(key)
      const told = this.#told.get(key)
      if (this.#isDue(told, profile, now))
        due.push({ key, profile, last: told?.at ?? Number.NEGATIVE_INFINITY })
    }
    const clear = [...this.#told.keys()].filter((key) => !present.has(key))
    due.sort((a, b) => (a.last === b.last ? 0 : a.last - b.last))
    return {
      publish: due.slice(0, Math.floor(this.#tokens)).map(({ key, profile }) => ({ key, profile })),
      clear,
    }
  }

  /** It was published. Only this takes from the rate: what failed is due still. */
  published(key: string, profile: Announceable, now: number): void {
    this.#tokens = Math.max(0, this.#tokens - 1)
    this.#told.set(key, { substance: substanceOf(profile), at: now })
  }

  /** Nothing counts as told any more. */
  forget(): void {
    this.#told.clear()
  }

  cleared(key: string): void {
    this.#told.delete(key)
  }

  #isDue(told: Told | undefined, profile: Announceable, now: number): boolean {
    if (!told) return true
    const age = now - told.at
    if (age >= this.settings.ttlMs / 2) return true
    return age >= this.settings.betweenMs && told.substance !== substanceOf(profile)
  }

  #fill(now: number): void {
    const { perMinute, burst } = this.settings
    const passed = Math.max(0, now - (this.#filled ?? now))
    this.#filled = now
    this.#tokens = Math.min(burst, this.#tokens + (passed * perMinute) / 60_000)
  }
}

const substanceOf = (profile: Announceable): string => {
  const { state, sha256, pairs, buildId = '', package: from, sketch } = profile
  return [state, sha256, pairs, buildId, from?.name ?? '', from?.version ?? '', sketch?.key ?? ''].join(' ')
}
