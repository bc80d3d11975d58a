/** Learns profiles/ from the runs of runs.ts under strace: window 6, the start of a process as a symbol. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { release, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { DEFAULT_SETTINGS, encodeProfile, type ProfileRecord, tableFrom } from '#homeostasis'
import { type Executable, watchCommand } from '#sensor'
import { type Program, prepare, programs } from './runs.ts'

const LOCALES = ['C.UTF-8', 'C']
/** Addresses and timing differ from run to run; the second time brings what the first did not show. */
const ROUNDS = 2

const quoted = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`

/** All runs of a program as one sh script. */
function scriptOf(program: Program): string {
  const ways = (line: string) => [
    `${line} >/dev/null 2>&1 </dev/null`,
    `${line} >out/.output 2>&1 </dev/null`,
    `${line} 2>/dev/null | cat >/dev/null`,
    `script -qec ${quoted(line)} /dev/null </dev/null >/dev/null 2>&1`,
  ]
  const lines = program.runs.flatMap(ways)
  const plain = program.plain.map(
    (line) => `timeout --foreground 20 sh -c ${quoted(line)} >/dev/null 2>&1 </dev/null`,
  )
  return `${[...lines, ...plain].join('\n')}\nrm -rf out/* out/.output\ntrue\n`
}

function aboutOf(program: Program, runs: number): Record<string, string> {
  const say = (command: string, ...args: string[]) => execFileSync(command, args, { encoding: 'utf8' }).trim()
  const system = Object.fromEntries(
    [...readFileSync('/etc/os-release', 'utf8').matchAll(/^(\w+)="?([^"\n]*)"?$/gm)].map((found) => [
      found[1],
      found[2],
    ]),
  )
  const debian =
    system.ID === 'debian' ? readFileSync('/etc/debian_version', 'utf8').trim() : system.VERSION_ID
  return {
    package: `${program.package} ${say('dpkg-query', '--show', '--showformat', '$' + '{Version}', program.package)}`,
    system: `${system.NAME} ${debian}`,
    kernel: release(),
    recorder:
      say('strace', '-V')
        .split('\n')[0]
        ?.replace(/^strace -- version/, 'strace') ?? 'strace',
    runs: String(runs),
    script: 'scripts/learn-profiles',
  }
}

async function learn(name: string, program: Program): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'lymph-learn-'))
  try {
    execFileSync('sh', ['-ec', prepare], { cwd: folder, stdio: ['ignore', 'ignore', 'inherit'] })
    const cwd = join(folder, 'work')
    const script = join(folder, 'runs.sh')
    writeFileSync(script, scriptOf(program))
    let record: ProfileRecord | undefined
    for (let round = 0; round < ROUNDS; round++)
      for (const locale of LOCALES) {
        const env = { PATH: '/usr/bin:/bin', HOME: cwd, LANG: locale, TERM: 'xterm', SHELL: '/bin/sh' }
        const before = record?.tables.train.sequences ?? 0
        const saved = async (executable: Executable) =>
          executable.path === program.binary ? record : undefined
        const { profiles } = await watchCommand(['sh', script], {
          settings: DEFAULT_SETTINGS,
          stdio: ['ignore', 'ignore', 'ignore'],
          cwd,
          env,
          saved,
        })
        record = profiles.find((profile) => profile.key.binary === program.binary)
        if (!record) throw new Error(`${program.binary} did not run: is it installed under this path?`)
        console.log(
          `${name}: round ${round + 1}, ${locale}: ${record.tables.calls} calls, ` +
            `${tableFrom(record.tables.rows, 'train').pairs} pairs, ${record.tables.train.sequences - before} new sequences`,
        )
      }
    const runs = ROUNDS * LOCALES.length * (4 * program.runs.length + program.plain.length)
    // The wait for normal is the host's that takes the profile: it begins there.
    const shipped = {
      ...(record as ProfileRecord),
      frozen: false,
      normalTime: 0,
      about: aboutOf(program, runs),
    }
    const file = join('profiles', program.binary)
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, encodeProfile(shipped))
    console.log(`${name}: ${file}`)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

const wanted = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(programs)
for (const name of wanted) {
  const program = programs[name]
  if (!program) {
    console.error(`lymph: there are no runs for '${name}'; there are for ${Object.keys(programs).join(', ')}`)
    process.exit(2)
  }
  await learn(name, program)
}
