/**
 * Checks that imports go downwards only, that a room is entered by its front door, and that a package
 * is used only in the room that owns it (docs/design.md, Rooms). Prints one line an offence; exit 1 if any.
 */
import { globSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'

/** Which rooms each room may import. A room may always import itself and node: modules. */
const below: Record<string, string[]> = {
  syscalls: [],
  store: [],
  classes: [],
  homeostasis: ['syscalls'],
  sensor: ['syscalls', 'homeostasis'],
  environment: ['syscalls', 'classes', 'store'],
  incidents: ['syscalls', 'homeostasis', 'classes', 'store'],
  fleet: ['syscalls', 'homeostasis', 'classes', 'store'],
  agent: ['syscalls', 'homeostasis', 'classes', 'store', 'sensor'],
  mesh: ['store'],
}
below.daemon = Object.keys(below)
below.cli = [...below.daemon, 'daemon']
below.dashboard = below.cli

/** Packages that belong to one room. */
const owners: [pattern: RegExp, where: RegExp][] = [
  [/^(libp2p$|@libp2p\/|@chainsafe\/|@multiformats\/|multiformats|it-|xsalsa20$)/, /^src\/mesh\//],
  [/^(level|classic-level|abstract-level)$/, /^src\/store\//],
  [
    /^koffi$/,
    /^src\/(sensor\/kernel\/|agent\/host\/pidfd\.ts|agent\/leases\/fanotify\.ts|agent\/integrity\/xattr\.ts)/,
  ],
]

/** Of the sensor the agent may load the programs that hold execs, in its gate's and its keeper's processes. */
const execGate = /^src\/agent\/leases\/(gate|gate-lsm|gatekeeper|inspect)\.ts$/

/** The agent runs as root and has no network: its daemon is handed to it. The keeper's pipe to `up` is a socket. */
const agentMayNotLoad = /^node:(net|http|https|http2|tls|dgram|dns)/
const pipes = ['src/agent/leases/main.ts']

/** The sensor process runs as root: what it loads must be small enough to read. */
const kernelSensorMayLoad = /^(node:|koffi$|#syscalls$|\.)/

const specifier =
  /(?:^|\n)\s*(?:import|export)\s[^'"]*?from\s*'([^']+)'|import\s*\(\s*'([^']+)'\s*\)|(?:^|\n)import\s+'([^']+)'/g

const offences: string[] = []
for (const file of globSync('src/**/*.ts').sort()) {
  const room = file.split('/')[1] as string
  const allowed = below[room]
  if (!allowed) {
    offences.push(`${file}: src/${room} is not a room; add it to scripts/lint/imports.ts or move the file`)
    continue
  }
  const text = readFileSync(file, 'utf8')
  for (const match of text.matchAll(specifier)) {
    const name = (match[1] ?? match[2] ?? match[3]) as string
    const line = text.slice(0, match.index).split('\n').length + (match[0].startsWith('\n') ? 1 : 0)
    const say = (why: string) => offences.push(`${file}:${line}: imports '${name}': ${why}`)
    if (name.startsWith('#')) {
      const target = name.slice(1).split('/')[0] as string
      if (target !== room && !allowed.includes(target))
        say(`${room} may import only ${allowed.join(', ') || 'nothing'}`)
    } else if (name.startsWith('.')) {
      const target = normalize(join(dirname(file), name))
      if (!target.startsWith(`src/${room}/`)) say('a room is entered by its #name')
    } else if (!name.startsWith('node:')) {
      for (const [pattern, where] of owners)
        if (pattern.test(name) && !where.test(file)) say(`this package belongs to ${where.source}`)
    }
    if (
      room === 'agent' &&
      name.startsWith('#sensor') &&
      !(name === '#sensor/exec-gate' && execGate.test(file))
    )
      say('of the sensor the agent loads #sensor/exec-gate alone, for its leases')
    if (room === 'agent' && agentMayNotLoad.test(name) && !pipes.includes(file))
      say('the agent has no network')
    if (file.startsWith('src/sensor/kernel/') && !kernelSensorMayLoad.test(name))
      say('the sensor process loads only src/sensor, #syscalls and koffi')
  }
}

for (const offence of offences) console.error(offence)
if (offences.length > 0) process.exit(1)
console.log('imports: every room imports downwards only')
