/**
 * The 2003 paper's modification of pH: which programs are delayed and which ignored, and what the rest get, changed at
 * run time; and pH's tolerize. The daemon does it and keeps it.
 */
import { z } from 'zod'
import type { Fault, Outcome, PromiseType, Step, Undo } from './interface.ts'
import { globOf } from './processes/filter.ts'

const shape = z.strictObject({
  binary: z
    .union([z.string().min(1), z.array(z.string().min(1)).min(1).max(256)])
    .optional()
    .meta({ description: 'programs by full path, * for any part: of those that have a profile' }),
  offenders: z
    .enum(['ph_sequence', 'ph_load'])
    .optional()
    .meta({ description: 'programs on the list of a detector' }),
  response: z.enum(['delay', 'ignore', 'default']).optional(),
  default: z.enum(['delay', 'ignore']).optional().meta({ description: 'what every other program gets' }),
  tolerize: z
    .literal(true)
    .optional()
    .meta({ description: 'drop to learning; what it does now becomes normal again' }),
})

type ProfileBody = z.infer<typeof shape>

interface ProfileStep extends Step {
  detail: { binary?: string; to?: string }
}

interface Row {
  binary: string
  response: string
  state: string
}

export const profile: PromiseType<ProfileBody, ProfileStep> = {
  name: 'profile',
  shape,
  summary: 'which programs are delayed, which ignored, which learned anew',

  parse(body) {
    const faults: Fault[] = []
    const said = [body.response, body.default, body.tolerize].filter((one) => one !== undefined)
    if (said.length !== 1) faults.push({ path: [], message: 'say one of response, default, tolerize' })
    const picked = body.binary !== undefined || body.offenders !== undefined
    if (body.default !== undefined && picked)
      faults.push({
        path: ['default'],
        message: 'default is of every program: leave binary and offenders out',
      })
    if (body.default === undefined && !picked)
      faults.push({ path: [], message: 'name programs: binary, or offenders' })
    return faults.length > 0 ? { faults } : { body }
  },

  async plan(body, world) {
    if (!world.daemon) throw new Error('no daemon answers: start lymph up')
    if (body.default !== undefined) {
      const { default_response: now } = await world.daemon.get<Record<string, string>>('/settings')
      if (now === body.default) return { steps: [], spared: [], why: `the default is ${now} already` }
      return {
        steps: [{ act: 'default', target: body.default, detail: { to: body.default } }],
        spared: [],
        why: '',
      }
    }
    const rows = await world.daemon.get<Row[]>('/profiles')
    const listed = body.offenders === undefined ? [] : world.offenders[body.offenders]
    const patterns = body.binary === undefined ? undefined : [body.binary].flat().map(globOf)
    const spared = [...world.offenders.ph_sequence, ...world.offenders.ph_load]
      .filter(({ tolerated }) => tolerated)
      .map(({ binary, incident }) => `${binary}: incident ${incident} is tolerated`)
    const steps = new Map<string, ProfileStep>()
    for (const { binary, response, state } of rows) {
      // Of one program a response is for all of its processes: one that is tolerated keeps it from any.
      const excused = [...world.offenders.ph_sequence, ...world.offenders.ph_load].some(
        (one) => one.binary === binary && one.tolerated,
      )
      if (excused) continue
      const offences = listed.filter((one) => one.binary === binary)
      if (body.offenders !== undefined && offences.length === 0) continue
      if (patterns && !patterns.some((pattern) => pattern.test(binary))) continue
      const incidents = [...new Set(offences.map(({ incident }) => incident))].filter((id) => id !== '')
      if (body.tolerize) {
        if (state === 'normal')
          steps.set(binary, { act: 'tolerize', target: binary, incidents, detail: { binary } })
      } else if (response !== body.response)
        steps.set(binary, {
          act: body.response as string,
          target: binary,
          incidents,
          detail: { binary, to: body.response as string },
        })
    }
    return {
      steps: [...steps.values()],
      spared: [...new Set(spared)],
      why: steps.size > 0 ? '' : 'all of them are so already, or there is no such profile',
    }
  },

  async act({ act, detail }, _body, hands): Promise<Outcome> {
    const { daemon } = hands
    if (!daemon) return { result: 'not_kept', line: 'no daemon answers: start lymph up' }
    try {
      if (act === 'default') {
        const { default_response: before } = await daemon.get<Record<string, string>>('/settings')
        await daemon.post('/settings', { key: 'default_response', value: detail.to })
        return {
          result: 'repaired',
          line: `what nobody spoke of gets ${detail.to}, before: ${before}`,
          undo: { of: 'profile', default: before },
        }
      }
      if (act === 'tolerize') {
        await daemon.post('/profiles/act', { binary: detail.binary, verb: 'tolerize' })
        return { result: 'repaired', line: `${detail.binary} is learned anew; that cannot be taken back` }
      }
      const { said } = await daemon.get<{ said: string }>('/agent/response', {
        binary: detail.binary as string,
      })
      await daemon.post('/profiles/respond', { binary: detail.binary, response: detail.to })
      return {
        result: 'repaired',
        line: `${detail.binary} gets ${detail.to}, before: ${said}`,
        undo: { of: 'profile', binary: detail.binary, response: said },
      }
    } catch (error) {
      return { result: 'not_kept', line: `${act} ${detail.binary ?? ''}: ${(error as Error).message}` }
    }
  },

  async undo(undo, { daemon }) {
    if (!daemon) throw new Error('no daemon answers: start lymph up, and try again')
    const { binary, response, default: before } = undo as Undo & Record<string, string>
    if (before !== undefined) await daemon.post('/settings', { key: 'default_response', value: before })
    else await daemon.post('/profiles/respond', { binary, response })
    return before === undefined ? `${binary} gets ${response} again` : `the default is ${before} again`
  },
}
