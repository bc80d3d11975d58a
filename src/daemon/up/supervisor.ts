/**
 * `lymph up`: starts the sensor and the daemon, starts them again when they die, and continues whoever a dead sensor
 * left stopped. It has no network and no store, and trusts neither child: what they say is printed, no more.
 */
import { renameSync, rmSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join, resolve } from 'node:path'
import { inspectKernel } from '#sensor'
import { AgentSchedule } from '../agent/schedule.ts'
import { readConfig } from '../config.ts'
import { DaemonError, oneLine } from '../errors.ts'
import { claimState, prepareState, reasonOf, stateNames } from '../state-folder.ts'
import type { Child } from './child.ts'
import { daemonChild } from './daemon-child.ts'
import { SensorChild } from './sensor-child.ts'

export interface UpOptions {
  state: string
  listen?: string[]
  host?: string
  /** False: the daemon alone, even as root. */
  sensor: boolean
  configFile?: string
  /** Takes one line for the person who started it. */
  say: (line: string) => void
}

const daemonPatienceMs = 10_000
const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/**
 * Runs this host until a signal.
 * @returns the exit code
 * @throws DaemonError where the state folder or the config cannot be used, or the daemon says that it cannot go on
 */
export async function runUp(options: UpOptions): Promise<number> {
  const config = readConfig(options.configFile)
  for (const address of options.listen ?? []) checkListen(address)
  const state = prepareState(options.state)
  const claims = [claimState(state)]
  const { promise: finished, resolve: finish, reject: fail } = Promise.withResolvers<number>()
  const onSignal = (signal: NodeJS.Signals) => {
    if (!ending) options.say(`ends: ${signal}`)
    ending = true
    finish(0)
  }
  let ending = false
  for (const signal of signals) process.on(signal, onSignal)
  let sensor: SensorChild | undefined
  let daemon: Child | undefined
  let replacing = Promise.resolve()
  const agent = new AgentSchedule({
    state,
    config: config.agent,
    host: options.host ?? config.host ?? hostname(),
    say: options.say,
    ...(options.configFile === undefined ? {} : { configFile: resolve(options.configFile) }),
  })
  let wasReady = false
  const startDaemon = (sensed: boolean) => {
    daemon = daemonChild({
      ...options,
      state,
      sensed,
      onReady() {
        options.say(wasReady ? 'daemon is back' : 'ready')
        wasReady = true
      },
      onDied: () => agent.returnAll('the daemon died'),
      onFatal: fail,
    })
    daemon.start()
  }
  /** A daemon that waits for a sensor would wait for ever. */
  const goOnWithout = () => {
    replacing = replacing.then(async () => {
      await daemon?.stop(daemonPatienceMs)
      if (!ending) startDaemon(false)
    })
  }
  try {
    if (options.sensor && (await canSense(options.say))) {
      claims.push(claimState(state, stateNames.sensorFile))
      const neverDelay = writeNeverDelay(state, config.neverDelay)
      sensor = new SensorChild({
        state,
        neverDelay,
        say: options.say,
        onDied: () => agent.returnAll('the sensor died'),
        onRefused: goOnWithout,
      })
    }
    agent.start()
    sensor?.start()
    startDaemon(sensor !== undefined)
    return await finished
  } finally {
    ending = true
    try {
      await agent.stop()
      await replacing
      await daemon?.stop(daemonPatienceMs)
      await sensor?.stop()
    } finally {
      for (const signal of signals) process.off(signal, onSignal)
      for (const claim of claims) claim.release()
    }
  }
}

/** What the mesh would refuse as soon as there is one; a host without one would not say it for weeks. */
function checkListen(address: string): void {
  if (!/^\/(ip4|ip6|dns|dns4|dns6)\/[^/\s]+\/tcp\/\d{1,5}(\/|$)/.test(address))
    throw new DaemonError(
      `--listen ${address}: it is not an address to listen on: write it as /ip4/0.0.0.0/tcp/7946`,
    )
}

async function canSense(say: (line: string) => void): Promise<boolean> {
  if (process.getuid?.() !== 0) {
    say(
      'no sensor: run as root for the kernel sensor; lymph doctor says more; lymph watch -- COMMAND works without',
    )
    return false
  }
  const { ok, problems } = await inspectKernel()
  for (const { what, why, fix } of problems) say(oneLine(`no sensor: ${what}: ${why}: ${fix}`))
  return ok
}

/** @returns the path of a file of root's, as the sensor wants it: a path a line */
function writeNeverDelay(state: string, paths: string[]): string {
  const file = join(state, 'never-delay')
  try {
    rmSync(`${file}.new`, { force: true })
    writeFileSync(`${file}.new`, paths.map((path) => `${path}\n`).join(''), { mode: 0o600, flag: 'wx' })
    renameSync(`${file}.new`, file)
  } catch (error) {
    throw new DaemonError(`state folder ${state}: ${reasonOf(error)}: make room or let root write there`)
  }
  return file
}
