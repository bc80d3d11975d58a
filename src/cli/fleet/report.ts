/** `lymph fleet report`: the research questions of the 2003 paper, answered with plots. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Command } from 'commander'
import type { BinaryReport, HostsReport } from '#daemon'
import { barsSvg, matrixSvg, reportHtml, stabilitySvg, weekSvg } from '#fleet'
import { contextOf, print, printJson } from '../context.ts'
import { CommandError, exitCodes, reasonOf } from '../errors.ts'
import { compact, figure, plain, plural, share } from '../format.ts'
import { callNames } from '../pairs.ts'

/** One question, its answer in words, and its plot. */
interface Section {
  name: string
  title: string
  words: string[]
  svg: string
}

const timeoutMs = 300_000
const mostCalls = 40
const barLetters = 40

export function addReport(fleet: Command): void {
  fleet
    .command('report')
    .description(
      'How similarly a program is used on different hosts, which part of it is ever used, and when in the week; without a program, ' +
        'how stable the hosts are. As text with bars, as SVG files, or as one page.',
    )
    .argument('[binary]', 'path or base name')
    .option('--svg <dir>', 'write a file for each plot into a folder')
    .option('--html <file>', 'write one page that has them all, and fetches nothing')
    .action(
      async (binary: string | undefined, options: { svg?: string; html?: string }, command: Command) => {
        const { api, json } = contextOf(command)
        const report =
          binary === undefined
            ? await api.get<HostsReport>('/fleet/report/hosts')
            : await api.get<BinaryReport>('/fleet/report', { binary }, timeoutMs)
        const sections = 'use' in report ? ofBinary(report) : ofHosts(report)
        const title = 'use' in report ? `${report.binary} on the fleet` : 'The hosts of the fleet'
        if (options.svg !== undefined)
          for (const { name, svg } of sections) write(join(folder(options.svg), `${name}.svg`), svg)
        if (options.html !== undefined)
          write(
            options.html,
            reportHtml(
              title,
              sections.map((one) => ({ ...one, words: one.words.join('\n') })),
            ),
          )
        if (json) return printJson(report)
        for (const { title: head, words } of sections) print(plain(head), ...words.map(plain), '')
        if ('refused' in report)
          for (const { name, reason } of report.refused) print(`left out: ${plain(name)}: ${plain(reason)}`)
      },
    )
}

function folder(path: string): string {
  try {
    mkdirSync(path, { recursive: true })
    return path
  } catch (error) {
    throw new CommandError(`${path}: ${reasonOf(error)}: name a folder that can be made`, exitCodes.usage)
  }
}

function write(file: string, content: string): void {
  try {
    writeFileSync(file, content)
  } catch (error) {
    throw new CommandError(`${file}: ${reasonOf(error)}: name a file that can be written`, exitCodes.usage)
  }
}

const bar = (part: number): string => '#'.repeat(Math.round(barLetters * Math.min(1, Math.max(0, part))))

function ofBinary({ binary, abi, comparison, use, hours }: BinaryReport): Section[] {
  const name = abi ? callNames(abi) : String
  const names = comparison.hosts.map((host) => host.name)
  const means = names.map((one) => {
    const others = names.filter((other) => other !== one)
    const sum = others.reduce((all, other) => all + (comparison.distance[one]?.[other] ?? 0), 0)
    return { name: one, mean: others.length === 0 ? 0 : sum / others.length }
  })
  means.sort((a, b) => b.mean - a.mean)
  const most = Math.max(1e-9, ...means.map(({ mean }) => mean))
  const calls = use.byCall.slice(0, mostCalls)
  return [
    {
      name: 'similarity',
      title: `How similarly is ${binary} used on ${plural(names.length, 'host')}?`,
      words: [
        'mean distance of each host from the others (Jaccard, 0 the same, 1 nothing in common):',
        ...means.map((one) => `  ${one.name.padEnd(20)} ${one.mean.toFixed(3)} ${bar(one.mean / most)}`),
      ],
      svg: matrixSvg(`Distances of ${binary} between hosts`, names, comparison.distance),
    },
    {
      name: 'use',
      title: `Which part of ${binary} is ever used?`,
      words: [
        `${use.union.calls} calls and ${use.union.pairs} pairs on any host; ${use.common.calls} calls and ${use.common.pairs} pairs (${share(use.common.pairs / Math.max(1, use.union.pairs))}) on every one`,
        ...use.hosts.map(
          (host) =>
            `  ${host.name.padEnd(20)} ${share(host.pairShare).padStart(9)} of the pairs, ${host.calls} calls ${bar(host.pairShare)}`,
        ),
        'calls, by the pairs they end, and on how many hosts:',
        ...calls.map(
          (one) =>
            `  ${name(one.call).padEnd(20)} ${String(one.pairs).padStart(5)} pairs, ${one.hosts} of ${names.length} hosts ${bar(one.pairs / Math.max(1, calls[0]?.pairs ?? 1))}`,
        ),
        ...(use.byCall.length > calls.length ? [`  and ${use.byCall.length - calls.length} more calls`] : []),
      ],
      svg: barsSvg(
        `Pairs of ${binary} that each call ends, over all hosts`,
        calls.map((one) => ({
          name: name(one.call),
          value: one.pairs,
          words: `${one.pairs}, on ${one.hosts} of ${names.length} hosts`,
        })),
      ),
    },
    {
      name: 'week',
      title: `When in the week is ${binary} used?`,
      words:
        hours.length === 0
          ? ['no host has told yet: hours are counted while a program runs, a minute at a time']
          : hours.map((one) => `  ${one.name.padEnd(20)} ${weekText(one.hours)}`),
      svg: weekSvg(`Hours of the week in which ${binary} runs`, hours),
    },
  ]
}

/** A letter for each four hours, days apart: blank never, `.` little, `o` half, `O` most. */
function weekText(hours: readonly number[]): string {
  const letters = [' ', '.', 'o', 'O']
  const four = Array.from({ length: 42 }, (_, n) => letters[Math.max(...hours.slice(4 * n, 4 * n + 4))])
  return Array.from({ length: 7 }, (_, day) => four.slice(6 * day, 6 * day + 6).join('')).join('|')
}

function ofHosts({ hosts, stability }: HostsReport): Section[] {
  const most = Math.max(1e-9, ...hosts.map(({ perMillion }) => perMillion))
  const last = stability.slice(-24)
  const busiest = Math.max(1e-9, ...last.map(({ processes }) => processes))
  return [
    {
      name: 'anomalies',
      title: 'How many anomalies do the hosts have?',
      words: hosts.map(
        (host) =>
          `  ${host.name.padEnd(20)} ${figure(host.perMillion).padStart(8)} anomalous of a million calls (${compact(host.calls)}), ${host.withAnomalies} of ${plural(host.profiles, 'profile')} have any ${bar(host.perMillion / most)}`,
      ),
      svg: barsSvg(
        'Anomalous calls of a million',
        hosts.map((host) => ({ name: host.name, value: host.perMillion, words: figure(host.perMillion) })),
      ),
    },
    {
      name: 'stability',
      title: 'How many processes of this host have anomalies?',
      words:
        last.length === 0
          ? ['nothing was looked at yet: this host has no sensor, or was just started']
          : last.map(
              (hour) =>
                `  ${new Date(hour.at).toISOString().slice(0, 13)}h ${hour.abnormal.toFixed(2).padStart(7)} of ${hour.processes.toFixed(1)} processes ${bar(hour.processes / busiest)}`,
            ),
      svg: stabilitySvg('Processes of this host, and those with anomalies', stability),
    },
  ]
}
