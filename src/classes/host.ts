import { canonify } from './names.ts'

export interface HostFacts {
  /** `uname -s`, `linux` */
  platform: string
  /** `uname -m`, `x86_64` */
  machine: string
  hostname: string
  /** The text of /etc/os-release; '' where there is none. */
  osRelease: string
  /** What the fleet calls this host beside its name: the config's `tags`. */
  tags?: readonly string[]
}

/** What an os-release file says (os-release(5)): `NAME=value` lines, quoted as a shell has it. */
function osRelease(text: string): Map<string, string> {
  const fields = new Map<string, string>()
  for (const line of text.split('\n')) {
    const match = /^([A-Z0-9_]+)=(?:"((?:[^"\\]|\\.)*)"|'([^']*)'|(\S*))\s*$/.exec(line)
    if (!match) continue
    fields.set(match[1] as string, match[2]?.replaceAll(/\\(.)/g, '$1') ?? match[3] ?? match[4] ?? '')
  }
  return fields
}

/** Hard classes as cfengine names them: `any`, `linux`, `x86_64`, `debian`, `debian_12`, the host's names. */
export function hostClasses(facts: HostFacts): string[] {
  const os = osRelease(facts.osRelease)
  const id = os.get('ID') ?? ''
  const version = os.get('VERSION_ID') ?? ''
  const short = facts.hostname.split('.')[0] ?? ''
  const names = [
    'any',
    facts.platform.toLowerCase(),
    facts.machine,
    `${facts.platform.toLowerCase()}_${facts.machine}`,
    facts.hostname,
    short,
    id,
    ...(os.get('ID_LIKE') ?? '').split(/\s+/),
    ...(facts.tags ?? []),
  ]
  if (id && version) {
    // debian_12 and ubuntu_24 beside ubuntu_24_04: policies are written for either.
    names.push(`${id}_${version}`, `${id}_${version.split('.')[0]}`)
  }
  return [...new Set(names.filter((name) => name !== '').map(canonify))]
}
