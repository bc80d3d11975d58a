/** The daemon as a process: opens the host, gives up root once everything is loaded, serves the API until it is told to stop. */
import { writeFileSync } from 'node:fs'
import module from 'node:module'
import { Socket } from 'node:net'
import { SensorClient, SensorGoneError, SensorRefusedError } from '#sensor'
import { serveApi } from '../api.ts'
import { readConfig } from '../config.ts'
import { exitOf, oneLine } from '../errors.ts'
import { Host } from '../host.ts'
import { openMessages } from '../messages.ts'
import { daemonUser, prepareState, stateNames } from '../state-folder.ts'

export interface DaemonOptions {
  state: string
  listen?: string[] | undefined
  host?: string | undefined
  /** Whether to connect to the sensor's socket. */
  sensor: boolean
  /** Where `up` is told what happens, and whose end means that it died. */
  supervisorFd?: number | undefined
  configFile?: string | undefined
}

/** What `up` is told, a line of JSON each. */
interface Note {
  ready?: true
  sensor?: string
  fatal?: string
  exit?: number
  sensorRefused?: true
}

/** Runs until SIGTERM, SIGINT or the end of `up`. @returns the exit code */
export async function runDaemon(options: DaemonOptions): Promise<number> {
  // A socket and not a file: a file's pending read would hold the process when it is to end.
  const up =
    options.supervisorFd === undefined
      ? undefined
      : new Socket({ fd: options.supervisorFd, readable: true, writable: true })
  const tell = (note: Note): void => {
    if (up) up.write(`${JSON.stringify(note)}\n`)
    else if (note.ready) process.stdout.write('ready\n')
    else if (note.fatal !== undefined) process.stderr.write(`error: lymph daemon: ${note.fatal}\n`)
  }
  const stop = Promise.withResolvers<void>()
  let stopped = false
  let sensor: SensorClient | undefined
  // A sensor that does not come is waited for no longer.
  const halt = () => {
    stopped = true
    stop.resolve()
    if (sensor && !sensor.connected) void sensor.stop()
  }
  try {
    const config = readConfig(options.configFile)
    // All paths are relative from here: a long state path still gives a short socket path, and the folders above it
    // need not be open to the daemon's user.
    process.chdir(prepareState(options.state))
    dropPrivileges()
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, halt)
    for (const event of ['end', 'error', 'close']) up?.on(event, halt)
    up?.resume()
    const messages = openMessages(config.settings.logLevel, `${stateNames.log}/lymph.log`)
    sensor = options.sensor
      ? new SensorClient(stateNames.sensorSocket, { log: (line) => messages.say(2, line) })
      : undefined
    const host = await Host.open({
      state: '.',
      config,
      name: options.host,
      listen: options.listen ?? config.listen,
      sensor,
      messages,
    })
    const api = await serveApi(host, stateNames.apiSocket)
    writeFileSync(stateNames.pidFile, `${process.pid}\n`)
    tell({ ready: true, sensor: sensor?.kind ?? 'none' })
    await stop.promise
    await api.close()
    await host.stop()
    messages.close()
    return 0
  } catch (error) {
    if (stopped && error instanceof SensorGoneError) return 0
    // `up` hears from the sensor itself that it cannot watch, and starts this one anew, without it.
    if (up && error instanceof SensorRefusedError) tell({ sensorRefused: true })
    else tell({ fatal: oneLine(error), exit: exitOf(error) })
    return exitOf(error)
  } finally {
    up?.end()
    up?.unref()
  }
}

/** From root to the daemon's user, for good. Everything the daemon runs has been loaded by now. */
function dropPrivileges(): void {
  const user = daemonUser()
  if (!user) return
  // Its user may not write to the checkout: what was compiled is kept now, for the next start.
  module.flushCompileCache()
  process.setgroups?.([user.gid, ...user.groups])
  process.setgid?.(user.gid)
  process.setuid?.(user.uid)
}
