/** What rpm's database tells of the files of the packages that are installed now: one query, read as it comes. */
import { spawn } from 'node:child_process'

export interface RpmFile {
  name: string
  version: string
  /** When the transaction that installed the package began and when the package was in, ms since the epoch. */
  start: number
  end: number
  /** Bytes as latin1. */
  path: string
  /** Hex; '' for what is no regular file. */
  digest: string
}

/** Of one line: a path has at most 4096 bytes. */
const lineLimitBytes = 16_384
/** A database of 10^6 files takes about 20 s on one core. */
const patienceMs = 300_000

const tags = ['NAME', 'VERSION', 'RELEASE', 'INSTALLTID', 'INSTALLTIME'].map((tag) => `%{=${tag}}`)
const format = `[${[...tags, '%{FILEDIGESTS}', '%{FILENAMES}'].join('\\t')}\\n]`

/** @throws Error where rpm cannot be run, or does not answer in order */
export async function* rpmFiles(program: string): AsyncGenerator<RpmFile> {
  const rpm = spawn(program, ['-qa', '--qf', format], {
    stdio: ['ignore', 'pipe', 'ignore'],
    timeout: patienceMs,
    killSignal: 'SIGKILL',
  })
  const ended = new Promise<string>((resolve) => {
    rpm.on('error', (error) => resolve(error.message))
    rpm.on('close', (code, by) => resolve(code === 0 ? '' : by ? `killed by ${by}` : `exit code ${code}`))
  })
  let rest = ''
  try {
    for await (const chunk of rpm.stdout) {
      const lines = (rest + (chunk as Buffer).toString('latin1')).split('\n')
      rest = lines.pop() as string
      if (rest.length > lineLimitBytes) rest = ''
      for (const line of lines) {
        const file = fileOf(line)
        if (file) yield file
      }
    }
  } finally {
    rpm.kill('SIGKILL')
  }
  const why = await ended
  if (why !== '') throw new Error(`${program} -qa: ${why}`)
}

/** A path with a tab or a newline in it is no package's, as far as this can tell. */
function fileOf(line: string): RpmFile | undefined {
  const [name = '', version, release, start, end, digest = '', path = '', more] = line.split('\t')
  if (name === '' || !path.startsWith('/') || more !== undefined) return undefined
  const at = { start: Number(start) * 1000, end: Number(end) * 1000 }
  if (!(at.start > 0) || !(at.end > 0)) return undefined
  // A transaction of many packages began before this one was in.
  return { name, version: `${version}-${release}`, ...at, start: Math.min(at.start, at.end), path, digest }
}
