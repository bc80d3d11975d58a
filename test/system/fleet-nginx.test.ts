/**
 * Three hosts in network namespaces run the same nginx, one of them with another module loaded: `fleet compare` names the
 * pairs. All namespaces are one kernel, whose sensor would see all three, so each host watches its nginx with strace.
 * What must differ is computed here from strace's own text, by the definition of a lookahead pair.
 */
import assert from 'node:assert/strict'
import { execFile, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { promisify } from 'node:util'
import type { Pair } from '#homeostasis'
import { until } from './hosts.ts'
import { Lab, type LabHost, noNamespaces } from './namespaces.ts'
import { pairsOfStrace, straceTo, textOf } from './strace-pairs.ts'

const run = promisify(execFile)
const lymph = new URL('../../src/cli/main.ts', import.meta.url).pathname
const nginx = '/usr/sbin/nginx'
const modules = '/usr/lib/nginx/modules'
const window = 6
const port = 8080

/** A dynamic module that is installed here, with what switches it on in a location. */
const choices = [
  { file: 'ngx_http_echo_module.so', on: 'echo_sleep 0.01; echo "hello";' },
  { file: 'ngx_http_image_filter_module.so', on: 'image_filter test;' },
]
const module = choices.find(({ file }) => existsSync(join(modules, file)))

function missing(): string | false {
  const none = noNamespaces()
  if (none) return none
  if (spawnSync('strace', ['-qq', '-o', '/dev/null', 'true']).status !== 0) return 'strace cannot trace here'
  if (!existsSync(nginx)) return `no ${nginx}: apt-get install nginx-light`
  if (spawnSync('curl', ['--version']).status !== 0) return 'no curl'
  if (!module) return 'no dynamic module of nginx: apt-get install libnginx-mod-http-echo'
  return false
}

interface Comparison {
  exact: boolean
  hosts: { name: string; sha256: string; pairs: number }[]
  onlyHere: Record<string, Pair[]>
  lacks: Record<string, Pair[]>
  calls: Record<string, number[]>
  differs: Record<string, { from: number; of: number; pairs: number }>
  distance: Record<string, Record<string, number>>
}

interface BinaryRow {
  binary: string
  versions: number
  packages: { name: string; hosts: number }[]
  hosts: { buildId?: string }[]
  spread?: { hosts: number; most: number }
}

const names = ['alpha', 'beta', 'gamma']
const skip = missing()

describe('three hosts of one nginx', { skip }, () => {
  const folder = skip ? '' : mkdtempSync(join(tmpdir(), 'lymph-nginx-'))
  let lab: Lab | undefined
  after(async () => {
    await lab?.end()
    if (folder) rmSync(folder, { recursive: true, force: true })
  })

  before(async () => {
    lab = Lab.make(names)
    for (const host of lab.hosts) await lab.up(host, '--no-sensor')
    const [first, ...others] = lab.hosts as [LabHost, ...LabHost[]]
    await lab.ask(first, ['mesh', 'init'])
    for (const host of others) {
      const { token } = await lab.ask<{ token: string }>(first, ['mesh', 'invite'])
      await lab.ask(host, ['mesh', 'join', '-'], token)
    }
    for (const host of lab.hosts) {
      const config = configOf(host.name, host.name === 'gamma')
      await serve(host.namespace, config, [
        process.execPath,
        lymph,
        ...['--state', host.state, 'watch', '--quiet', '--', nginx, '-c', config.file],
      ])
    }
  })

  it('compare names the pairs of the other module, and who has them', async (t) => {
    const [alpha] = (lab as Lab).hosts as [LabHost]
    const found = await until('all three compared', async () => {
      const now = await (lab as Lab).ask<Comparison>(alpha, ['fleet', 'compare', nginx])
      return now.hosts.length === 3 ? now : undefined
    })
    // The others hear of one another a moment later, or sooner.
    for (const host of (lab as Lab).hosts)
      await until(`${host.name} has heard of all three`, async () => {
        const rows = await (lab as Lab).ask<BinaryRow[]>(host, ['fleet', 'binaries'])
        return rows.find(({ binary }) => binary === nginx)?.spread?.hosts === 3 || undefined
      })
    assert.equal(found.exact, true)
    assert.equal(new Set(found.hosts.map(({ sha256 }) => sha256)).size, 1, 'one nginx')

    // What nginx does with the module and never without it, in two runs of each, as strace alone tells.
    const traced = async (withModule: boolean, n: number) =>
      tracePairs((lab as Lab).hosts[0] as LabHost, configOf(`trace-${withModule}-${n}`, withModule))
    const [plain, again] = [await traced(false, 1), await traced(false, 2)]
    const [loaded, loadedAgain] = [await traced(true, 1), await traced(true, 2)]
    const certain = [...loaded].filter(
      (pair) => loadedAgain.has(pair) && !plain.has(pair) && !again.has(pair),
    )
    const only = new Set(found.onlyHere.gamma?.map(textOf))
    const named = certain.filter((pair) => only.has(pair))
    t.diagnostic(
      `${module?.file}: ${certain.length} pairs by strace, ${only.size} only on gamma, ${named.length} in both; ` +
        `only on alpha ${found.onlyHere.alpha?.length}, on beta ${found.onlyHere.beta?.length}; ` +
        `distances ${found.distance.alpha?.beta?.toFixed(3)} alpha-beta, ${found.distance.alpha?.gamma?.toFixed(3)} alpha-gamma`,
    )
    assert.ok(certain.length > 0)
    // Timing moves a few: an event that comes early is another sequence.
    assert.ok(named.length >= 0.8 * certain.length, `not named: ${certain.filter((p) => !only.has(p))}`)
    for (const one of ['alpha', 'beta'])
      assert.ok((found.onlyHere[one]?.length ?? 0) < only.size, `${one}: ${found.onlyHere[one]?.length}`)
    const apart = found.distance.alpha as Record<string, number>
    assert.ok((apart.gamma as number) > (apart.beta as number))
    assert.deepEqual([found.differs.gamma?.from, found.differs.gamma?.of], [2, 2])
    assert.ok((found.differs.gamma?.pairs ?? 0) >= only.size)
  })

  it('in words: the sentence, the calls, and what sketches tell without asking anybody', async () => {
    const [, , gamma] = (lab as Lab).hosts as [LabHost, LabHost, LabHost]
    const told = await (lab as Lab).show(gamma, ['fleet', 'compare', nginx])
    assert.match(told, /^this host differs from 2 of 2 peers in \d+ pairs$/m)
    assert.match(told, /^only on gamma: \d+ pairs$/m)
    const exact = await (lab as Lab).ask<Comparison>(gamma, ['fleet', 'compare', nginx])
    const estimated = await (lab as Lab).ask<Comparison & { error: number }>(gamma, [
      ...['fleet', 'compare', '--sketches', nginx],
    ])
    assert.equal(estimated.exact, false)
    for (const other of ['alpha', 'beta']) {
      const off = Math.abs(
        (estimated.distance.gamma?.[other] as number) - (exact.distance.gamma?.[other] as number),
      )
      assert.ok(off <= 4 * estimated.error + 1e-9, `${other}: ${off}`)
    }
    const certain = new Set(exact.onlyHere.gamma?.map(textOf))
    assert.ok(estimated.onlyHere.gamma?.every((pair) => certain.has(textOf(pair))))
  })

  it('binaries: where from, and how far apart', async () => {
    const [alpha] = (lab as Lab).hosts as [LabHost]
    const rows = await (lab as Lab).ask<BinaryRow[]>(alpha, ['fleet', 'binaries'])
    const row = rows.find(({ binary }) => binary === nginx)
    assert.deepEqual([row?.hosts.length, row?.versions, row?.spread?.hosts], [3, 1, 3])
    assert.ok((row?.spread?.most ?? 0) > 0)
    if (existsSync('/var/lib/dpkg/status')) assert.equal(row?.packages[0]?.hosts, 3)
    assert.equal(new Set(row?.hosts.map(({ buildId }) => buildId)).size, 1)
  })

  it('report answers in words and plots, without anything fetched from elsewhere', async () => {
    const [alpha] = (lab as Lab).hosts as [LabHost]
    const page = join(folder, 'report.html')
    const told = await (lab as Lab).show(alpha, [
      ...['fleet', 'report', nginx, '--html', page, '--svg', join(folder, 'plots')],
    ])
    for (const question of ['How similarly is', 'Which part of', 'When in the week'])
      assert.ok(told.includes(question), told)
    const html = readFileSync(page, 'utf8')
    assert.ok(!/(src|href)=/.test(html) && html.includes("default-src 'none'"))
    for (const plot of ['similarity', 'use', 'week'])
      assert.match(readFileSync(join(folder, `plots/${plot}.svg`), 'utf8'), /^<\?xml[\s\S]*<\/svg>\n$/)
  })

  interface Config {
    file: string
    pid: string
  }

  function configOf(name: string, withModule: boolean): Config {
    const root = join(folder, name)
    mkdirSync(join(root, 'www'), { recursive: true })
    writeFileSync(join(root, 'www/index.html'), 'hello\n')
    const file = join(root, 'nginx.conf')
    const pid = join(root, 'nginx.pid')
    writeFileSync(
      file,
      `${withModule ? `load_module ${modules}/${module?.file};` : ''}
daemon off; master_process off; pid ${pid}; error_log ${root}/error.log;
events { worker_connections 64; }
http {
  access_log ${root}/access.log;
  ${['body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((kind) => (kind === 'body' ? `client_body_temp_path ${root}/body;` : `${kind}_temp_path ${root}/${kind};`)).join(' ')}
  server { listen 127.0.0.1:${port}; root ${root}/www;
    ${withModule ? `location /other { ${module?.on} }` : ''}
  }
}
`,
    )
    return { file, pid }
  }

  /** Starts it, asks for a few pages one after the other, ends it as nginx wants to be ended. */
  async function serve(namespace: string, { pid }: Config, command: string[]): Promise<void> {
    const inside = ['netns', 'exec', namespace]
    const server = spawn('ip', [...inside, ...command], { stdio: ['ignore', 'ignore', 'pipe'] })
    let said = ''
    server.stderr?.on('data', (chunk) => {
      said += chunk
    })
    const ended = once(server, 'close')
    const ask = (path: string) => run('ip', [...inside, 'curl', '-s', `http://127.0.0.1:${port}${path}`])
    await until(
      `nginx in ${namespace}`,
      async () => {
        if (server.exitCode !== null) throw new Error(`it ended: ${said}`)
        return (await ask('/')).stdout === 'hello\n' || undefined
      },
      60,
    )
    for (const path of ['/', '/', '/none', '/', '/other', '/other', '/']) await ask(path)
    process.kill(Number(readFileSync(pid, 'utf8')), 'SIGQUIT')
    const [code] = await ended
    assert.equal(code, 0, said)
  }

  async function tracePairs(host: LabHost, config: Config): Promise<Set<string>> {
    const file = `${config.file}.strace`
    await serve(host.namespace, config, [...['strace', ...straceTo(file), nginx, '-c', config.file]])
    return pairsOfStrace(file, window)
  }
})
