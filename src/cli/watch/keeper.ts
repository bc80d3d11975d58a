/** Where the profiles of a watched command come from and go to: the daemon, or the state folder while none runs. */
import {
  actOnRecord,
  changeSetting,
  DEFAULT_SETTINGS,
  decodeProfile,
  encodeProfile,
  type ProfileRecord,
  type Settings,
  settingName,
} from '#homeostasis'
import type { AnomalyEvent, Executable, FileIdentity } from '#sensor'
import { isAbsent } from '../api.ts'
import type { Context } from '../context.ts'
import { CommandError, exitCodes, lineOf } from '../errors.ts'
import { plain } from '../format.ts'
import { inState, SavedProfiles } from '../saved.ts'
import type { ProfileLine } from '../shapes.ts'

export interface Keeper {
  settings: Settings
  saved(executable: Executable, file: FileIdentity | undefined): Promise<ProfileRecord | undefined>
  keep(records: ProfileRecord[], normalize: boolean): Promise<void>
  /** Tells of anomalies; what became of them, where someone could be told. */
  tell(anomalies: (AnomalyEvent & { binary: string })[], records: ProfileRecord[]): Promise<unknown>
}

export async function openKeeper(context: Context): Promise<Keeper> {
  try {
    const named = await context.api.get<Record<string, string | number>>('/settings')
    return withDaemon(context, settingsOf(named))
  } catch (error) {
    if (!isAbsent(error)) throw error
  }
  if (context.config === undefined) return withFolder(context, { ...DEFAULT_SETTINGS })
  const { readConfig } = await import('#daemon')
  return withFolder(context, readConfig(context.config).settings)
}

/** The daemon has settings of its own beside pH's. */
function settingsOf(named: Record<string, string | number>): Settings {
  let settings: Settings = { ...DEFAULT_SETTINGS }
  for (const key of Object.keys(DEFAULT_SETTINGS) as (keyof Settings)[]) {
    const value = named[settingName(key)]
    if (value !== undefined) settings = changeSetting(settings, key, value)
  }
  return settings
}

function withDaemon({ api }: Context, settings: Settings): Keeper {
  let known: Promise<ProfileLine[]> | undefined
  return {
    settings,
    async saved(executable, file) {
      known ??= api.get<ProfileLine[]>('/profiles')
      const { path: binary, abi } = executable
      const line = (await known).find(
        (profile) =>
          profile.binary === binary &&
          profile.abi === abi &&
          profile.window === settings.window &&
          profile.sha256 === (file?.sha256 ?? ''),
      )
      if (!line) return undefined
      const { sha256, window } = line
      const body = await api.getBytes('/profiles/body', { binary, abi, sha256: sha256 || undefined, window })
      return decodeProfile(body)
    },
    async keep(records, normalize) {
      for (const record of records) {
        await api.postBytes('/profiles/import', encodeProfile(record))
        const { binary, abi, sha256 } = record.key
        if (normalize)
          await api.post('/profiles/act', { binary, verb: 'normalize', abi, ...(sha256 ? { sha256 } : {}) })
      }
    },
    async tell(anomalies, records) {
      if (anomalies.length === 0) return undefined
      const keys = new Map(records.map(({ key }) => [key.binary, key]))
      const lines = anomalies.map((anomaly) => JSON.stringify({ ...anomaly, ...keys.get(anomaly.binary) }))
      const answer = await api.postBytes<{ incidents?: unknown } | undefined>(
        '/watch',
        new TextEncoder().encode(`${lines.join('\n')}\n`),
        {},
        'application/x-ndjson',
      )
      return answer?.incidents
    },
  }
}

function withFolder(context: Context, settings: Settings): Keeper {
  const folder = new SavedProfiles(context.state)
  return {
    settings,
    async saved(executable, file) {
      let record: ProfileRecord | undefined
      try {
        record = folder.read(executable.path)
      } catch (error) {
        // Kept aside when the new one is saved.
        process.stderr.write(`lymph watch: ${plain(lineOf(error))}: learning anew\n`)
        return undefined
      }
      const same = record?.key.abi === executable.abi && record.key.sha256 === (file?.sha256 ?? '')
      return same ? record : undefined
    },
    async keep(records, normalize) {
      if (records.length === 0) return
      await inState(context, () => {
        for (const record of records)
          folder.write(normalize ? actOnRecord(record, 'normalize', record.made) : record)
      }).catch((error: unknown) => {
        throw new CommandError(lineOf(error), exitCodes.degraded)
      })
    },
    tell: () => Promise.resolve(undefined),
  }
}
