/** The agent's section of the config file. Two settings must change before anything is acted on: enabled and dry_run. */
import { resolve } from 'node:path'
import { z } from 'zod'
import { parseSeconds } from '../settings.ts'

const duration = z
  .union([z.string(), z.number()])
  .refine((value) => parseSeconds(String(value)) !== undefined, 'a duration such as 5m')

export const agentSchema = z
  .strictObject({
    enabled: z.boolean().default(false),
    dry_run: z.boolean().default(true),
    policy: z.string().min(1).default('config/policies/default.yaml'),
    interval: duration.default('5m'),
    splay: duration.default('1m'),
    never: z.array(z.string().min(1)).max(1000).default([]),
    exec_gate: z.enum(['auto', 'fanotify']).default('auto'),
    webhooks: z
      .array(z.url({ protocol: /^https?$/ }))
      .max(32)
      .default([]),
  })
  .default({
    enabled: false,
    dry_run: true,
    policy: 'config/policies/default.yaml',
    interval: '5m',
    splay: '1m',
    never: [],
    exec_gate: 'auto',
    webhooks: [],
  })

export interface AgentConfig {
  enabled: boolean
  dryRun: boolean
  /** Absolute. */
  policy: string
  intervalMs: number
  splayMs: number
  never: string[]
  /** How suspended execs are held: by the BPF LSM where it loads, or by fanotify in any case. */
  execGate: 'auto' | 'fanotify'
  webhooks: string[]
}

const shipped = new URL('../../..', import.meta.url).pathname

export function agentConfig(section: z.infer<typeof agentSchema>): AgentConfig {
  const { enabled, dry_run, policy, interval, splay, never, exec_gate, webhooks } = section
  return {
    enabled,
    dryRun: dry_run,
    // The shipped policies are named as they lie in the checkout; any other by its full path.
    policy: resolve(shipped, policy),
    intervalMs: Math.max(1, parseSeconds(String(interval)) ?? 300) * 1000,
    splayMs: (parseSeconds(String(splay)) ?? 60) * 1000,
    never,
    execGate: exec_gate,
    webhooks,
  }
}
