/** What an operator says of an incident, done to the units of it that wait to be learned. */
import { type Judgement, judgementBody, judgementFrom } from '#homeostasis'
import type { Incident } from '#incidents'
import type { LiveProfiles } from './live.ts'
import type { ProfileSaves } from './saves.ts'
import type { Tracked } from './tracked.ts'

export interface HeldPorts {
  live: LiveProfiles
  saves: ProfileSaves
  save: (tracked: Tracked) => Promise<unknown>
}

type Of = Pick<Incident, 'binary' | 'abi' | 'sha256' | 'window' | 'ordinals'>

/** Does it to the judgement of the incident's profile, live or saved. False: there is none. */
async function withJudgement(
  ports: HeldPorts,
  of: Of,
  act: (judgement: Judgement) => void,
): Promise<boolean> {
  const { live, saves, save } = ports
  for (const tracked of live.find(of)) {
    if (!tracked.judged || tracked.file?.sha256 !== of.sha256) continue
    act(tracked.judged.live.judgement)
    tracked.judged.unsaved++
    await save(tracked)
    return true
  }
  const saved = await saves.find(of)
  if (!saved?.record.judgement) return false
  const judgement = judgementFrom(saved.record.judgement)
  act(judgement)
  await saves.putRecord({ ...saved.record, judgement: judgementBody(judgement) })
  return true
}

/** The incident was real: its units are no yardstick, and are learned on the operator's word alone. */
export function confirmUnits(ports: HeldPorts, incident: Of): Promise<boolean> {
  return withJudgement(ports, incident, (judgement) => judgement.confirm(new Set(incident.ordinals)))
}

/** The incident is excused: its units are learned, as far as they are held still. */
export function tolerateUnits(ports: HeldPorts, incident: Of): Promise<boolean> {
  return withJudgement(ports, incident, (judgement) => judgement.tolerate(new Set(incident.ordinals)))
}
