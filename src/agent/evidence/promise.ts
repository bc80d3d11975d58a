/** Forensics: evidence of the processes a policy names, collected with what is installed. */
import { randomBytes } from 'node:crypto'
import { dirname, join } from 'node:path'
import { z } from 'zod'
import { durationShape, milliseconds, nameShape } from '../policy/shapes.ts'
import { unknownFilter } from '../promises/faults.ts'
import type { Outcome, PromiseType, Step } from '../promises/interface.ts'
import { select } from '../promises/processes/select.ts'
import { collectEvidence } from './collect.ts'
import { readManifest } from './manifest.ts'
import { evidenceTools } from './tools.ts'

const names = evidenceTools.map(({ name }) => name) as [string, ...string[]]

const shape = z.strictObject({
  filter: nameShape.meta({ description: 'whose processes: ph_sequence, ph_load, or one of the policy' }),
  tools: z.array(z.enum(names)).min(1).default(['strace']),
  for: durationShape.default('10s').meta({ description: 'how long tools that do not end by themselves run' }),
  size: z
    .int()
    .min(4096)
    .max(2 ** 40)
    .default(64 * 1024 * 1024)
    .meta({ description: 'bytes of one tool; more is cut, and said' }),
  most: z.int().min(1).max(20).default(3).meta({ description: 'processes a run; the others are said' }),
})

type ForensicsBody = z.infer<typeof shape>
interface ForensicsStep extends Step {
  detail: { pid: number; seenAt: number | undefined; incident: string }
}

export const forensics: PromiseType<ForensicsBody, ForensicsStep> = {
  name: 'forensics',
  shape: shape as unknown as z.ZodType<ForensicsBody>,
  summary: 'evidence of offending processes: strace, gcore, tcpdump, suricata, snort, with limits',

  parse(body, known) {
    const faults = unknownFilter(body.filter, known, ['filter'])
    return faults.length > 0 ? { faults } : { body }
  },

  async plan(body, world) {
    const { selected, spared, ended } = select({ filter: body.filter }, world)
    const steps = selected.slice(0, body.most).map(({ process: { pid, binary }, offence }) => ({
      act: 'collect',
      target: `${pid} ${binary}`,
      ...(offence?.incident ? { incidents: [offence.incident] } : {}),
      detail: { pid, seenAt: offence?.seenAt, incident: offence?.incident ?? '' },
    }))
    const others = selected
      .slice(body.most)
      .map(({ process: { pid, binary } }) => `${binary} (${pid}): ${body.most} a run is the most`)
    return {
      steps,
      ended,
      spared: [...spared, ...others],
      why: steps.length > 0 ? '' : 'no process is selected',
    }
  },

  async act({ detail: { pid, seenAt, incident }, target }, body, hands): Promise<Outcome> {
    const folder = join(dirname(hands.folder), 'evidence')
    try {
      const manifest = await collectEvidence({
        ...{ folder, pid, seenAt, incident, tools: body.tools, now: () => hands.now() },
        limits: { timeMs: milliseconds(body.for), bytes: body.size },
        random: () => randomBytes(2).toString('hex'),
        signal: hands.signal,
        leases: hands.leases,
        never: (process) => hands.never.why(process),
      })
      const cuts = manifest.tools
        .filter(({ cut }) => cut !== '')
        .map(({ tool, cut }) => `${tool} is cut: ${cut}`)
      const missing = manifest.missing.map((name) => `${name} is not installed`)
      const { sha256 } = readManifest(folder, manifest.id)
      const record = {
        kind: 'evidence',
        id: manifest.id,
        manifest: sha256,
        cut: cuts.length > 0,
        ...(incident ? { incident } : {}),
      }
      await hands.daemon?.post('/journal', { records: [record] }).catch(() => {})
      const notes = [...cuts, ...missing].join('; ')
      return {
        result: 'repaired',
        line: `evidence ${manifest.id} of ${target}: ${manifest.tools.map(({ tool }) => tool).join(', ')}${notes ? ` (${notes})` : ''}; it stays until somebody removes it`,
      }
    } catch (error) {
      return { result: 'not_kept', line: `no evidence of ${target}: ${(error as Error).message}` }
    }
  },
}
