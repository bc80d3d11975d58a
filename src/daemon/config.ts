/** The config file: YAML, checked key by key, with the line a mistake is on. config/lymph.yaml is the default and the example. */
import { readFileSync } from 'node:fs'
import { LineCounter, parseDocument } from 'yaml'
import { z } from 'zod'
import { NEIGHBOURS, type PlacementSetting } from '#fleet'
import type { QuorumRules } from '#incidents'
import type { OpenOptions } from '#mesh'
import { type AgentConfig, agentConfig, agentSchema } from './agent/config.ts'
import { type EnvironmentConfig, environmentSchema } from './environment/config.ts'
import { DaemonError, oneLine } from './errors.ts'
import { type DaemonSettings, initialSettings, parseSeconds, parseSetting } from './settings.ts'

const choice = z.enum(['yes', 'no', 'auto']).default('auto')

const schema = z.strictObject({
  listen: z
    .array(z.string().startsWith('/', 'a multiaddr such as /ip4/0.0.0.0/tcp/7946'))
    .default(['/ip4/0.0.0.0/tcp/7946']),
  host: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/, 'letters, digits, dots and dashes, at most 63')
    .optional(),
  settings: z.record(z.string(), z.union([z.string(), z.number()])).default({}),
  incidents: z
    .strictObject({ quiet: z.union([z.string(), z.number()]).default('10m') })
    .default({ quiet: '10m' }),
  environment: environmentSchema,
  agent: agentSchema,
  tags: z
    .array(z.string().regex(/^[A-Za-z0-9_]{1,64}$/, 'letters, digits and _, at most 64'))
    .max(64)
    .default([]),
  mesh: z
    .strictObject({
      quorum: z.union([z.literal('third'), z.int().min(2)]).default('third'),
      window: z.union([z.string(), z.number()]).default('1h'),
      allow: z.array(z.string()).default([]),
      relay: choice,
      reachable: choice,
      mdns: z.boolean().default(false),
    })
    .prefault({}),
  detector: z
    .strictObject({ interpreters: z.array(z.string().startsWith('/', 'a full path')).max(64).default([]) })
    .default({ interpreters: [] }),
  fleet: z
    .strictObject({
      adopt: z.enum(['off', 'ask', 'auto']).default('ask'),
      familiar: z.enum(['tell', 'quiet', 'learn']).default('tell'),
      page: z.enum(['always', 'recurring']).default('always'),
      private: z.array(z.string().startsWith('/', 'a full path')).default([]),
      placement: z.enum(['auto', 'everywhere', 'chosen']).default('auto'),
      neighbours: z.int().min(1).max(1024).default(NEIGHBOURS),
    })
    .prefault({}),
  never_delay: z.array(z.string().startsWith('/', 'a full path')).default([]),
})

/** How this host is on the mesh: does it carry connections of others, can it be dialled itself, does it look around. */
export type MeshWays = Required<Pick<OpenOptions, 'relay' | 'mdns'>>

/** What other hosts' profiles are good for here. */
export interface FleetConfig {
  /** Of a binary new to this host: nothing, a notice that the fleet knows it, or its profile taken over at once. */
  adopt: 'off' | 'ask' | 'auto'
  /**
   * Whether the mesh is told of incidents all of whose pairs the fleet knows, or that another host's explains; `learn`:
   * it is not, and such pairs become normal here, marked as taken over.
   */
  familiar: 'tell' | 'quiet' | 'learn'
  /**
   * When the mesh is told of an incident that the fleet does not know: at once; or, unless it is severe, when another process,
   * or a later incident, shows it again within 7 days.
   */
  page: 'always' | 'recurring'
  /** Paths of which nothing is announced, given or answered. */
  private: string[]
  /** Digests are gossiped to all members; or pulled from those that were chosen; `auto`: by the size of the fleet. */
  placement: PlacementSetting
  /** Members whose digests of a program this host keeps, where they are chosen. */
  neighbours: number
}

export interface Config {
  listen: string[]
  host: string | undefined
  settings: DaemonSettings
  quietMs: number
  /** What makes a quorum of what other hosts say, and the subjects and SHA-256 about which nothing they say counts. */
  mesh: { quorum: QuorumRules; allow: string[]; ways: MeshWays }
  neverDelay: string[]
  /** Programs of which each script has a profile of its own. */
  interpreters: string[]
  fleet: FleetConfig
  environment: EnvironmentConfig
  agent: AgentConfig
  /** What the fleet calls this host: classes of the agent. */
  tags: string[]
}

export const defaultConfigFile = new URL('../../config/lymph.yaml', import.meta.url).pathname

/**
 * @param file path of a config file; the shipped defaults when undefined
 * @throws DaemonError: file, line, column, what is wrong, what is expected
 */
export function readConfig(file = defaultConfigFile): Config {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    const why =
      code === 'ENOENT' ? 'there is no such file' : code === 'EACCES' ? 'permission denied' : oneLine(error)
    throw new DaemonError(`config ${file}: ${why}: name a readable file with --config`)
  }
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines })
  const at = (offset: number) => {
    const { line, col } = lines.linePos(offset)
    return `${file}:${line}:${col}`
  }
  const [mistake] = document.errors
  if (mistake) {
    // yaml names the place once more at the end, and shows the text below.
    const what = oneLine(mistake.message.split('\n')[0]).replace(/ at line \d+, column \d+:?$/, '')
    throw new DaemonError(`${at(mistake.pos[0])}: it is not YAML: ${what}`)
  }
  const place = (path: PropertyKey[]) => {
    const node = path.length > 0 ? document.getIn(path as string[], true) : document.contents
    const range = (node as { range?: [number, number, number] } | undefined)?.range
    return range ? at(range[0]) : file
  }

  const parsed = schema.safeParse(document.toJS() ?? {})
  if (!parsed.success) {
    const issue = parsed.error.issues[0] as z.core.$ZodIssue
    const unknown = issue.code === 'unrecognized_keys' ? issue.keys[0] : undefined
    const path = unknown === undefined ? issue.path : [...issue.path, unknown]
    const what = unknown === undefined ? issue.message : 'no such key'
    throw new DaemonError(`${place(path)}: ${path.join('.')}: ${what}: config/lymph.yaml shows what there is`)
  }
  const {
    listen,
    host,
    settings: named,
    incidents,
    mesh,
    fleet,
    never_delay,
    environment,
    detector,
    agent,
    tags,
  } = parsed.data
  const settings = initialSettings()
  for (const [name, value] of Object.entries(named)) {
    try {
      const [key, checked] = parseSetting(name, value)
      Object.assign(settings, { [key]: checked })
    } catch (error) {
      throw new DaemonError(`${place(['settings', name])}: ${oneLine(error)}`)
    }
  }
  const quiet = parseSeconds(String(incidents.quiet))
  if (quiet === undefined)
    throw new DaemonError(`${place(['incidents', 'quiet'])}: incidents.quiet: not a duration like 10m`)
  const window = parseSeconds(String(mesh.window))
  if (window === undefined)
    throw new DaemonError(`${place(['mesh', 'window'])}: mesh.window: not a duration like 1h`)
  return {
    listen,
    host,
    settings,
    quietMs: quiet * 1000,
    neverDelay: never_delay,
    interpreters: detector.interpreters,
    fleet,
    environment,
    agent: agentConfig(agent),
    tags,
    mesh: {
      quorum: { hosts: mesh.quorum, windowMs: window * 1000 },
      allow: mesh.allow,
      ways: { relay: { serves: mesh.relay, reachable: mesh.reachable }, mdns: mesh.mdns },
    },
  }
}
