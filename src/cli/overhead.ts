/** `lymph overhead`: what watching costs this host. */
import { Command } from 'commander'
import { contextOf, print, printJson } from './context.ts'
import { compact, share } from './format.ts'
import { facts } from './table.ts'

export function overheadCommand(): Command {
  return new Command('overhead')
    .description(
      'What watching costs: nanoseconds a system call and the share of this host, as the kernel counts them.',
    )
    .action(async (_options: object, command: Command) => {
      const { api, json } = contextOf(command)
      const overhead = await api.get<Record<string, unknown>>('/overhead')
      if (json) return printJson(overhead)
      print(
        facts(Object.entries(overhead).map(([name, value]) => [labels[name] ?? name, shown(name, value)])),
      )
    })
}

const labels: Record<string, string> = {
  seen: 'calls seen',
  runs: "runs of the sensor's programs",
  runTimeNs: 'time in them',
  nsPerCall: 'time per call',
  cpuShare: 'share of this host',
}

function shown(name: string, value: unknown): string {
  if (typeof value !== 'number') return typeof value === 'string' ? value : JSON.stringify(value)
  if (name.endsWith('Share')) return share(value)
  if (name === 'nsPerCall') return value > 0 ? `${value.toFixed(1)} ns` : 'not measured'
  if (name.endsWith('Ns')) return `${(value / 1e9).toFixed(3)} s`
  if (name.endsWith('Bytes')) return `${compact(value / 1e6)} MB`
  return compact(value)
}
