/**
 * The commands by name. Each is `src/cli/NAME.ts` exporting `NAMECommand()`, loaded only when it runs: `lymph trace`
 * must not wait for libp2p, nor `lymph status` for the mesh.
 */
import { existsSync } from 'node:fs'
import type { Command } from 'commander'

export interface Entry {
  name: string
  summary: string
  group: string
}

const group = (heading: string, entries: Record<string, string>): Entry[] =>
  Object.entries(entries).map(([name, summary]) => ({ name, summary, group: heading }))

export const entries: readonly Entry[] = [
  ...group('This host:', {
    up: 'run this host: sensor, daemon, mesh; until Ctrl-C',
    status: 'what this host is, what it has seen, how it stands',
    top: 'what is happening, refreshed every second',
    doctor: 'check what lymph needs here, and say what to do where it is missing',
    selftest: 'plant a harmless anomaly and follow it to the incident and the warning',
    overhead: 'what watching costs',
    classes: 'the classes that hold now',
    watch: 'run one command under the software sensor, without root',
  }),
  ...group('What is normal:', {
    profile: 'profiles: list, look at, compare, decide about, move',
    set: "show or change pH's variables",
    env: 'what the host measures of itself, and what is normal for each time of the week',
    trace: 'learn from and score recorded traces',
    incident: 'anomalies of one binary, grouped until quiet',
    agent: 'act on what holds, as the policy says; see what was done; take it back',
    policy: 'check, explain and import policies',
    evidence: 'what was collected of offending processes',
  }),
  ...group('Other hosts:', {
    mesh: 'found a mesh, invite and join, see its members',
    warnings: 'what other hosts warn of',
    fleet: 'compare profiles across hosts',
  }),
  ...group('Parts that `lymph up` starts:', {
    sensor: 'the privileged sensor process',
    daemon: 'the unprivileged daemon process',
  }),
]

const fileOf = (name: string) => new URL(`./${name}.ts`, import.meta.url)

export const hasFile = (name: string): boolean => existsSync(fileOf(name))

export async function load(name: string): Promise<Command> {
  const module = (await import(fileOf(name).href)) as Record<string, () => Command>
  return (module[`${name}Command`] as () => Command)()
}
