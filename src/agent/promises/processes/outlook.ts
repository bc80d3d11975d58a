/** What the ladder has in store for a binary, a line for each step, for whoever reads a rehearsal. */
import type { Climb, LadderTimes } from '../../ladder/ladder.ts'
import { walk } from '../../ladder/walk.ts'
import type { World } from '../world.ts'
import { notDelayed } from './delay.ts'

/** pH's limit on the exponent. */
const MAX_EXPONENT = 30

export interface OutlookOf {
  binary: string
  before: Climb | undefined
  seenAt: number
  times: LadderTimes
  /** Of the binary's processes now, the highest. */
  lfc: number
  pids: readonly number[]
  /** As the policy writes it; undefined: the host's. */
  unitMs: number | undefined
}

export function ladderOutlook(
  { binary, before, seenAt, times, lfc, pids, unitMs }: OutlookOf,
  world: World,
): string[] {
  const now = world.now()
  const who = pids.length === 1 ? `process ${pids[0]}` : `processes ${pids.join(', ')}`
  const lines = walk(before, seenAt, times, now).map(({ rung, at, forMs }) => {
    const when = at === now ? 'now' : `${at < now ? 'since' : 'from'} ${new Date(at).toISOString()}`
    switch (rung) {
      case 'observe':
        return `${when}: observe for ${span(forMs)}: nothing is done`
      case 'delay':
        return `${when}: delay for ${span(forMs)}: ${delayText(binary, lfc, unitMs, world)}`
      case 'freeze':
        return `${when}: freeze ${who} for ${span(forMs)}, then let go`
      default:
        return `${when}: kill ${who}: that cannot be taken back`
    }
  })
  const again =
    times.upto === 'kill' ? '' : `; ${times.upto} is the last step and is taken again while it lasts`
  return [
    ...lines,
    `each by the first run from its time on, and only after new anomalies${again}; quiet for ${span(times.forgetMs)}: it starts anew`,
  ]
}

function delayText(
  binary: string,
  lfc: number,
  unitMs: number | undefined,
  { delays, excused }: World,
): string {
  const until = excused.get(binary)
  if (until !== undefined) return notDelayed(binary, until)
  const unit = unitMs ?? delays?.unitMs
  if (unit === undefined) return "each call waits 2^LFC units of this host's, which no daemon tells now"
  const limit = delays?.limitMs ?? Number.POSITIVE_INFINITY
  const wait = Math.min(unit * 2 ** Math.min(lfc, MAX_EXPONENT), limit)
  // LFC where the limit is reached.
  const full = Math.ceil(Math.log2(limit / unit))
  const most = Number.isFinite(limit)
    ? `, at most ${span(limit)} a call (LFC ${Math.max(0, full)} and up)`
    : ''
  return `each call of its abnormal processes waits 2^LFC x ${span(unit)}${most}: ${span(wait)} at LFC ${lfc}`
}

function span(ms: number): string {
  if (ms < 1000) return `${ms} ms`
  const seconds = ms / 1000
  return seconds < 120 ? `${Number(seconds.toFixed(2))} s` : `${Number((seconds / 60).toFixed(1))} min`
}
