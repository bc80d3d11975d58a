/** Files: a tree against its baseline, and against the mode and owners a policy asks for; warn, or put back. */
import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { pathShape } from '../policy/shapes.ts'
import type { Fault, Outcome, PromiseType, Step } from '../promises/interface.ts'
import type { Hands, World } from '../promises/world.ts'
import { placesOf } from './baseline.ts'
import { type CheckReport, checkTree, type IntegrityOptions, makeBaseline } from './check.ts'
import { type Entry, type Field, shownPath } from './entry.ts'
import { fixEntry } from './fix.ts'
import { applyMode, isMode } from './mode.ts'

const shape = z.strictObject({
  path: pathShape,
  recurse: z
    .union([z.literal('inf'), z.int().min(0).max(1000)])
    .default('inf')
    .meta({ description: 'folders below it; 0: it alone' }),
  act: z
    .enum(['warn', 'fix'])
    .default('warn')
    .meta({ description: 'fix puts owner, mode and attributes back' }),
  mode: z.string().refine(isMode, 'a mode such as 644 or o-w').optional(),
  owner: z.array(z.string()).min(1).optional().meta({ description: 'names or numbers that may own it' }),
  group: z.array(z.string()).min(1).optional(),
  xdev: z.boolean().default(true).meta({ description: 'stays on the file system of path' }),
  ignore: z.array(z.string().min(1).max(255)).default([]).meta({ description: 'names, with * and ?' }),
  exclude: z.array(pathShape).default([]).meta({ description: 'full paths, with * ** and ?' }),
  quick: z.boolean().default(false).meta({ description: 'reads only what was touched; see integrity.md' }),
})

type FilesBody = z.infer<typeof shape>
interface FilesStep extends Step {
  detail: IntegrityOptions
}

const namedFindings = 5

/** Name to number, of /etc/passwd or /etc/group; a number is itself. */
function numbersOf(file: string, names: readonly string[] | undefined): number[] | undefined {
  if (!names) return undefined
  const lines = readFileSync(file, 'utf8')
    .split('\n')
    .map((line) => line.split(':'))
  return names.flatMap((name) => {
    if (/^\d+$/.test(name)) return [Number(name)]
    const found = lines.find(([one]) => one === name)
    return found ? [Number(found[2])] : []
  })
}

function optionsOf(body: FilesBody, { folder, now }: Pick<World, 'folder' | 'now'>): IntegrityOptions {
  const { path, recurse, xdev, ignore, exclude } = body
  const top = path.replace(/\/+$/, '')
  const depth = recurse === 'inf' ? {} : { depth: recurse }
  const asked = {
    ...{ roots: [top || '/'], mounts: !xdev, ...depth },
    exclude: [...exclude, ...ignore.map((name) => `${top}**/${name}`)],
  }
  const hash = createHash('sha256').update(JSON.stringify(asked)).digest('hex').slice(0, 8)
  const word = path
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '')
    .slice(0, 40)
  return { folder: join(folder, 'integrity'), name: `${word || 'root'}-${hash}`, ...asked, now }
}

/** What the policy asks of every entry, beside the baseline. */
class Demands {
  readonly #body: FilesBody
  readonly #owners: number[] | undefined
  readonly #groups: number[] | undefined
  readonly lines: string[] = []
  count = 0
  fixed = 0

  constructor(body: FilesBody) {
    this.#body = body
    this.#owners = numbersOf('/etc/passwd', body.owner)
    this.#groups = numbersOf('/etc/group', body.group)
  }

  look(entry: Entry): void {
    const wanted = { ...entry }
    const { mode } = this.#body
    if (mode !== undefined && entry.type !== 'l' && entry.mode !== '-')
      wanted.mode = applyMode(mode, Number.parseInt(entry.mode, 8)).toString(8).padStart(4, '0')
    if (this.#owners && !this.#owners.includes(Number(entry.uid))) wanted.uid = String(this.#owners[0] ?? 0)
    if (this.#groups && !this.#groups.includes(Number(entry.gid))) wanted.gid = String(this.#groups[0] ?? 0)
    const fields = (['uid', 'gid', 'mode'] as Field[]).filter((field) => wanted[field] !== entry[field])
    if (fields.length === 0 || entry.type === '?') return
    this.count++
    const fixed = this.#body.act === 'fix' ? fixEntry(wanted, entry, fields) : undefined
    if (fixed && fixed.done.length === fields.length) this.fixed++
    const what = fields.map((field) => `${field} ${entry[field]}, not ${wanted[field]}`).join(', ')
    if (this.lines.length < namedFindings)
      this.lines.push(`${shownPath(entry.path)}: ${what}${fixed?.left ? ` (${fixed.left})` : ''}`)
  }
}

export const files: PromiseType<FilesBody, FilesStep> = {
  name: 'files',
  shape: shape as unknown as z.ZodType<FilesBody>,
  summary: 'a tree against its baseline: owner, mode, size, SHA-256, links, attributes; warn, or put back',

  parse(body) {
    const faults: Fault[] = []
    const check = (key: 'owner' | 'group', file: string) => {
      for (const [index, name] of (body[key] ?? []).entries())
        if (numbersOf(file, [name])?.length === 0)
          faults.push({ path: [key, index], message: `no ${key} of this host is called ${name}` })
    }
    check('owner', '/etc/passwd')
    check('group', '/etc/group')
    return faults.length > 0 ? { faults } : { body }
  },

  async plan(body, world) {
    const detail = optionsOf(body, world)
    const known = existsSync(placesOf(detail.folder, detail.name).baseline)
    const act = known ? (body.act === 'fix' ? 'check and fix' : 'check') : 'make a baseline of'
    return { steps: [{ act, target: body.path, detail }], spared: [], why: '' }
  },

  async act({ detail }, body, hands): Promise<Outcome> {
    const options: IntegrityOptions = {
      ...{ ...detail, signal: hands.signal },
      progress: (entries, bytes) =>
        hands.progress(`${body.path}: ${entries} entries, ${Math.round(bytes / 1e6)} MB`),
    }
    try {
      let begun = ''
      if (!existsSync(placesOf(options.folder, options.name).baseline)) {
        const { entries, sha256 } = await makeBaseline(options)
        begun = `a baseline of ${entries} entries was made`
        await tell(hands, {
          change: 'baseline',
          name: options.name,
          baseline: sha256,
          entries,
          findings: 0,
          expected: 0,
        })
        if (!body.mode && !body.owner && !body.group)
          return {
            result: 'repaired',
            line: `${body.path}: ${begun}: from the next run on it is compared with`,
          }
      }
      const demands = new Demands(body)
      const each =
        body.mode || body.owner || body.group ? { each: (entry: Entry) => demands.look(entry) } : {}
      const report = await checkTree({ ...options, ...each }, { fix: body.act === 'fix', quick: body.quick })
      await tell(hands, {
        ...{
          change: 'checked',
          name: options.name,
          baseline: report.baseline.sha256,
          entries: report.entries,
        },
        ...{
          findings: report.findings.length + report.findingsCut + demands.count,
          expected: report.expected.length,
        },
      })
      return outcome(body, report, demands, begun)
    } catch (error) {
      if (hands.signal.aborted)
        return {
          result: 'not_kept',
          line: `${body.path}: not through in its time: the next run goes on from there`,
        }
      return { result: 'not_kept', line: `${body.path}: ${(error as Error).message}` }
    }
  },
}

async function tell({ daemon }: Hands, record: Record<string, unknown>): Promise<void> {
  // Without a daemon the ledger has it.
  await daemon?.post('/journal', { records: [{ kind: 'integrity', ...record }] }).catch(() => {})
}

function outcome({ path, act }: FilesBody, report: CheckReport, demands: Demands, begun: string): Outcome {
  const { findings, findingsCut, expected, entries } = report
  const count = findings.length + findingsCut + demands.count
  const known = expected.length > 0 ? `, ${expected.length} changed by packages` : ''
  if (count === 0)
    return {
      result: begun ? 'repaired' : 'kept',
      line: `${path}: ${begun || `${entries} entries are as they were${known}`}`,
    }
  const whole =
    findings.filter(({ fixed }) => fixed && fixed.done.length > 0 && fixed.left === '').length + demands.fixed
  const named = [
    ...demands.lines,
    ...findings
      .slice(0, namedFindings)
      .map((one) => `${one.change} ${one.path}: ${one.what}${one.fixed?.left ? ` (${one.fixed.left})` : ''}`),
  ].slice(0, namedFindings)
  const more = count > named.length ? ` and ${count - named.length} more` : ''
  const put = act === 'fix' ? `, ${whole} put back` : ''
  return {
    result: act === 'fix' && whole === count ? 'repaired' : 'not_kept',
    line: `${path}: ${count} of ${entries} entries are not as they should be${put}${known}: ${named.join('; ')}${more}`,
    classes: ['checksum_alerts'],
  }
}
