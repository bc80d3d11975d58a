/** kill -9 at any moment of joining, of renewing, of turning the keys: the host starts again and is where it was, or further. */
import assert from 'node:assert/strict'
import { type ChildProcess, fork, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { hasMesh, initMesh, joinMesh, type Mesh, openMesh, type RingKeyLine, readIdentity } from '#mesh'
import { memoryStore } from '../../src/mesh/memory-store.ts'

const lymph = new URL('../../src/cli/main.ts', import.meta.url).pathname
const member = new URL('./mesh-member.ts', import.meta.url).pathname
interface Status {
  connected: number
  keys: RingKeyLine[]
}

describe('kill -9', () => {
  const root = mkdtempSync(join(tmpdir(), 'lymph-kill-'))
  const children = new Set<ChildProcess>()
  let founder: Mesh

  before(async () => {
    const folder = join(root, 'a')
    await initMesh({ folder, name: 'a', now: Date.now() })
    founder = await openMesh({
      folder,
      listen: ['/ip4/127.0.0.1/tcp/0'],
      keyValue: memoryStore(),
      version: 'founder',
      timing: { acknowledge: 300 },
      log: { info: () => undefined, warn: () => undefined },
    })
  })

  after(async () => {
    for (const child of children) child.kill('SIGKILL')
    await founder.stop()
    rmSync(root, { recursive: true, force: true })
  })

  /** Resolves at once for one that has ended: on a fast machine a join is over before it is to be killed. */
  const ended = (child: ChildProcess) =>
    new Promise<number | null>((resolve) => {
      if (child.exitCode !== null || child.signalCode !== null) resolve(child.exitCode)
      else child.once('exit', (code) => resolve(code))
    })

  async function start(folder: string): Promise<ChildProcess> {
    const child = fork(member, [folder])
    children.add(child)
    await new Promise<void>((resolve, reject) => {
      child.once('message', () => resolve())
      child.once('exit', (code) => reject(new Error(`the member ended with ${code} before it was open`)))
    })
    child.removeAllListeners('exit')
    return child
  }

  async function kill(child: ChildProcess): Promise<void> {
    const gone = ended(child)
    child.kill('SIGKILL')
    await gone
    children.delete(child)
  }

  const status = (child: ChildProcess): Promise<Status> =>
    new Promise((resolve) => {
      child.once('message', (said) => resolve(said as Status))
      child.send('status')
    })

  async function until(what: string, condition: () => Promise<boolean> | boolean): Promise<void> {
    for (const end = Date.now() + 30_000; Date.now() < end; await sleep(50)) if (await condition()) return
    throw new Error(`not within 30 s: ${what}`)
  }

  it('during a join: the same line again gets the host in, as the same host, or says that it is in', async () => {
    const peers = new Set<string>()
    // The import of libp2p takes a second or so, the join some 300 ms after it.
    for (const [i, delay] of [300, 700, 900, 1100, 1300, 1600, 2000].entries()) {
      const state = join(root, `join${i}`)
      const { token } = await founder.invite({})
      const join_ = () => {
        const child = spawn(process.execPath, [
          lymph,
          '--state',
          state,
          'mesh',
          'join',
          '-',
          '--host',
          `j${i}`,
        ])
        children.add(child)
        let said = ''
        child.stderr.on('data', (chunk) => (said += chunk))
        child.stdin.on('error', () => undefined)
        child.stdin.end(`${token}\n`)
        return { child, said: () => said }
      }
      const first = join_()
      await sleep(delay)
      await kill(first.child)
      const wasIn = hasMesh(join(state, 'mesh'))
      const second = join_()
      const code = await ended(second.child)
      children.delete(second.child)
      if (wasIn) assert.match(second.said(), /holds mesh .* already/, `after ${delay} ms`)
      else assert.equal(code, 0, `after ${delay} ms: ${second.said()}`)
      peers.add(readIdentity(join(state, 'mesh')).peer)
    }
    assert.equal(peers.size, 7)
    const names = founder.members().map(({ name }) => name)
    for (let i = 0; i < 7; i++)
      assert.equal(names.filter((name) => name.startsWith(`j${i}`)).length, 1, names.join())
  })

  it('during renewals and rotations: it comes back with a whole identity, and catches up', async () => {
    const folder = join(root, 'b')
    const { token } = await founder.invite({ name: 'b' })
    await joinMesh({ folder: join(folder, 'mesh'), token, name: 'b', now: Date.now() })
    let child = await start(folder)
    for (const delay of [0, 5, 15, 40, 90, 200]) {
      await until('connected', async () => (await status(child)).connected === 1)
      const [used] = founder.operator.keys().filter(({ state }) => state === 'used')
      child.send('renew')
      const turned = founder.operator.installKey().then(async ({ id }) => {
        await founder.operator.useKey(id, true)
        await founder.operator.removeKey((used as RingKeyLine).id)
        return id
      })
      await sleep(delay)
      await kill(child)
      readIdentity(join(folder, 'mesh'))
      const id = await turned
      child = await start(folder)
      await until('it has the new key', async () => {
        const { keys, connected } = await status(child)
        return connected === 1 && keys.some((key) => key.id === id && key.state === 'used')
      })
      assert.ok(readIdentity(join(folder, 'mesh')).ring.some((key) => key.id === id))
    }
    await kill(child)
  })
})
