/**
 * The integrity check of a tree beside Debian's aide, in one run: making a baseline, the first check, and the findings of
 * both on 20 planted changes. The tree is seen through an overlay in a mount namespace of this run's own: nothing of the
 * host is changed. `npm run bench -- integrity [TREE]`, as root; default /usr.
 */
import { spawnSync } from 'node:child_process'
import {
  appendFileSync,
  chmodSync,
  chownSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const [first = '/usr', ...rest] = process.argv.slice(2)

if (first === 'inside') inside(...(rest as [string, string]))
else if (first === 'run') await ours(...(rest as [string, string, string]))
else outside(first)

function outside(tree: string): void {
  if (process.getuid?.() !== 0) {
    skip('only root mounts an overlay')
    return
  }
  if (spawnSync('aide', ['--version']).error) {
    skip('aide is missing (Debian: apt-get install aide)')
    return
  }
  const folder = mkdtempSync(join(tmpdir(), 'lymph-bench-integrity-'))
  try {
    const argv = [
      '-m',
      '--propagation',
      'private',
      process.execPath,
      import.meta.filename,
      'inside',
      tree,
      folder,
    ]
    process.exitCode = spawnSync('unshare', argv, { stdio: 'inherit' }).status ?? 1
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function skip(why: string): void {
  console.log(JSON.stringify({ bench: 'integrity', skipped: why }))
}

interface Timed {
  seconds: number
  cpuSeconds: number
  status: number
  output: string
}

/** Wall and CPU time of a command, its children included, as the shell's `time` has them. */
function timed(argv: string[], name: string, folder: string): Timed {
  const file = join(folder, `${name}.time`)
  const script = 'TIMEFORMAT="%R %U %S"; out=$1; shift; { time "$@" 2>&3; } 3>&2 2>"$out"'
  const done = spawnSync('bash', ['-c', script, 'bash', file, ...argv], {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [seconds = 0, user = 0, system = 0] = readFileSync(file, 'utf8').trim().split(' ').map(Number)
  return { seconds, cpuSeconds: user + system, status: done.status ?? -1, output: done.stdout }
}

/** As a process of its own: starting Node counts too. */
async function ours(verb: string, tree: string, folder: string): Promise<void> {
  const { checkTree, makeBaseline } = await import('../../src/agent/integrity/index.ts')
  const options = { folder, name: 'bench', roots: [tree], now: Date.now, packages: null }
  if (verb === 'baseline') {
    const { entries, bytes } = await makeBaseline(options)
    console.log(JSON.stringify({ entries, bytes }))
  } else {
    const { findings, entries } = await checkTree(options, { quick: verb === 'quick' })
    console.log(JSON.stringify({ entries, paths: findings.map(({ path }) => path) }))
  }
}

function inside(lower: string, folder: string): void {
  const at = (name: string) => join(folder, name)
  const must = (argv: string[]) => {
    const { status, stderr } = spawnSync(argv[0] as string, argv.slice(1), { encoding: 'utf8' })
    if (status !== 0) throw new Error(`${argv.join(' ')}: ${stderr}`)
  }
  must(['mount', '-t', 'tmpfs', 'bench', folder])
  for (const name of ['upper', 'work', 'tree', 'kept']) mkdirSync(at(name))
  const tree = at('tree')
  const layers = `lowerdir=${lower},upperdir=${at('upper')},workdir=${at('work')}`
  must(['mount', '-t', 'overlay', 'bench', '-o', layers, tree])
  const attributes = 'ftype+p+u+g+s+l+n+acl+xattrs+sha256'
  const database = (name: string) => `database_${name === 'new' ? 'out' : 'in'}=file:${at('aide.db')}`
  const config = [
    ...[
      database('in'),
      database('new'),
      // Of the reports named after it.
      'report_format=json',
      'report_url=stdout',
      'num_workers=2',
      'gzip_dbout=no',
    ],
    // As ours: a folder's links and size follow what is in it.
    ...['log_level=error', `${tree} d ftype+p+u+g+acl+xattrs`, `${tree} !d ${attributes}`, ''],
  ].join('\n')
  writeFileSync(at('aide.conf'), config.replace(`${tree} !d`, `${tree} f,l,p,s,c,b`))
  const lymph = (verb: string) =>
    timed([process.execPath, import.meta.filename, 'run', verb, tree, at('kept')], `lymph-${verb}`, folder)
  const aide = (verb: string) =>
    timed(['aide', '--config', at('aide.conf'), `--${verb}`], `aide-${verb}`, folder)
  // Whoever came first would pay for reading the disk.
  const cold = lymph('baseline')
  const runs = {
    baseline: { lymph: lymph('baseline'), aide: aide('init') },
    unchanged: { lymph: lymph('check'), aide: aide('check') },
    quick: { lymph: lymph('quick') },
  }
  const planted = plant(tree)
  const found = { lymph: lymph('check'), aide: aide('check') }
  const mine = new Set((JSON.parse(found.lymph.output) as { paths: string[] }).paths)
  const theirs = aidePaths(found.aide.output)
  const figures = ({ seconds, cpuSeconds, status }: Timed) => ({
    seconds,
    cpuSeconds: round(cpuSeconds),
    status,
  })
  const compared = (pair: { lymph: Timed; aide: Timed }) => ({
    lymph: figures(pair.lymph),
    aide: figures(pair.aide),
    timesFaster: round(pair.aide.seconds / pair.lymph.seconds),
    timesLessCpu: round(pair.aide.cpuSeconds / pair.lymph.cpuSeconds),
  })
  console.log(
    JSON.stringify(
      {
        bench: 'integrity',
        tree: lower,
        ...JSON.parse(cold.output),
        aide: spawnSync('aide', ['--version'], { encoding: 'utf8' }).stdout.split('\n')[0],
        coldBaselineSeconds: cold.seconds,
        baseline: compared(runs.baseline),
        check: compared(runs.unchanged),
        quickCheck: figures(runs.quick.lymph),
        findingsWhenUnchanged: (JSON.parse(runs.unchanged.lymph.output) as { paths: string[] }).paths.length,
        changed: {
          planted: planted.count,
          paths: planted.paths.size,
          ...compared(found),
          lymphFound: [...planted.paths].filter((path) => mine.has(path)).length,
          aideFound: [...planted.paths].filter((path) => theirs.has(path)).length,
          lymphOnly: [...mine].filter((path) => !theirs.has(path)),
          aideOnly: [...theirs].filter((path) => !mine.has(path)),
        },
      },
      null,
      2,
    ),
  )
}

function round(n: number): number {
  return Math.round(n * 100) / 100
}

/** Paths of aide's JSON report: objects of `added`, `removed` and `changed`. */
function aidePaths(report: string): Set<string> {
  const start = report.indexOf('{')
  const told = JSON.parse(report.slice(start)) as Record<string, Record<string, unknown> | undefined>
  return new Set(['added', 'removed', 'changed'].flatMap((kind) => Object.keys(told[kind] ?? {})))
}

/** Twenty changes of different kinds, spread over the tree. */
function plant(tree: string): { count: number; paths: Set<string> } {
  const files: string[] = []
  const look = (folder: string) => {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      if (files.length >= 500) return
      const path = join(folder, entry.name)
      if (entry.isDirectory()) look(path)
      if (!entry.isFile()) continue
      const { nlink, mode, size } = lstatSync(path)
      if (nlink === 1 && (mode & 0o7000) === 0 && size > 1000 && size < 1e6) files.push(path)
    }
  }
  look(tree)
  const take = () => {
    const path = files.splice(Math.floor(files.length / 2), 1)[0]
    if (path === undefined) throw new Error(`${tree} has too few files`)
    return path
  }
  const paths = new Set<string>()
  const touched = (path: string) => {
    paths.add(path)
    return path
  }
  const flip = (path: string) => {
    const bytes = readFileSync(path)
    bytes[500] = (bytes[500] as number) ^ 1
    writeFileSync(path, bytes)
  }
  const changes: (() => void)[] = [
    () => flip(touched(take())),
    () => flip(touched(take())),
    () => flip(touched(take())),
    () => appendFileSync(touched(take()), 'x'),
    () => truncateSync(touched(take()), 900),
    () => writeFileSync(touched(take()), ''),
    () => chmodSync(touched(take()), 0o4755),
    () => chmodSync(touched(take()), 0o777),
    () => chownSync(touched(take()), 1234, 0),
    () => chownSync(touched(take()), 0, 1234),
    () => unlinkSync(touched(take())),
    () => unlinkSync(touched(take())),
    () => writeFileSync(touched(join(tree, 'planted.so')), 'x'),
    () => writeFileSync(touched(join(tree, '.hidden')), 'x', { mode: 0o4755 }),
    () => mkdirSync(touched(join(tree, 'planted'))),
    () => symlinkSync('/etc/shadow', touched(join(tree, 'link'))),
    () => {
      const path = touched(take())
      linkSync(path, touched(`${path}-linked`))
    },
    () => {
      const path = touched(take())
      unlinkSync(path)
      symlinkSync('/tmp/other', path)
    },
    () => {
      const path = touched(take())
      renameSync(path, touched(`${path}-renamed`))
    },
    () => chmodSync(touched(tree), 0o777),
  ]
  for (const change of changes) change()
  return { count: changes.length, paths }
}
