import {
  addSupport,
  delayUnitMs,
  type LifeState,
  lifeStep,
  NEW_LIFE,
  ProfileFileError,
  type ProfileRecord,
  type ProfileTables,
  type Settings,
} from '#homeostasis'
import type {
  Executable,
  FileIdentity,
  ProfileCounters,
  SensorEvent,
  SensorSettings,
  SensorTotals,
} from '../interface.ts'
import { SoftwareSensor } from './sensor.ts'
import { type StraceOptions, StraceSource } from './strace.ts'

export interface WatchOptions extends StraceOptions {
  settings: Settings
  /** What is saved of a program; asked for once, before its first call. Its window must be the settings'. */
  saved?: (executable: Executable, file: FileIdentity | undefined) => Promise<ProfileRecord | undefined>
  onEvent?: (event: SensorEvent) => void
  /** ms since the epoch. */
  now?: () => number
}

export type AnomalyEvent = Extract<SensorEvent, { type: 'anomaly' }>

/** The most anomalies that are handed back; `anomalous` counts them all. */
const ANOMALIES_KEPT = 10_000

export interface WatchResult {
  /** The command's; 128 and the signal's number when a signal ended it. */
  exitCode: number
  /** Every program that ran, with what was saved and what it learned now. */
  profiles: ProfileRecord[]
  /** With the profile's binary; the first 10,000. */
  anomalies: (AnomalyEvent & { binary: string })[]
  anomalous: number
  /**
   * Why saved profiles were not gone on from: of another window (ProfileFileError), or what `saved` threw. Their
   * programs were learned anew, and are not among `profiles`, so that nothing saved is written over.
   */
  refused: Error[]
  totals: SensorTotals
}

interface Grown {
  executable: Executable
  file: FileIdentity | undefined
  life: LifeState
  saved: ProfileRecord | undefined
  since: number
}

/** What a sensor must know of pH's constants. */
export function sensorSettings(settings: Settings): SensorSettings {
  return {
    window: settings.window,
    anomalyLimit: settings.anomalyLimit,
    tolerizeLimit: settings.tolerizeLimit,
    localityWindow: settings.localityWindow,
    delayLimitMs: settings.delayLimit * 1000,
    defaultDelayUnitMs: settings.defaultResponse === 'delay' ? delayUnitMs(settings) : 0,
  }
}

/**
 * Runs a command under the software sensor, as the user who asks and without any privilege; the command keeps the
 * terminal. Profiles go on from what was saved: they freeze, become normal, and are tested as on a watched host.
 * Throws SoftwareSensorError when the command cannot be watched.
 */
export async function watchCommand(argv: readonly string[], options: WatchOptions): Promise<WatchResult> {
  const { settings, now = Date.now } = options
  const grown = new Map<number, Grown>()
  const anomalies: WatchResult['anomalies'] = []
  let anomalous = 0
  let totals: SensorTotals | undefined
  const waiting = new Map<string, ProfileRecord>()
  const nameOf = (executable: Executable) => `${executable.abi} ${executable.path} ${executable.inode}`
  const refused = new Map<string, Error>()
  let root = 0

  const lookup = async (
    executable: Executable,
    file: FileIdentity | undefined,
  ): Promise<ProfileTables | undefined> => {
    let record: ProfileRecord | undefined
    try {
      record = await options.saved?.(executable, file)
    } catch (error) {
      refused.set(nameOf(executable), error as Error)
    }
    if (!record) return undefined
    if (record.key.window !== settings.window) {
      const other = record.key.window
      refused.set(
        nameOf(executable),
        new ProfileFileError(
          'window',
          `the saved profile of ${executable.path} has windows of ${other} calls, and ${settings.window} are set: set window ${other}, or learn it anew`,
        ),
      )
      return undefined
    }
    waiting.set(nameOf(executable), record)
    return record.tables
  }

  const source = new StraceSource(argv, options)
  const sensor = new SoftwareSensor(source, { now, lookup })
  /** Freezes and makes normal, as whoever reads a sensor does once a second. */
  const live = (number: number, counters: ProfileCounters) => {
    const profile = grown.get(number)
    if (!profile) return
    if (profile.saved === undefined) {
      const saved = waiting.get(nameOf(profile.executable))
      if (saved) takeSaved(profile, saved, counters)
    }
    const step = lifeStep(profile.life, counters, settings, now())
    profile.life = step.state
    if (step.startNormal === undefined) return
    void sensor.act(number, 'normalize', step.startNormal).then((done) => {
      if (done) profile.life = NEW_LIFE
    })
  }
  const takeSaved = (profile: Grown, saved: ProfileRecord, counters: ProfileCounters) => {
    profile.saved = saved
    profile.since = saved.since
    // The table that froze is named by the call it last changed at; calls were counted on from the saved ones.
    const { calls, train } = saved.tables
    if (saved.frozen && counters.calls >= calls)
      profile.life = { frozen: true, normalTime: saved.normalTime, lastModified: calls - train.lastModCount }
  }

  sensor.onEvent((event) => {
    if (event.type === 'profile') {
      root ||= event.pid
      grown.set(event.profile, {
        executable: event.executable,
        file: undefined,
        life: NEW_LIFE,
        saved: undefined,
        since: event.at,
      })
    } else if (event.type === 'identity' || event.type === 'file-changed') {
      const profile = grown.get(event.profile)
      if (profile) profile.file = event.file
    } else if (event.type === 'anomaly') {
      anomalous++
      const binary = grown.get(event.profile)?.executable.path ?? ''
      if (anomalies.length < ANOMALIES_KEPT) anomalies.push({ ...event, binary })
    } else if (event.type === 'tick') {
      totals = event.totals
      for (const counters of event.counters) live(counters.profile, counters)
    }
    options.onEvent?.(event)
  })

  // Ctrl-C reaches the command by itself, and we end when it does. What is sent to us alone is passed on to it.
  const ignore = () => {}
  const pass = (signal: NodeJS.Signals) => {
    try {
      if (root > 0) process.kill(root, signal)
    } catch {
      // It has ended.
    }
  }
  process.on('SIGINT', ignore).on('SIGQUIT', ignore).on('SIGTERM', pass).on('SIGHUP', pass)
  try {
    await sensor.start(sensorSettings(settings), [])
    await sensor.ended()
    const exitCode = await source.exitCode()
    const profiles: ProfileRecord[] = []
    for (const [number, profile] of grown)
      if (!refused.has(nameOf(profile.executable)))
        profiles.push({
          ...recordFor(profile, await sensor.tables(number), settings, now()),
          support: addSupport(profile.saved?.support, sensor.support(number)),
        })
    return {
      exitCode,
      profiles,
      anomalies,
      anomalous,
      refused: [...refused.values()],
      totals: totals as SensorTotals,
    }
  } finally {
    process.off('SIGINT', ignore).off('SIGQUIT', ignore).off('SIGTERM', pass).off('SIGHUP', pass)
  }
}

function recordFor(profile: Grown, tables: ProfileTables, settings: Settings, made: number): ProfileRecord {
  const { executable, file, saved, life, since } = profile
  return {
    ...(saved ?? { about: {} }),
    key: {
      binary: executable.path,
      abi: executable.abi,
      window: settings.window,
      sha256: file?.sha256 ?? '',
    },
    empty: 'symbol',
    tables,
    frozen: life.frozen,
    normalTime: life.normalTime,
    since,
    made,
    names: saved?.names ?? new Map(),
  }
}
