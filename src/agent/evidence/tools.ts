/** The tools evidence is collected with, where they are installed: argument lists, no shell. */
import { accessSync, constants } from 'node:fs'
import { join } from 'node:path'

export interface Asked {
  pid: number
  /** Of one file, in bytes. */
  bytes: number
  /** Where it may write, for those that write files themselves. */
  folder: string
}

export interface EvidenceTool {
  name: string
  /** The first that is installed is taken. */
  programs: readonly string[]
  /** What prints its version. */
  version: readonly string[]
  argv: (asked: Asked) => string[]
  /** Where its evidence comes out; `files`: it writes into the folder by itself. */
  output: 'stdout' | 'stderr' | 'files'
  /** Name of the file, for those that stream. */
  file: string
  /** It goes on until it is ended; else it ends by itself, and an end by time is a cut. */
  endless: boolean
  /** It needs the process to be there. */
  process: boolean
  /** It traces the process, which only one can at a time: these run one after the other, those that end by themselves first. */
  traces?: boolean
}

const bins = (name: string): string[] =>
  ['/usr/bin', '/usr/sbin', '/bin', '/sbin', '/usr/local/bin', '/usr/local/sbin'].map((folder) =>
    join(folder, name),
  )

export const evidenceTools: readonly EvidenceTool[] = [
  {
    ...{
      name: 'strace',
      programs: bins('strace'),
      version: ['--version'],
      output: 'stderr',
      file: 'strace.txt',
    },
    argv: ({ pid }) => ['-f', '-tt', '-yy', '-s', '256', '-p', String(pid)],
    ...{ endless: true, process: true, traces: true },
  },
  {
    ...{ name: 'gcore', programs: bins('gcore'), version: [], output: 'files', file: '' },
    argv: ({ pid, folder }) => ['-o', join(folder, 'core'), String(pid)],
    ...{ endless: false, process: true, traces: true },
  },
  {
    ...{
      name: 'tcpdump',
      programs: bins('tcpdump'),
      version: ['--version'],
      output: 'stdout',
      file: 'capture.pcap',
    },
    // All of the host's packets: which of them are of one process, nobody can tell in time.
    argv: () => ['-i', 'any', '-n', '-U', '-s', '0', '-w', '-'],
    ...{ endless: true, process: false },
  },
  {
    ...{ name: 'suricata', programs: bins('suricata'), version: ['-V'], output: 'files', file: '' },
    argv: ({ folder }) => ['-c', '/etc/suricata/suricata.yaml', '-l', folder, '--pcap=any'],
    ...{ endless: true, process: false },
  },
  {
    ...{ name: 'snort', programs: bins('snort'), version: ['-V'], output: 'files', file: '' },
    argv: ({ folder }) => ['-i', 'any', '-A', 'fast', '-c', '/etc/snort/snort.conf', '-l', folder],
    ...{ endless: true, process: false },
  },
]

/** Full path of an installed one. */
export function installed({ programs }: EvidenceTool): string | undefined {
  return programs.find((path) => {
    try {
      accessSync(path, constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}
