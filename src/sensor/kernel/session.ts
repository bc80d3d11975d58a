/** One daemon's connection: its requests are answered, the sensor's events are sent to it. */
import type { Socket } from 'node:net'
import {
  encodeFrame,
  type Frame,
  FrameError,
  FrameReader,
  FrameType,
  packTables,
  REQUEST_LIMIT,
  unpackTables,
} from '../frames.ts'
import type { ProfileTables, SavedProfile, SensorEvent, SensorSettings } from '../interface.ts'
import type { KernelSensor } from './sensor.ts'
import {
  executableFrom,
  fileFrom,
  milliseconds,
  object,
  settingsFrom,
  slotsFrom,
  tablesFrom,
  verbFrom,
  whole,
} from './validate.ts'

/** Beyond this the daemon is too slow: single findings are dropped, and counted; their counts are in the tables. */
const SLOW_BYTES = 8 << 20
/** Beyond this it does not read at all. */
const STUCK_BYTES = 64 << 20
const EVENTS_A_FRAME = 2000
/** A host's profiles, sent before `start`. */
const SAVED_LIMIT = 65_536

interface Answer {
  value: unknown
  binary?: Buffer
}

/** What a connection asks of the sensor it belongs to. */
export interface SessionHost {
  say: (line: string) => void
  readonly sensor: KernelSensor
  /** The daemon says how to watch, and what it had saved. */
  begin(settings: SensorSettings, saved: SavedProfile[], session: Session): Promise<void>
  load(profile: number, tables: ProfileTables): Promise<void>
}

export class Session {
  readonly #socket: Socket
  readonly #host: SessionHost
  readonly #reader = new FrameReader(REQUEST_LIMIT)
  #saved: SavedProfile[] = []
  #queue: SensorEvent[] = []
  #flushing = false
  #started = false
  #work: Promise<void> = Promise.resolve()
  /** Events this daemon was too slow for. */
  dropped = 0

  constructor(socket: Socket, host: SessionHost) {
    this.#socket = socket
    this.#host = host
    socket.on('data', (chunk) => this.#read(chunk))
    socket.on('error', () => socket.destroy())
  }

  close(): void {
    this.#socket.destroy()
  }

  /** It has been told of everything that there was; now it gets what happens. */
  get started(): boolean {
    return this.#started
  }

  send(event: SensorEvent): void {
    if (!this.#started || this.#socket.destroyed) return
    const waiting = this.#socket.writableLength
    if (waiting > STUCK_BYTES) {
      this.#host.say(`the daemon has not read for ${waiting} bytes; its connection is closed`)
      this.#socket.destroy()
      return
    }
    if (
      waiting > SLOW_BYTES &&
      (event.type === 'novelty' || event.type === 'anomaly' || event.type === 'unit')
    ) {
      this.dropped++
      return
    }
    this.#queue.push(event)
    if (this.#flushing) return
    this.#flushing = true
    setImmediate(() => this.#flush())
  }

  #flush(): void {
    this.#flushing = false
    const queue = this.#queue
    this.#queue = []
    let batch: SensorEvent[] = []
    const write = () => {
      if (batch.length > 0) this.#socket.write(encodeFrame(FrameType.events, batch))
      batch = []
    }
    for (const event of queue) {
      if (event.type === 'evicted') {
        // Rows are binary: such an event has a frame of its own.
        write()
        const { head, binary } = packTables(event.tables)
        this.#socket.write(encodeFrame(FrameType.events, [{ ...event, tables: head }], binary))
      } else if (batch.push(event) >= EVENTS_A_FRAME) write()
    }
    write()
  }

  #read(chunk: Buffer): void {
    try {
      for (const frame of this.#reader.push(chunk)) this.#work = this.#work.then(() => this.#answer(frame))
    } catch (error) {
      this.#host.say(`the daemon sent what is no frame: ${(error as Error).message}`)
      this.#socket.destroy()
    }
  }

  async #answer(frame: Frame): Promise<void> {
    let id = 0
    let answer: Buffer
    try {
      if (frame.type !== FrameType.request) throw new FrameError(`a frame of type ${frame.type}`)
      const request = object(frame.json, 'a request')
      id = whole(request, 'id', 1, Number.MAX_SAFE_INTEGER)
      const { value, binary } = await this.#do(request, frame.binary)
      answer = encodeFrame(FrameType.answer, { id, value }, binary)
    } catch (error) {
      answer = encodeFrame(FrameType.answer, { id, error: (error as Error).message })
    }
    // Events that were told of before come before the answer.
    this.#flush()
    if (!this.#socket.destroyed) this.#socket.write(answer)
  }

  async #do(request: Record<string, unknown>, binary: Buffer): Promise<Answer> {
    const { sensor } = this.#host
    const profile = () => whole(request, 'profile', 1, 0xffff)
    switch (request.do) {
      case 'saved': {
        if (this.#saved.length >= SAVED_LIMIT) throw new FrameError(`more than ${SAVED_LIMIT} saved profiles`)
        this.#saved.push({
          executable: executableFrom(request.executable),
          file: fileFrom(request.file),
          tables: unpackTables(tablesFrom(request.tables), binary),
          delayUnitMs: milliseconds(request, 'delayUnitMs'),
        })
        return { value: true }
      }
      case 'start': {
        const settings = settingsFrom(request.settings)
        const saved = this.#saved
        this.#saved = []
        this.#started = true
        await this.#host.begin(settings, saved, this)
        return { value: true }
      }
      case 'configure':
        await sensor.configure(settingsFrom(request.settings))
        return { value: true }
      case 'load':
        await this.#host.load(profile(), unpackTables(tablesFrom(request.tables), binary))
        return { value: true }
      case 'tables': {
        const packed = packTables(await sensor.tables(profile()))
        return { value: packed.head, binary: packed.binary }
      }
      case 'act': {
        const last = request.lastModified === undefined ? undefined : milliseconds(request, 'lastModified')
        return { value: await sensor.act(profile(), verbFrom(request), last) }
      }
      case 'respond':
        await sensor.respond(profile(), milliseconds(request, 'delayUnitMs'))
        return { value: true }
      case 'slots':
        return {
          value: await sensor.slots(profile(), whole(request, 'version', 0, 0xffff_ffff), slotsFrom(binary)),
        }
      case 'processes':
        return { value: await sensor.processes() }
      case 'measure':
        sensor.measure(request.on === true)
        return { value: true }
      default:
        throw new FrameError('no such request')
    }
  }
}
