import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { StoreError } from '#store'
import { all, key, listener, open, record } from './support.ts'

/** A small file system of its own, or why there is none. */
function smallDisk(t: TestContext, size: string, ...options: string[]): string | { why: string } {
  if (process.getuid?.() !== 0) return { why: 'mounting a small disk needs root' }
  const folder = mkdtempSync(join(tmpdir(), 'lymph-disk-'))
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', [`size=${size}`, ...options].join(','), 'tmpfs', folder], {
      stdio: 'pipe',
    })
  } catch (error) {
    rmSync(folder, { recursive: true })
    return { why: `no tmpfs can be mounted here: ${(error as Error).message.split('\n')[0]}` }
  }
  t.after(() => {
    execFileSync('umount', ['-l', folder])
    rmSync(folder, { recursive: true })
  })
  return folder
}

const noise = (n: number) => Buffer.alloc(20_000, `${n} ${Math.sin(n)} ${Math.cos(n)}`)

function isNoSpace(error: StoreError): boolean {
  assert.equal(error.code, 'no-space')
  assert.match(error.message, /full \(.* are free/)
  assert.match(error.message, /make room/)
  assert.doesNotMatch(error.message, /\n/)
  return true
}

for (const [what, reserveBytes] of [
  ['before LevelDB meets it', 2 * 1024 * 1024],
  ['when LevelDB meets it', 0],
] as const)
  test(`a full disk, ${what}: said so, read on, and saved once there is room`, async (t) => {
    const disk = smallDisk(t, '24m')
    if (typeof disk !== 'string') return t.skip(disk.why)
    const store = await open(disk, listener(), { reserveBytes })
    t.after(() => store.close())
    for (let n = 0; n < 10; n++) await store.profiles.put(key(`/p${n}`), record(`/p${n}`, noise(n)))
    const { bavail, bsize } = statfsSync(disk)
    // All but what is kept in reserve, so that the next saves come to the end of it.
    writeFileSync(join(disk, 'ballast'), Buffer.alloc(bavail * bsize - reserveBytes - 100_000))

    let saved = 10
    let failure: StoreError | undefined
    for (; saved < 400 && !failure; saved++)
      await store.profiles
        .put(key(`/p${saved}`), record(`/p${saved}`, noise(saved)))
        .catch((error: StoreError) => {
          failure = error
        })
    assert.ok(failure, 'the disk never got full')
    isNoSpace(failure)
    const acknowledged = saved - 1
    assert.equal((await store.health()).failure?.code, 'no-space')
    await assert.rejects(store.settings.put('x'.repeat(100), 'y'.repeat(200_000)), isNoSpace)
    assert.equal((await all(store.profiles.list())).length, acknowledged)

    rmSync(join(disk, 'ballast'))
    const late = key(`/p${acknowledged}`)
    await store.profiles.put(late, record('/late', noise(acknowledged)))
    assert.equal((await store.health()).failure, undefined)
    assert.equal((await all(store.profiles.list())).length, acknowledged + 1)
    await store.close()
    const again = await open(disk, listener(), { reserveBytes })
    t.after(() => again.close())
    const health = await again.health()
    assert.equal(health.state, 'ok')
    assert.deepEqual([health.damaged, health.missing], [{}, {}])
    assert.equal((await all(again.profiles.list())).length, acknowledged + 1)
  })

test('a disk that is full from the start is said so, and nothing is moved aside', async (t) => {
  const disk = smallDisk(t, '1m')
  if (typeof disk !== 'string') return t.skip(disk.why)
  const store = await open(disk, listener(), { reserveBytes: 0 })
  await store.settings.put('kept', 1)
  await store.close()
  const { bavail, bsize } = statfsSync(disk)
  writeFileSync(join(disk, 'ballast'), Buffer.alloc(bavail * bsize))
  await assert.rejects(open(disk), isNoSpace)
  rmSync(join(disk, 'ballast'))
  const again = await open(disk)
  t.after(() => again.close())
  assert.equal(await again.settings.get('kept'), 1)
  assert.deepEqual((await again.health()).aside, [])
})

test('a disk that cannot be written is said so', async (t) => {
  const disk = smallDisk(t, '4m')
  if (typeof disk !== 'string') return t.skip(disk.why)
  await (await open(disk)).close()
  execFileSync('mount', ['-o', 'remount,ro', disk])
  await assert.rejects(open(disk), (error: StoreError) => {
    assert.equal(error.code, 'not-writable')
    assert.match(error.message, /remount,rw/)
    return true
  })
})
