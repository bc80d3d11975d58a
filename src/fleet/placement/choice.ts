/** Which placement a host uses: what the config says, or by the size of the fleet. Hosts need not agree on it. */
import { Everywhere, NEIGHBOURS, type Placement, Rendezvous } from './placement.ts'

export type PlacementSetting = 'auto' | 'everywhere' | 'chosen'

/** Above either of these digests are no longer gossiped to all; half of what the mesh keeps is the second. */
export const EVERYWHERE_MOST = { members: 100, digests: 32_768 } as const
/** Below both of these they are again. */
export const CHOSEN_LEAST = { members: 80, digests: 16_384 } as const
/** A change of placement stands at least so long, in ms. */
const standsMs = 3_600_000

/** `auto` changes over with hysteresis, and at most once an hour: a fleet at the limit does not go to and fro. */
export class PlacementChoice {
  readonly #setting: PlacementSetting
  readonly #neighbours: number
  #self = ''
  #placement: Placement
  #since = Number.NEGATIVE_INFINITY
  #changes = 0

  constructor(setting: PlacementSetting, neighbours = NEIGHBOURS) {
    this.#setting = setting
    this.#neighbours = neighbours
    this.#placement = this.#make(setting === 'chosen')
  }

  get placement(): Placement {
    return this.#placement
  }

  gauge(): { placement: Placement['name']; setting: PlacementSetting; changes: number } {
    return { placement: this.#placement.name, setting: this.#setting, changes: this.#changes }
  }

  /**
   * @param self this host's PeerId
   * @param members of the mesh, this host included
   * @param digests all that are told of in it, own ones included
   * @returns whether it is another placement now
   */
  settle(self: string, members: number, digests: number, now: number): boolean {
    const chosen = this.#placement.name === 'chosen'
    if (self !== this.#self) {
      this.#self = self
      this.#placement = this.#make(chosen)
    }
    const wanted = this.#setting === 'auto' ? wants(chosen, members, digests) : this.#setting === 'chosen'
    if (wanted === chosen || now - this.#since < standsMs) return false
    this.#placement = this.#make(wanted)
    this.#since = now
    this.#changes++
    return true
  }

  #make(chosen: boolean): Placement {
    return chosen ? new Rendezvous(this.#self, this.#neighbours) : new Everywhere(this.#self)
  }
}

function wants(chosen: boolean, members: number, digests: number): boolean {
  if (chosen) return members >= CHOSEN_LEAST.members || digests >= CHOSEN_LEAST.digests
  return members > EVERYWHERE_MOST.members || digests > EVERYWHERE_MOST.digests
}
