/** The sensor and whichever daemon listens to it: one at a time, none for a while, another after a restart. */
import { chmodSync, chownSync, rmSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import type { ProfileTables, SavedProfile, SensorEvent, SensorSettings } from '../interface.ts'
import { peerProcess } from './native.ts'
import type { KernelSensor } from './sensor.ts'
import { Session, type SessionHost } from './session.ts'
import { DEFAULT_SETTINGS } from './settings.ts'

/** A daemon that was told what a profile's file is has had time to load what it had saved. */
const LOADED_AFTER_MS = 5000
/** With no daemon by then, watching begins all the same: what is not seen is not learned. */
const ALONE_AFTER_MS = 5000

export interface HostOptions {
  sensor: KernelSensor
  socket: string
  owner?: { uid: number; gid: number }
  say: (line: string) => void
  /** It cannot watch, as `why` says; whoever asked has been answered by then. */
  onFailure: (why: string) => void
}

export class Host implements SessionHost {
  readonly sensor: KernelSensor
  readonly say: (line: string) => void
  readonly #options: HostOptions
  readonly #server: Server
  #session: Session | undefined
  /** Its process, which is never delayed. */
  #daemon: number | undefined
  #watching = false
  #alone: NodeJS.Timeout | undefined
  /** Profiles whose saved tables, if any, the sensor has. */
  readonly #current = new Set<number>()
  /** When this daemon was told of a profile's file. */
  readonly #told = new Map<number, number>()

  constructor(options: HostOptions) {
    this.#options = options
    this.sensor = options.sensor
    this.say = options.say
    this.#server = createServer((socket) => this.#connected(socket))
    this.sensor.onEvent((event) => this.#pass(event))
  }

  async listen(): Promise<void> {
    const { socket, owner } = this.#options
    rmSync(socket, { force: true })
    const mask = process.umask(0o177)
    try {
      await new Promise<void>((resolve, reject) => {
        this.#server.once('error', reject)
        this.#server.listen(socket, resolve)
      })
    } finally {
      process.umask(mask)
    }
    chmodSync(socket, 0o600)
    if (owner) chownSync(socket, owner.uid, owner.gid)
    this.#alone = setTimeout(
      // Why it failed is told by `onFailure`.
      () => void this.#watch(DEFAULT_SETTINGS, []).catch(() => {}),
      ALONE_AFTER_MS,
    )
  }

  async #watch(settings: SensorSettings, saved: SavedProfile[]): Promise<void> {
    clearTimeout(this.#alone)
    if (this.#watching) return
    this.#watching = true
    try {
      await this.sensor.start(settings, saved)
      this.say('watching')
    } catch (error) {
      this.#watching = false
      // After the answer to the daemon, which knows then that it need not wait.
      setTimeout(() => this.#options.onFailure((error as Error).message), 0)
      throw error
    }
  }

  #connected(socket: Socket): void {
    this.#session?.close()
    // Until this one has said how it wants to watch, nobody decides about delays.
    if (this.#watching) this.sensor.enableDelays(false)
    const session = new Session(socket, this)
    const pid = peerProcess(socket)
    this.#session = session
    this.#told.clear()
    this.say(`the daemon is here${pid ? ` (process ${pid})` : ''}`)
    if (pid && this.#watching) this.sensor.exempt(pid)
    socket.on('close', () => {
      if (pid && this.#watching) this.sensor.exempt(pid, false)
      if (this.#session !== session) return
      this.#session = undefined
      // Nobody decides now what is normal: nothing is held until somebody does.
      if (this.#watching) this.sensor.enableDelays(false)
      this.say('the daemon is gone; delays are off until one is back')
    })
    this.#daemon = pid
  }

  /** The daemon says how to watch, and what it had saved. */
  async begin(settings: SensorSettings, saved: SavedProfile[], session: Session): Promise<void> {
    if (!this.#watching) await this.#watch(settings, saved)
    else {
      await this.sensor.configure(settings)
      for (const profile of saved) {
        if (this.#isCurrent(profile)) continue
        const placed = this.sensor.place(profile)
        if (placed !== undefined) this.#current.add(placed)
      }
      for (const { profile, executable, file } of this.sensor.profiles()) {
        const known = this.#current.has(profile) ? ({ known: true } as const) : {}
        session.send({ type: 'profile', profile, executable, pid: 0, at: Date.now(), ...known })
        if (file) this.#pass({ type: 'identity', profile, file })
      }
    }
    if (this.#daemon) this.sensor.exempt(this.#daemon)
    if (this.#session === session) this.sensor.enableDelays(true)
  }

  /** The sensor has this profile, with tables newer than what was saved. */
  #isCurrent({ executable }: SavedProfile): boolean {
    const { path, interpreter, device, inode, generation, abi } = executable
    return this.sensor
      .profiles()
      .some(
        ({ profile, executable: there }) =>
          there.device === device &&
          there.inode === inode &&
          there.generation === generation &&
          there.abi === abi &&
          there.interpreter === interpreter &&
          (interpreter === undefined || there.path === path) &&
          this.#current.has(profile),
      )
  }

  async load(profile: number, tables: ProfileTables): Promise<void> {
    await this.sensor.load(profile, tables)
    this.#current.add(profile)
  }

  #pass(event: SensorEvent): void {
    const session = this.#session
    if (event.type === 'profile' && event.known) this.#current.add(event.profile)
    if (event.type === 'evicted') {
      this.#current.delete(event.profile)
      this.#told.delete(event.profile)
    }
    if (!session) return
    if (event.type === 'identity') this.#told.set(event.profile, Date.now())
    if (event.type === 'tick') {
      const now = Date.now()
      for (const [profile, at] of this.#told)
        if (now - at >= LOADED_AFTER_MS) {
          this.#told.delete(profile)
          this.#current.add(profile)
        }
      event.totals.lostEvents += session.dropped
    }
    session.send(event)
  }

  async close(): Promise<void> {
    clearTimeout(this.#alone)
    this.#server.close()
    if (this.#watching) await this.sensor.stop()
    this.#session?.close()
    rmSync(this.#options.socket, { force: true })
  }
}
