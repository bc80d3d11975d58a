/** The daemon as a process: opens the host, gives up root once everything is loaded, serves the API until it is told to stop. */
import { createReadStream, writeFileSync, writeSync } from 'node:fs'
import { SensorClient } from '#sensor'
import { serveApi } from './api.ts'
import { readConfig } from './config.ts'
import { exitOf, oneLine } from './errors.ts'
import { Host } from './host.ts'
import { openMessages } from './messages.ts'
import { daemonUser, prepareState, stateNames } from './state-folder.ts'

export interface DaemonOptions {
  state: string
  listen?: string[] | undefined
  host?: string | undefined
  /** Whether to connect to the sensor's socket. */
  sensor: boolean
  /** Run as this user where started as root. */
  user?: string | undefined
  /** Where `up` is told what happens, and whose end means that it died. */
  supervisorFd?: number | undefined
  configFile?: string | undefined
}

/** Runs until SIGTERM, SIGINT or the end of `up`. @returns the exit code */
export async function runDaemon(options: DaemonOptions): Promise<number> {
  const tell = (note: Record<string, unknown>): void => {
    if (options.supervisorFd === undefined)
      process.stdout.write(`${note['say'] ?? note['fatal'] ?? 'ready'}\n`)
    else
      try {
        writeSync(options.supervisorFd, `${JSON.stringify(note)}\n`)
      } catch {
        // `up` is gone; its end is noticed below.
      }
  }
  const stop = Promise.withResolvers<void>()
  try {
    const config = readConfig(options.configFile)
    // All paths are relative from here: a long state path still gives a short socket path, and the folders above it
    // need not be open to the daemon's user.
    process.chdir(prepareState(options.state))
    dropPrivileges()
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => stop.resolve())
    if (options.supervisorFd !== undefined) {
      const end = createReadStream('', { fd: options.supervisorFd, autoClose: false })
      for (const event of ['end', 'error', 'close']) end.on(event, () => stop.resolve())
      end.resume()
    }
    const messages = openMessages(config.settings.logLevel, `${stateNames.log}/lymph.log`)
    const sensor = options.sensor
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
    tell({ fatal: oneLine(error), exit: exitOf(error) })
    return exitOf(error)
  }
}

/** From root to the daemon's user, for good. Everything the daemon runs has been loaded by now. */
function dropPrivileges(): void {
  const user = daemonUser()
  if (!user) return
  process.setgroups?.([user.gid])
  process.setgid?.(user.gid)
  process.setuid?.(user.uid)
}
