/** What this host remembers of itself: its journal, whose head the store keeps apart from the files, and its tolerances. */
import { join } from 'node:path'
import { type JournalEntry, type JournalHead, JournalWriter, type Tolerance } from '#incidents'
import type { SensorEvent } from '#sensor'
import type { Store } from '#store'
import { DaemonError, oneLine } from '../errors.ts'
import type { Messages } from '../messages.ts'
import type { ProfileSaves } from '../profiles/saves.ts'
import { stateNames } from '../state-folder.ts'
import { writeHead } from './head-file.ts'
import { ToleranceLink } from './tolerances.ts'

export interface RecordPorts {
  /** The state folder. */
  state: string
  store: Store
  saves: Pick<ProfileSaves, 'rows'>
  messages: Messages
  now: () => number
  /** What is tolerated of this binary has changed. */
  onTolerance: (binary: string) => void
}

/** Calls lost are told once in this time, so that a busy host does not write a record a second. */
const gapEveryMs = 60_000
const headName = 'head'

export class HostRecords {
  readonly #ports: RecordPorts
  readonly tolerances: ToleranceLink
  #journal: JournalWriter | undefined
  #lost = 0
  #toldAt = 0

  constructor(ports: RecordPorts) {
    this.#ports = ports
    this.tolerances = new ToleranceLink({
      saved: ports.store.records<Tolerance>('tolerances'),
      ...{ messages: ports.messages, now: ports.now, journal: this.tell, onChange: ports.onTolerance },
    })
  }

  async open(host: string, version: string): Promise<void> {
    const { state, store, messages, now } = this.#ports
    const heads = store.records<JournalHead>('journal-head')
    this.#journal = await JournalWriter.open({
      folder: join(state, stateNames.journal),
      keep: {
        read: () => heads.get(headName),
        write: async (head) => {
          await heads.put(headName, head)
          writeHead(state, head, now())
        },
      },
      now,
      say: (line) => messages.say(1, line),
    })
    this.tell({ kind: 'started', host, version })
    await this.tolerances.restore()
  }

  /** @throws DaemonError before it is open */
  get journal(): JournalWriter {
    if (this.#journal) return this.#journal
    throw new DaemonError('the journal is not open yet: try again in a moment', 4)
  }

  /** How far it reaches on the disk; undefined before it is open. */
  head(): JournalHead | undefined {
    return this.#journal?.head()
  }

  /** What a room tells of; never throws: a record that cannot be is said and left out. */
  readonly tell = (entry: JournalEntry): void => {
    try {
      this.#journal?.add(entry)
    } catch (error) {
      this.#ports.messages.say(1, `a record of kind ${entry.kind} is not in the journal: ${oneLine(error)}`)
    }
  }

  /** What of the sensor's events goes into the journal: files that are others than before, and what was not seen. */
  saw(event: SensorEvent, binary: string | undefined): void {
    if (event.type === 'tick') this.#lostUpTo(event.totals.lost)
    else if (event.type === 'gone') {
      this.#lost = 0
      const why = 'the sensor is gone: nothing is seen until it is back'
      this.tell({ kind: 'gap', what: 'sensor', why, lost: 0 })
    } else if (event.type === 'file-changed' && binary !== undefined)
      this.tell({ kind: 'binary', change: 'written-over', binary, sha256: event.file.sha256 })
    else if (event.type === 'identity' && binary !== undefined) this.#identified(binary, event.file.sha256)
  }

  /** Call it every second. */
  keepHouse(): void {
    this.tolerances.keepHouse()
    void this.#journal?.flush()
  }

  async close(): Promise<void> {
    await this.#journal?.close()
  }

  /** Another file stands where one was known. */
  #identified(binary: string, sha256: string): void {
    let before = ''
    for (const row of this.#ports.saves.rows.values()) {
      if (row.binary !== binary || row.sha256 === '') continue
      if (row.sha256 === sha256) return
      before = row.sha256
    }
    if (before !== '') this.tell({ kind: 'binary', change: 'changed', binary, sha256, before })
  }

  #lostUpTo(lost: number): void {
    const now = this.#ports.now()
    if (lost <= this.#lost || now - this.#toldAt < gapEveryMs) return
    const since = this.#toldAt > 0 ? { since: this.#toldAt } : {}
    const why = 'calls came faster than they could be taken'
    this.tell({ kind: 'gap', what: 'sensor', why, lost: lost - this.#lost, ...since })
    this.#lost = lost
    this.#toldAt = now
  }
}
