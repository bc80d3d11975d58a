/**
 * The kernel sensor as the daemon has it: over a Unix socket to the process that has the privileges. It reconnects for
 * ever; after a loss the sensor's own `profile` events, flagged `known`, say what it still has.
 */
import { connect, type Socket } from 'node:net'
import {
  ANSWER_LIMIT,
  encodeFrame,
  type Frame,
  FrameReader,
  FrameType,
  packTables,
  type TablesHead,
  unpackTables,
} from './frames.ts'
import type {
  ProcessState,
  ProfileTables,
  ProfileVerb,
  SavedProfile,
  Sensor,
  SensorEvent,
  SensorSettings,
} from './interface.ts'

export interface SensorClientOptions {
  log?: (line: string) => void
  /** Longest pause between two attempts to connect, ms. */
  longestPauseMs?: number
}

interface Waiting {
  resolve(frame: { value: unknown; binary: Buffer }): void
  reject(error: Error): void
}

const FIRST_PAUSE_MS = 50

/** The sensor cannot be asked now. */
export class SensorGoneError extends Error {
  constructor(why: string) {
    super(`the sensor is not there: ${why}`)
    this.name = 'SensorGoneError'
  }
}

/** The sensor is there, and cannot watch: asking again would bring the same answer. */
export class SensorRefusedError extends Error {
  /** "Degraded": the rest of the host works. */
  readonly exit = 4

  constructor(why: string) {
    super(`the sensor cannot watch: ${why}: lymph doctor says more; --no-sensor goes without`)
    this.name = 'SensorRefusedError'
  }
}

export class SensorClient implements Sensor {
  readonly kind = 'kernel'
  readonly #path: string
  readonly #log: (line: string) => void
  readonly #longestPause: number
  #listener: (event: SensorEvent) => void = () => {}
  #socket: Socket | undefined
  #settings: SensorSettings | undefined
  #waiting = new Map<number, Waiting>()
  #lastId = 0
  #pause = FIRST_PAUSE_MS
  #retry: NodeJS.Timeout | undefined
  #ready = false
  #stopped = false
  #firstStart: { saved: SavedProfile[]; resolve(): void; reject(error: Error): void } | undefined

  constructor(path: string, options: SensorClientOptions = {}) {
    this.#path = path
    this.#log = options.log ?? (() => {})
    this.#longestPause = options.longestPauseMs ?? 2000
  }

  /** Calls are being watched, and the sensor can be asked. */
  get connected(): boolean {
    return this.#ready
  }

  onEvent(listener: (event: SensorEvent) => void): void {
    this.#listener = listener
  }

  /**
   * Resolves at the first success; one not there yet is waited for.
   * @throws SensorRefusedError with its reason
   */
  start(settings: SensorSettings, saved: SavedProfile[]): Promise<void> {
    if (this.#settings) return Promise.reject(new Error('the client has been started already'))
    this.#settings = settings
    return new Promise((resolve, reject) => {
      this.#firstStart = { saved, resolve, reject }
      this.#connect()
    })
  }

  #connect(): void {
    if (this.#stopped) return
    const socket = connect(this.#path)
    const reader = new FrameReader(ANSWER_LIMIT)
    let reason = 'it closed the connection'
    socket.on('connect', () => {
      this.#socket = socket
      void this.#begin(socket)
    })
    socket.on('data', (chunk) => {
      try {
        for (const frame of reader.push(chunk)) this.#take(frame)
      } catch (error) {
        reason = (error as Error).message
        socket.destroy()
      }
    })
    socket.on('error', (error) => {
      reason = error.message
    })
    socket.on('close', () => this.#lost(socket, reason))
  }

  async #begin(socket: Socket): Promise<void> {
    const first = this.#firstStart
    try {
      // What was saved goes with the first start only: a sensor that lived on has newer tables, and a new one gets
      // them from whoever listens, profile by profile.
      const sent = (first?.saved ?? []).map(({ executable, file, tables, delayUnitMs }) => {
        const { head, binary } = packTables(tables)
        return this.#ask({ do: 'saved', executable, file, tables: head, delayUnitMs }, binary)
      })
      const results = await Promise.allSettled(sent)
      for (const result of results)
        if (result.status === 'rejected') this.#log(`a saved profile was refused: ${result.reason.message}`)
      await this.#ask({ do: 'start', settings: this.#settings })
    } catch (error) {
      if (socket.destroyed) return
      this.#log(`the sensor does not start: ${(error as Error).message}`)
      if (first) {
        this.#firstStart = undefined
        this.#stopped = true
        first.reject(new SensorRefusedError((error as Error).message))
      }
      socket.destroy()
      return
    }
    this.#ready = true
    this.#pause = FIRST_PAUSE_MS
    this.#firstStart = undefined
    first?.resolve()
  }

  #lost(socket: Socket, reason: string): void {
    if (this.#socket === socket) {
      this.#socket = undefined
      const { size } = this.#waiting
      for (const { reject } of this.#waiting.values()) reject(new SensorGoneError(reason))
      this.#waiting = new Map()
      if (this.#ready && !this.#stopped) {
        this.#log(`the sensor is gone (${reason}); ${size} questions are open; trying again`)
        this.#ready = false
        this.#listener({ type: 'gone', reason })
      }
    }
    if (this.#stopped) return
    this.#retry = setTimeout(() => this.#connect(), this.#pause)
    this.#pause = Math.min(2 * this.#pause, this.#longestPause)
  }

  #take({ type, json, binary }: Frame): void {
    if (type === FrameType.events) {
      for (const event of json as SensorEvent[]) {
        if (event.type === 'evicted')
          this.#listener({ ...event, tables: unpackTables(event.tables as unknown as TablesHead, binary) })
        else this.#listener(event)
      }
      return
    }
    const { id, value, error } = json as { id: number; value?: unknown; error?: string }
    const waiting = this.#waiting.get(id)
    if (!waiting) return
    this.#waiting.delete(id)
    if (error !== undefined) waiting.reject(new Error(error))
    else waiting.resolve({ value, binary })
  }

  #ask(request: Record<string, unknown>, binary?: Uint8Array): Promise<{ value: unknown; binary: Buffer }> {
    const socket = this.#socket
    if (!socket) return Promise.reject(new SensorGoneError(`nothing listens at ${this.#path}`))
    const id = ++this.#lastId
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject })
      socket.write(encodeFrame(FrameType.request, { id, ...request }, binary))
    })
  }

  async configure(settings: SensorSettings): Promise<void> {
    this.#settings = settings
    await this.#ask({ do: 'configure', settings })
  }

  async load(profile: number, tables: ProfileTables): Promise<void> {
    const { head, binary } = packTables(tables)
    await this.#ask({ do: 'load', profile, tables: head }, binary)
  }

  async tables(profile: number): Promise<ProfileTables> {
    const { value, binary } = await this.#ask({ do: 'tables', profile })
    return unpackTables(value as TablesHead, binary)
  }

  async act(profile: number, verb: ProfileVerb, lastModified?: number): Promise<boolean> {
    const guard = lastModified === undefined ? {} : { lastModified }
    return (await this.#ask({ do: 'act', profile, verb, ...guard })).value as boolean
  }

  async respond(profile: number, delayUnitMs: number): Promise<void> {
    await this.#ask({ do: 'respond', profile, delayUnitMs })
  }

  async slots(profile: number, version: number, slots: Uint32Array): Promise<boolean> {
    const bytes = new Uint8Array(slots.buffer, slots.byteOffset, slots.byteLength)
    return (await this.#ask({ do: 'slots', profile, version }, bytes)).value as boolean
  }

  async processes(): Promise<ProcessState[]> {
    return (await this.#ask({ do: 'processes' })).value as ProcessState[]
  }

  /** Kernel time per run in `SensorTotals`, from now on. Measuring costs. */
  async measure(on: boolean): Promise<void> {
    await this.#ask({ do: 'measure', on })
  }

  /** The sensor continues whatever it delays when its daemon leaves; it goes on learning. */
  async stop(): Promise<void> {
    this.#stopped = true
    this.#ready = false
    clearTimeout(this.#retry)
    this.#firstStart?.reject(new SensorGoneError('it was given up before it came'))
    this.#firstStart = undefined
    const socket = this.#socket
    if (!socket || socket.destroyed) return
    await new Promise<void>((resolve) => {
      socket.once('close', () => resolve())
      socket.destroy()
    })
  }
}
