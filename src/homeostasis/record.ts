import { countsAlone, type JudgementBody } from './judgement/index.ts'
import type { PairTable } from './pairs.ts'
import { Profile } from './profile.ts'
import { DEFAULT_SETTINGS } from './settings.ts'
import type { PairSupport } from './support.ts'
import { tableFrom } from './tables.ts'
import type { EmptyRule, OperatorVerb, ProfileKey, ProfileTables, Response, Settings } from './types.ts'

/** Everything a profile file holds. Times in ms since the epoch. */
export interface ProfileRecord {
  key: ProfileKey
  empty: EmptyRule
  tables: ProfileTables
  frozen: boolean
  normalTime: number
  /** When learning began. */
  since: number
  /** When this record was made. */
  made: number
  /** Absent: the default response. */
  response?: Response
  /** Names of call numbers 512 and up. */
  names: ReadonlyMap<number, string>
  /** Where it comes from, in words: at most 32 entries, e.g. `package: less 590-2.1`. */
  about: Readonly<Record<string, string>>
  /** For pairs of the training table, by `pairCode`; those that are absent have none. */
  support?: ReadonlyMap<number, PairSupport>
  /** What units are judged by on this host; `judgementFrom` makes it live. Of no use elsewhere. */
  judgement?: JudgementBody
}

/** A profile as a record; `since` and `about` are what the profile itself does not know. */
export function recordOf(
  profile: Profile,
  times: { since: number; made: number },
  about: Record<string, string> = {},
): ProfileRecord {
  return {
    key: profile.key,
    empty: profile.empty,
    tables: profile.toTables(),
    frozen: profile.frozen,
    normalTime: profile.normalTime,
    ...times,
    ...(profile.response === undefined ? {} : { response: profile.response }),
    names: new Map(profile.names),
    about,
  }
}

/** The profile a record is of, to go on learning. Its EMPTY rule and window are the record's, the rest `settings`. */
export function profileFrom(record: ProfileRecord, settings: Settings): Profile {
  const profile = Profile.fromTables(record.key, record.tables, { ...settings, empty: record.empty })
  profile.frozen = record.frozen
  profile.normalTime = record.normalTime
  profile.response = record.response
  for (const [call, name] of record.names) profile.names.set(call, name)
  return profile
}

/** One of the operator's verbs done to a record, as to a profile that runs; `reset` begins anew at `now`. */
export function actOnRecord(record: ProfileRecord, verb: OperatorVerb, now: number): ProfileRecord {
  const profile = profileFrom(record, { ...DEFAULT_SETTINGS })
  profile.act(verb)
  const since = verb === 'reset' ? now : record.since
  const { support, judgement, ...rest } = record
  const changed = { ...rest, ...recordOf(profile, { since, made: now }, { ...record.about }) }
  if (verb !== 'normalize' && verb !== 'tolerize') return changed
  // Support is of training's pairs, and judgement of what was learned with them: they go together.
  return { ...changed, ...(support ? { support } : {}), ...(judgement ? { judgement } : {}) }
}

/** A record as other hosts may have it: of its judgement the counts alone. */
export function sharedRecord(record: ProfileRecord): ProfileRecord {
  const { judgement, ...rest } = record
  return judgement ? { ...rest, judgement: countsAlone(judgement) } : rest
}

/** The table that is in force: test of a normal profile, else what was learned. */
export function tableInForce(record: ProfileRecord): PairTable {
  return tableFrom(record.tables.rows, record.tables.normal ? 'test' : 'train')
}
