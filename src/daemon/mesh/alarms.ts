/** Alarms of the environment that a person was told, from then until the observable is as expected again: what the mesh is told of them. */
import type { HostReport, ObservableRow } from '#environment'
import { isOdd } from '#environment'
import { type ObservableSemaphore, toObservableSemaphore } from '#incidents'

/** Alarms at one time; the one told longest ago gives way. */
const limit = 64

interface Alarm {
  report: HostReport
  /** Above or below what is expected: the other side is another alarm. */
  side: number
  said: ObservableSemaphore
}

/** Pure. One alarm an observable. */
export class Alarms {
  readonly #standing = new Map<string, Alarm>()

  /** A person is told. */
  raise(report: HostReport, row: ObservableRow, now: number): void {
    const said = toObservableSemaphore(report, row, now)
    if (said === undefined) return
    const before = this.#standing.get(report.name)
    const side = Math.sign(said.sigmas)
    const firstSeen = before?.side === side ? before.said.firstSeen : said.firstSeen
    this.#standing.delete(report.name)
    this.#standing.set(report.name, { report, side, said: { ...said, firstSeen } })
    if (this.#standing.size > limit) this.#standing.delete(this.#standing.keys().next().value as string)
  }

  /** What stands, by how the observables are now. Over: neither this minute nor the last slot is odd on that side any more. */
  settle(rows: Iterable<ObservableRow>, now: number): ObservableSemaphore[] {
    if (this.#standing.size === 0) return []
    const byName = new Map([...rows].map((row) => [row.name, row]))
    for (const [name, alarm] of this.#standing) {
      const row = byName.get(name)
      const said = row && isOdd(row.class) ? toObservableSemaphore(alarm.report, row, now) : undefined
      if (said === undefined || Math.sign(said.sigmas) !== alarm.side) this.#standing.delete(name)
      // Off in the last slot, and not now: what it was is what there is to tell.
      else if (Math.sign(said.value - said.expected) !== alarm.side)
        alarm.said = { ...alarm.said, lastSeen: said.lastSeen }
      else alarm.said = { ...said, firstSeen: alarm.said.firstSeen }
    }
    return [...this.#standing.values()].map(({ said }) => said)
  }
}
