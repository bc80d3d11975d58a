/** What this host says of itself on the mesh: that its watch has gaps, that it has no room, no right time, or soon no certificate. */
import { statfsSync } from 'node:fs'
import type { HostKind, HostSemaphore, Severity } from '#incidents'
import type { Member } from '#mesh'

export interface HostView {
  name: string
  now: number
  /** Events of the sensor that were lost, and all there were; undefined without a sensor. */
  events: { lost: number; seen: number } | undefined
  /** Share of the disk that is free, 0 to 1, and its bytes; undefined where that cannot be told. */
  disk: { share: number; bytes: number } | undefined
  /** This host among them. */
  members: readonly Pick<Member, 'peer' | 'state' | 'skewMs' | 'lastHeard'>[]
  peer: string
  certificateExpires: number
}

const rules = {
  /** Events lost within this long are a gap, ms; and it is said again only when more are. */
  gapMs: 600_000,
  /** Little is left: of a large disk this much, of any the other. */
  disk: { share: 0.02, bytes: 640 << 20, least: 16 << 20 },
  /** Half of what the mesh allows: then its word is refused. */
  skewMs: 60_000,
  certificateMs: 7 * 86_400_000,
}

/** Told the time and what there is to see; one sign a kind. */
export class HostSigns {
  readonly #since = new Map<HostKind, number>()
  #lost: number | undefined
  #gapAt = Number.NEGATIVE_INFINITY

  settle(view: HostView): HostSemaphore[] {
    const { name, now } = view
    const found = new Map<HostKind, [Severity, string]>()
    const lost = view.events?.lost
    if (lost !== undefined && this.#lost !== undefined && lost > this.#lost) this.#gapAt = now
    this.#lost = lost ?? this.#lost
    if (now - this.#gapAt < rules.gapMs && view.events)
      found.set('sensor_gap', ['incident', `${lost} of ${view.events.seen} events were lost`])
    const { disk } = view
    const { share, bytes, least } = rules.disk
    if (disk && (disk.bytes < least || (disk.share < share && disk.bytes < bytes)))
      found.set('disk_full', [
        disk.bytes < least ? 'severe' : 'incident',
        `${Math.round(disk.bytes / (1 << 20))} MiB are left for its state`,
      ])
    const skew = ownSkew(view)
    if (Math.abs(skew) > rules.skewMs)
      found.set('clock_off', [
        'incident',
        `its clock is ${Math.round(Math.abs(skew) / 1000)} s ${skew > 0 ? 'ahead of' : 'behind'} the others`,
      ])
    const left = view.certificateExpires - now
    if (left < rules.certificateMs)
      found.set('certificate_ending', [
        'incident',
        `its certificate ends on ${new Date(view.certificateExpires).toISOString().slice(0, 10)}`,
      ])
    for (const kind of this.#since.keys()) if (!found.has(kind)) this.#since.delete(kind)
    return [...found].map(([kind, [severity, detail]]) => {
      const firstSeen = Math.min(this.#since.get(kind) ?? Math.round(now), Math.round(now))
      this.#since.set(kind, firstSeen)
      const times = { firstSeen, lastSeen: Math.round(now) }
      return { about: 'host', kind, subject: name, severity, detail, ...times }
    })
  }
}

/** How far this host's clock is ahead of the middle one of at least two others heard lately, ms. */
function ownSkew({ members, peer }: HostView): number {
  const others = members
    .filter((member) => member.peer !== peer && member.state === 'alive')
    .map(({ skewMs }) => skewMs)
    .sort((a, b) => a - b)
  return others.length < 2 ? 0 : -(others[Math.floor(others.length / 2)] as number)
}

/** Room where the state is kept. */
export function diskOf(folder: string): HostView['disk'] {
  try {
    const { bavail, blocks, bsize } = statfsSync(folder)
    return blocks > 0 ? { share: bavail / blocks, bytes: bavail * bsize } : undefined
  } catch {
    return undefined
  }
}
