/** What the mesh says becomes classes here, and nothing more; the local allow-list outranks it. */
import { type ClassBoard, settleClasses } from '#classes'
import type { Config } from '../config.ts'
import type { MeshLink } from './link.ts'

/** Settled anew every second. */
const standsMs = 60_000

export interface HeardPorts {
  link: MeshLink
  classes: ClassBoard
  now: () => number
  rules: Pick<Config['mesh'], 'quorum' | 'allow'>
  /** SHA-256 of the files that run here. */
  hashes(): string[]
}

export class MeshHeard {
  readonly #ports: HeardPorts

  constructor(ports: HeardPorts) {
    this.#ports = ports
  }

  /** Call it every second, and when something came. */
  settle(): void {
    const { link, classes, now, rules, hashes } = this.#ports
    // Made once, and only if somebody warns.
    let here: Set<string> | undefined
    const runs = (sha256: string) => {
      here ??= new Set(hashes())
      return here.has(sha256)
    }
    const allowed = ({ subject, sha256 = '' }: { subject: string; sha256?: string | undefined }) =>
      rules.allow.includes(subject) || rules.allow.includes(sha256)
    // The operator who let this host in has said what it is; the config may say more.
    const until = now() + standsMs
    const tags = link.status() ? link.mesh.status().tags : []
    const called = tags.map((name) => ({ name, until }))
    settleClasses(classes, 'mesh-tags', called, now())
    settleClasses(classes, 'mesh', link.classes({ runs, allowed }, rules.quorum), now())
  }
}
