/** What this host itself says of other members: semaphores that nobody can raise for himself. */
import { journalCutWarning, silentWarning, type Warning } from '#incidents'
import type { Member, MemberChange } from '#mesh'

export interface MemberWatchPorts {
  now: () => number
  onWarning: (change: string, warning: Warning) => void
}

/** A cut journal is warned of for so long. */
export const CUT_STANDS_MS = 86_400_000

export class MemberWatch {
  readonly #ports: MemberWatchPorts
  /** By PeerId, each a member: who is silent, as told. */
  readonly #silent = new Set<string>()

  constructor(ports: MemberWatchPorts) {
    this.#ports = ports
  }

  /** A host that is not heard any more is a warning until it is heard again; one whose journal was cut, for a day. */
  heed(change: MemberChange, member: Member): void {
    const { now, onWarning } = this.#ports
    if (change === 'journal-cut') {
      onWarning('raised', journalCutWarning(member, now(), CUT_STANDS_MS))
      return
    }
    const silent = change === 'silent'
    if (silent === this.#silent.has(member.peer)) return
    if (silent) this.#silent.add(member.peer)
    else this.#silent.delete(member.peer)
    onWarning(silent ? 'raised' : 'cleared', silentWarning(member, now()))
  }

  /** Those that stand now. */
  warnings(members: readonly Member[]): Warning[] {
    const now = this.#ports.now()
    return members.flatMap((member) => [
      ...(member.state === 'silent' ? [silentWarning(member, now)] : []),
      ...(member.journalCut !== undefined && now < member.journalCut + CUT_STANDS_MS
        ? [journalCutWarning(member, now, CUT_STANDS_MS)]
        : []),
    ])
  }

  clear(): void {
    this.#silent.clear()
  }
}
