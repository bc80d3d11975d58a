/** Files and forensics promises by a real agent run, without a daemon. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { chmodSync, chownSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { agentRun, listEvidence, type StepReport, verifyEvidence } from '#agent'
import { Cleanup } from './hosts.ts'

const skip = process.getuid?.() === 0 ? false : 'it takes root'

describe('files and forensics', { skip }, () => {
  const cleanup = new Cleanup()
  after(() => cleanup.end())
  const folder = skip ? '' : cleanup.folder('files')
  const state = join(folder, 'state')

  async function run(
    policy: string,
    mode: 'act' | 'tell' = 'act',
  ): Promise<{ steps: StepReport[]; all: string }> {
    const policyFile = join(folder, 'policy.yaml')
    writeFileSync(policyFile, policy, { mode: 0o644 })
    const report = await agentRun({
      ...{ state, tags: [], never: [], daemon: undefined, say() {}, policyFile, mode, noLocks: true },
      signal: new AbortController().signal,
    })
    assert.ok(!('held' in report))
    return { steps: report.promises.flatMap(({ steps }) => [...steps]), all: JSON.stringify(report) }
  }

  it('the first run makes a baseline, the next compares, and fix puts back what it can', async () => {
    const tree = join(folder, 'tree')
    mkdirSync(join(tree, 'deep'), { recursive: true })
    for (const name of ['a', 'b', 'deep/c']) writeFileSync(join(tree, name), name, { mode: 0o644 })
    const policy = (more = '') => `promises:\n  - files: { path: ${tree}${more} }\n`
    const told = await run(policy(), 'tell')
    assert.equal(told.steps[0]?.act, 'make a baseline of')
    const first = await run(policy())
    assert.match(first.steps[0]!.line, /a baseline of 5 entries was made/)
    assert.equal((await run(policy())).steps[0]?.result, 'kept')
    chmodSync(join(tree, 'a'), 0o4777)
    writeFileSync(join(tree, 'deep/c'), 'C'.repeat(6))
    const warned = await run(policy())
    assert.equal(warned.steps[0]?.result, 'not_kept')
    assert.match(warned.steps[0]!.line, /2 of 5 entries .*mode 0644 -> 4777.*content/)
    assert.equal(statSync(join(tree, 'a')).mode & 0o7777, 0o4777)
    const fixed = await run(policy(', act: fix'))
    assert.match(fixed.steps[0]!.line, /2 of 5 .*1 put back.*content cannot be put back/)
    assert.equal(statSync(join(tree, 'a')).mode & 0o7777, 0o644)
  })

  it('what the prototype asks of files: nobody else writes, and root owns them', async () => {
    const tree = join(folder, 'etc')
    mkdirSync(tree)
    for (const name of ['passwd', 'open', 'foreign']) writeFileSync(join(tree, name), name, { mode: 0o644 })
    chmodSync(join(tree, 'open'), 0o666)
    chownSync(join(tree, 'foreign'), 1234, 0)
    const policy = (act: string) =>
      `promises:\n  - files: { path: ${tree}, recurse: inf, mode: o-w, owner: [root], act: ${act} }\n`
    const warned = await run(policy('warn'))
    assert.match(warned.steps[0]!.line, /2 of 4 .*foreign: uid 1234, not 0.*open: mode 0666, not 0664/)
    const fixed = await run(policy('fix'))
    assert.equal(fixed.steps[0]?.result, 'repaired', fixed.steps[0]?.line)
    assert.equal(statSync(join(tree, 'open')).mode & 0o777, 0o664)
    assert.equal(statSync(join(tree, 'foreign')).uid, 0)
  })

  it('a mistake in a promise is told with its place', async () => {
    await assert.rejects(
      run('promises:\n  - files: { path: /etc, owner: [nobody-at-all] }\n'),
      /policy\.yaml:2:\d+: no owner of this host/,
    )
    await assert.rejects(run('promises:\n  - files: { path: /etc, mode: "o-q" }\n'), /policy\.yaml:2:\d+/)
    await assert.rejects(run('promises:\n  - forensics: { filter: nothing }\n'), /unknown filter nothing/)
  })

  const strace = spawnSync('strace', ['-e', 'trace=none', 'true']).status === 0
  it('forensics collects of a real process, and says so', {
    skip: strace ? false : 'strace cannot trace here',
  }, async () => {
    const child: ChildProcess = spawn('/bin/sh', ['-c', 'while :; do sleep 0.1; done'], { stdio: 'ignore' })
    cleanup.add(() => child.kill('SIGKILL'))
    const { pid } = child
    const filter = `filters: { one: { pid: { from: ${pid}, to: ${pid} } } }\n`
    const policy = `${filter}promises:\n  - forensics: { filter: one, tools: [strace], for: 1s, size: 100000 }\n`
    const dry = await run(policy, 'tell')
    assert.equal(dry.steps[0]?.act, 'collect')
    assert.deepEqual(listEvidence(join(state, 'evidence')).manifests, [])
    const done = await run(policy)
    assert.equal(done.steps[0]?.result, 'repaired', done.all)
    const [manifest] = listEvidence(join(state, 'evidence')).manifests
    assert.equal(manifest?.offender.pid, pid)
    assert.deepEqual(verifyEvidence(join(state, 'evidence'), manifest!), [])
    const text = readFileSync(join(state, 'evidence', manifest!.id, 'strace/strace.txt'), 'utf8')
    assert.match(text, /clone|vfork|wait4/)
    const full = await run(policy.replace('size: 100000', `size: ${2 ** 40}`))
    assert.equal(full.steps[0]?.result, 'not_kept')
    assert.match(full.steps[0]!.line, /no room for evidence/)
  })
})
