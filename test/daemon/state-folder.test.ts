/** What root may use as a state folder, and how it gives the daemon its part. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it, type TestContext, test } from 'node:test'
import { claimState, daemonUser, prepareState } from '#daemon'

const skip = process.getuid?.() === 0 ? false : 'owners are for root to change'
const nobody = 65_534

function folder(t: TestContext): string {
  const path = realpathSync(mkdtempSync(join(tmpdir(), 'lymph-state-')))
  t.after(() => rmSync(path, { recursive: true, force: true }))
  return path
}

const refused = (state: string, ...parts: RegExp[]) => {
  assert.throws(
    () => prepareState(state),
    (error: Error & { exit?: number }) =>
      error.exit === 2 && parts.every((part) => part.test(error.message)) && !error.message.includes('\n'),
    String(parts),
  )
}

describe('prepareState as root', { skip }, () => {
  it("keeps the folder root's, and gives the daemon its parts", (t) => {
    const state = join(folder(t), 'a/b')
    assert.equal(prepareState(state), state)
    const user = daemonUser()
    assert.deepEqual([statSync(state).uid, statSync(state).mode & 0o777], [0, 0o751])
    for (const name of ['run', 'store', 'profiles', 'mesh', 'log']) {
      const { uid, gid, mode } = statSync(join(state, name))
      assert.deepEqual([uid, gid, mode & 0o777], [user?.uid, user?.gid, 0o700])
    }
    // What root has put there since, as `mesh init` without a daemon does.
    mkdirSync(join(state, 'mesh/deep'))
    writeFileSync(join(state, 'mesh/deep/key'), '')
    prepareState(state)
    for (const name of ['mesh/deep', 'mesh/deep/key'])
      assert.equal(statSync(join(state, name)).uid, user?.uid)
  })

  it('refuses a folder of somebody else, and one that somebody else could swap', (t) => {
    const place = folder(t)
    const state = join(place, 'state')
    mkdirSync(state)
    chownSync(state, nobody, nobody)
    refused(state, /^state folder .*\/state: it belongs to user 65534/, /chown root/, /--state DIR$|usable$/)
    // Nothing was made in it.
    assert.throws(() => lstatSync(join(state, 'run')))
    chownSync(state, 0, 0)
    chownSync(place, nobody, nobody)
    refused(state, /above it can be changed by user 65534/)
    chownSync(place, 0, 0)
    chmodSync(place, 0o777)
    refused(state, /above it can be changed by others than root/)
    chmodSync(place, 0o1777)
    prepareState(state)
  })

  it('makes nothing where somebody else decides what is where', (t) => {
    const place = folder(t)
    mkdirSync(join(place, 'outside'))
    mkdirSync(join(place, 'theirs'))
    chownSync(join(place, 'theirs'), nobody, nobody)
    symlinkSync(join(place, 'outside'), join(place, 'theirs/link'))
    refused(join(place, 'theirs/new/state'), /theirs above it can be changed by user 65534/)
    assert.deepEqual(readdirSync(join(place, 'theirs')), ['link'])
    chownSync(join(place, 'outside'), nobody, nobody)
    refused(join(place, 'theirs/link/state'), /outside above it can be changed by user 65534/)
    assert.deepEqual(readdirSync(join(place, 'outside')), [])
  })

  it('a link to a folder is judged as the folder it leads to', (t) => {
    const place = folder(t)
    mkdirSync(join(place, 'theirs'))
    chownSync(join(place, 'theirs'), nobody, nobody)
    symlinkSync(join(place, 'theirs'), join(place, 'link'))
    refused(join(place, 'link'), /it belongs to user 65534/)
  })

  it('gives away links, never what they lead to', (t) => {
    const place = folder(t)
    const state = prepareState(join(place, 'state'))
    const outside = join(place, 'outside')
    mkdirSync(outside)
    writeFileSync(join(outside, 'file'), '')
    symlinkSync(outside, join(state, 'store/folder'))
    symlinkSync(join(outside, 'file'), join(state, 'store/file'))
    prepareState(state)
    assert.equal(lstatSync(join(state, 'store/file')).uid, daemonUser()?.uid)
    for (const name of [outside, join(outside, 'file')]) assert.equal(statSync(name).uid, 0)
    // One of the daemon's own folders as a link is not walked either.
    rmSync(join(state, 'log'), { recursive: true })
    symlinkSync(outside, join(state, 'log'))
    refused(state, /a part of it is a link|not a folder/)
    assert.equal(statSync(join(outside, 'file')).uid, 0)
  })

  it('refuses a file that has a second name, which may be any file of root', (t) => {
    const place = folder(t)
    const state = prepareState(join(place, 'state'))
    writeFileSync(join(place, 'shadow'), '')
    linkSync(join(place, 'shadow'), join(state, 'store/innocent'))
    refused(state, /store\/innocent has 2 names/)
    assert.equal(statSync(join(place, 'shadow')).uid, 0)
  })
})

test('a claim is of one part: host and sensor are claimed apart', (t) => {
  const state = folder(t)
  const host = claimState(state)
  const sensor = claimState(state, 'sensor.json')
  assert.throws(() => claimState(state, 'sensor.json'), /in use by process/)
  sensor.release()
  claimState(state, 'sensor.json').release()
  assert.throws(() => claimState(state), /in use by process/)
  host.release()
})

test('who has died but has not been waited for has no claim', async (t) => {
  const state = folder(t)
  const claimer = `
    import { claimState } from ${JSON.stringify(new URL('../../src/daemon/state-folder.ts', import.meta.url).href)}
    claimState(${JSON.stringify(state)})
    process.kill(process.pid, 'SIGKILL')`
  // The shell waits for its second child only, so that the first stays a zombie.
  const shell = spawn('/bin/sh', [
    '-c',
    '"$0" --input-type=module -e "$1" & sleep 30',
    process.execPath,
    claimer,
  ])
  t.after(() => shell.kill('SIGKILL'))
  for (const end = Date.now() + 15_000; ; await new Promise((resolve) => setTimeout(resolve, 50))) {
    assert.ok(Date.now() < end, 'it did not claim within 15 s')
    try {
      lstatSync(join(state, 'up.json'))
      // Taken over as soon as it is dead.
      claimState(state).release()
      return
    } catch {}
  }
})
