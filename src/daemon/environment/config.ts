/** The `environment:` section of the config file. */
import { z } from 'zod'
import {
  EnvironmentError,
  ownPorts,
  type PortTable,
  type ProbeConfig,
  ProbeError,
  probeShape,
  readPorts,
  SlotClock,
} from '#environment'
import { parseSeconds } from '../settings.ts'

const interval = z
  .union([z.string(), z.number()])
  .default('10s')
  .transform((text, context) => {
    const seconds = parseSeconds(String(text))
    if (seconds !== undefined && seconds >= 1 && seconds <= 60 && 300 % seconds === 0) return seconds * 1000
    context.addIssue({ code: 'custom', message: 'a duration that divides five minutes, from 1s to 60s' })
    return z.NEVER
  })

const zone = z
  .string()
  .default('UTC')
  .superRefine((name, context) => {
    try {
      new SlotClock(name)
    } catch (error) {
      if (!(error instanceof EnvironmentError)) throw error
      context.addIssue({ code: 'custom', message: error.message })
    }
  })

const handOver = z.strictObject({
  format: z.enum(['module', 'env_data']),
  folder: z.string().startsWith('/', 'a full path'),
  /** Default: what CFEngine reads, `env_data` or `lymph.classes`. */
  name: z
    .string()
    .regex(/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/, 'the name of a file')
    .optional(),
  monitord_names: z.boolean().default(false),
})

export const environmentSchema = z
  .strictObject({
    enabled: z.boolean().default(true),
    interval,
    zone,
    hand_over: z.array(handOver).max(8, 'at most 8 files').default([]),
    ...probeShape,
  })
  .prefault({})
  .transform(
    ({ enabled, interval, zone, hand_over, ...probes }, context): EnvironmentConfig => ({
      enabled,
      intervalMs: interval,
      zone,
      probes,
      ports: portsOf(probes, context),
      handOver: hand_over.map(({ format, folder, name, monitord_names }) => ({
        format,
        folder,
        name: name ?? (format === 'env_data' ? 'env_data' : 'lymph.classes'),
        monitordNames: monitord_names,
      })),
    }),
  )

/** Read with the config, while this is still root: the checkout may be closed to the daemon's user. */
function portsOf({ observables, max_observables }: ProbeConfig, context: z.core.$RefinementCtx): PortTable {
  try {
    return readPorts(ownPorts(observables.slice(0, max_observables)))
  } catch (error) {
    if (!(error instanceof ProbeError)) throw error
    context.issues.push({ code: 'custom', message: error.message, input: observables, path: ['observables'] })
    return new Map()
  }
}

export interface EnvironmentConfig {
  enabled: boolean
  intervalMs: number
  /** `UTC`, `local` or an IANA name: whose clock the week is of. */
  zone: string
  probes: ProbeConfig
  /** Services whose sockets are counted, the operator's among them. */
  ports: PortTable
  handOver: { format: 'module' | 'env_data'; folder: string; name: string; monitordNames: boolean }[]
}
