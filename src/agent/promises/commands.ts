/** Commands: an argument list, never a shell, with limits on time and output; once, or for each process of a filter. */
import { readFileSync } from 'node:fs'
import { z } from 'zod'
import { runProgram } from '../host/run-program.ts'
import { argvShape, durationShape, milliseconds, nameShape, pathShape } from '../policy/shapes.ts'
import { unknownFilter } from './faults.ts'
import type { Fault, PromiseType, Step } from './interface.ts'
import { select } from './processes/select.ts'
import { put, thisOf } from './this.ts'

const shape = z.strictObject({
  argv: argvShape,
  each: z
    .string()
    .optional()
    .meta({ description: 'a filter: once for each process, with $(this.pid) and such' }),
  most: z.int().min(1).max(1000).default(20).meta({ description: 'of each: with more, none is run' }),
  timeout: durationShape.default('60s'),
  output: z
    .int()
    .min(0)
    .max(1 << 20)
    .default(65_536)
    .meta({ description: 'bytes kept of what it says' }),
  user: nameShape.optional().meta({ description: 'who it runs as; default: as the agent, root' }),
  cwd: pathShape.default('/'),
  env: z.record(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/), z.string()).default({}),
  kept: z
    .array(z.int().min(0).max(255))
    .default([])
    .meta({ description: 'exit codes for nothing had to be done' }),
  repaired: z.array(z.int().min(0).max(255)).default([0]).meta({ description: 'exit codes for it was done' }),
})

type CommandsBody = z.infer<typeof shape>

interface CommandStep extends Step {
  detail: { argv: string[]; pid?: number; binary?: string }
}

/** Of what a command said, in the ledger. */
const SAID_CHARACTERS = 500

export const commands: PromiseType<CommandsBody, CommandStep> = {
  name: 'commands',
  shape: shape as unknown as z.ZodType<CommandsBody>,
  summary: 'a program with its arguments, without a shell, with limits on time and output',

  parse(body, names) {
    const faults: Fault[] = []
    if (body.each !== undefined) faults.push(...unknownFilter(body.each, names, ['each']))
    if (body.each === undefined)
      for (const [index, word] of body.argv.entries())
        if (/\$\(this\./.test(word))
          faults.push({
            path: ['argv', index],
            message: '$(this.…) needs each: it is of the process a command is for',
          })
    if (body.user !== undefined && userOf(body.user) === undefined)
      faults.push({ path: ['user'], message: `no user of this host is called ${body.user}` })
    return faults.length > 0 ? { faults } : { body }
  },

  async plan(body, world) {
    if (body.each === undefined)
      return {
        steps: [{ act: 'run', target: body.argv.join(' '), detail: { argv: body.argv } }],
        spared: [],
        why: '',
      }
    const { selected, spared, ended } = select({ filter: body.each }, world)
    if (selected.length > body.most)
      return {
        steps: [],
        spared,
        ended,
        why: `it would be run for ${selected.length} processes, and at most ${body.most} is allowed: raise most if so many are meant`,
        refused: true,
      }
    const steps = selected.map((one): CommandStep => {
      const argv = body.argv.map((word) => put(word, thisOf(one)))
      const { pid, binary } = one.process
      return {
        act: 'run',
        target: argv.join(' '),
        incidents: one.offence?.incident ? [one.offence.incident] : [],
        detail: { argv, pid, binary },
      }
    })
    return { steps, spared, ended, why: steps.length > 0 ? '' : 'no process matches' }
  },

  async act({ target, detail }, body, hands) {
    const user = body.user === undefined ? undefined : userOf(body.user)
    if (body.user !== undefined && !user)
      return { result: 'not_kept', line: `${target}: no user is called ${body.user}` }
    const end = await runProgram({
      argv: detail.argv,
      timeoutMs: milliseconds(body.timeout),
      outputBytes: body.output,
      signal: hands.signal,
      lease: hands.leases.program(target, milliseconds(body.timeout)),
      cwd: body.cwd,
      env: body.env,
      ...(user ?? {}),
    })
    const said = end.output
      .trim()
      .slice(0, SAID_CHARACTERS)
      .replaceAll(/\s*\n\s*/g, ' | ')
    const tail = `${said ? `: ${said}` : ''}${end.cut ? ` (cut at ${body.output} bytes)` : ''}`
    if (end.code === null) return { result: 'not_kept', line: `${target}: ${end.how}${tail}` }
    if (body.kept.includes(end.code))
      return { result: 'kept', line: `${target}: exit code ${end.code}${tail}` }
    if (body.repaired.includes(end.code)) return { result: 'repaired', line: `${target}: done${tail}` }
    return { result: 'not_kept', line: `${target}: exit code ${end.code}${tail}` }
  },
}

export function userOf(name: string): { uid: number; gid: number } | undefined {
  const line = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .find((one) => one.startsWith(`${name}:`))
  const [, , uid, gid] = line?.split(':') ?? []
  return uid === undefined || gid === undefined ? undefined : { uid: Number(uid), gid: Number(gid) }
}
