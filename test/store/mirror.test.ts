import assert from 'node:assert/strict'
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { mirrorComponents } from '../../src/store/mirror-path.ts'
import { all, key, listener, open, record, stateFolder } from './support.ts'

const sha = (digit: string) => digit.repeat(64)

test('profiles of one path stand side by side', async (t) => {
  const state = stateFolder(t)
  const store = await open(state)
  const put = (path: string, sha256: string, window: number, text: string) =>
    store.profiles.put(key(path, sha256, window), record(path, Buffer.from(text)))
  await put('/usr/bin/less', sha('1'), 6, 'first')
  await put('/usr/bin/less', sha('2'), 6, 'second')
  await put('/usr/bin/less', '', 9, 'third')
  await put('/usr/bin/less', sha('1'), 6, 'first, later')
  const files = {
    less: 'first, later',
    'less@x86-64-w6-22222222': 'second',
    'less@x86-64-w9-unknown': 'third',
  }
  const bin = join(state, 'profiles/usr/bin')
  const found = () =>
    Object.fromEntries(readdirSync(bin).map((name) => [name, readFileSync(join(bin, name), 'utf8')]))
  assert.deepEqual(found(), files)
  assert.equal(lstatSync(join(bin, 'less')).mode & 0o777, 0o600)
  await store.close()
  const again = await open(state)
  t.after(() => again.close())
  await again.profiles.put(
    key('/usr/bin/less', sha('2')),
    record('/usr/bin/less', Buffer.from('second, later')),
  )
  assert.deepEqual(found(), { ...files, 'less@x86-64-w6-22222222': 'second, later' })
  await again.profiles.del(key('/usr/bin/less', sha('1')))
  assert.equal(existsSync(join(bin, 'less')), false)
})

test('a path that is a file for one profile and a folder for another', async (t) => {
  const state = stateFolder(t)
  const store = await open(state)
  t.after(() => store.close())
  const put = (path: string) => store.profiles.put(key(path), record(path, Buffer.from(path)))
  await put('/opt/tool')
  await put('/opt/tool/bin/run')
  await put('/srv/a/b')
  await put('/srv/a')
  const at = (path: string) => readFileSync(join(state, 'profiles', path), 'utf8')
  assert.equal(at('opt/tool'), '/opt/tool')
  assert.equal(at('opt/tool%dir/bin/run'), '/opt/tool/bin/run')
  assert.equal(at('srv/a/b'), '/srv/a/b')
  assert.equal(at('srv/a@x86-64-w6-unknown'), '/srv/a')
  assert.equal((await store.health()).mirror.failures, 0)
})

test('files and links that are not ours are neither written over nor followed', async (t) => {
  const state = stateFolder(t)
  const outside = join(state, 'outside')
  mkdirSync(join(state, 'profiles/usr'), { recursive: true })
  mkdirSync(outside)
  symlinkSync(outside, join(state, 'profiles/usr/bin'))
  writeFileSync(join(state, 'profiles/note'), 'mine')
  const heard = listener()
  const store = await open(state, heard)
  t.after(() => store.close())
  await store.profiles.put(key('/usr/bin/less'), record('/usr/bin/less', Buffer.from('less')))
  await store.profiles.put(key('/note'), record('/note', Buffer.from('note')))
  assert.deepEqual(readdirSync(outside), [])
  assert.equal(readFileSync(join(state, 'profiles/usr/bin%dir/less'), 'utf8'), 'less')
  assert.equal(readFileSync(join(state, 'profiles/note'), 'utf8'), 'mine')
  const back = await store.profiles.restoreFromMirror((file) => {
    const text = Buffer.from(file).toString()
    if (text === 'mine') throw new Error('it is no profile')
    const path = text === 'less' ? '/usr/bin/less' : '/note'
    return { key: key(path), record: record(path, file) }
  })
  assert.deepEqual(back, { restored: 0, known: 2, refused: [{ file: 'note', reason: 'it is no profile' }] })
})

test('a mirror that fails costs no save', async (t) => {
  const state = stateFolder(t)
  writeFileSync(join(state, 'profiles'), 'in the way')
  const heard = listener()
  const store = await open(state, heard)
  t.after(() => store.close())
  for (const path of ['/a', '/b', '/c']) await store.profiles.put(key(path), record(path, Buffer.from(path)))
  assert.equal((await all(store.profiles.list())).length, 3)
  const { mirror } = await store.health()
  assert.equal(mirror.failures, 3)
  assert.equal(heard.lines.filter((line) => line.includes('cannot be kept')).length, 1)
})

test('a deleted store comes back from its mirror', async (t) => {
  const state = stateFolder(t)
  const store = await open(state)
  const paths = ['/usr/bin/less', '/usr/bin/../bin/tar', `/long/${'x'.repeat(300)}/y`, '/sp ace/\u00e9\n%41']
  for (const path of paths) await store.profiles.put(key(path), record(path, Buffer.from(path)))
  await store.close()
  const other = await open(join(state, 'other'), listener(), { mirror: join(state, 'profiles') })
  t.after(() => other.close())
  const identify = (file: Uint8Array) => {
    const path = Buffer.from(file).toString()
    return { key: key(path), record: record(path, file) }
  }
  assert.equal((await other.profiles.restoreFromMirror(identify)).restored, paths.length)
  assert.deepEqual((await all(other.profiles.list())).map(([{ binary }]) => binary).sort(), [...paths].sort())
  assert.equal(await other.profiles.fileOf(key('/usr/bin/less')), 'usr/bin/less')
})

test('whatever a path is, its file stays in the mirror under names that a file system takes', () => {
  const part = fc.oneof(
    fc.constantFrom('..', '.', '', '%2E%2E', 'less@x86-64-w6-0a1b2c3d', '\0', '\u00e9'.repeat(150), '\ud800'),
    fc.string({ unit: 'binary', maxLength: 300 }),
  )
  const path = fc.array(part, { maxLength: 12 }).map((parts) => `/${parts.join('/')}`)
  const normal = (text: string) =>
    text
      .split('/')
      .filter((one) => one !== '' && one !== '.')
      .join('/')
  fc.assert(
    fc.property(path, path, (one, other) => {
      const components = mirrorComponents(one)
      assert.ok(components.length > 0)
      for (const component of components) {
        assert.ok(component !== '' && component !== '.' && component !== '..')
        assert.ok(Buffer.byteLength(component) <= 200, component)
        assert.ok(!component.includes('/') && !component.includes('\0'))
      }
      if (normal(one).toWellFormed() !== normal(other).toWellFormed() && normal(one) && normal(other))
        assert.notDeepEqual(components.join('/'), mirrorComponents(other).join('/'))
    }),
    { numRuns: 2000 },
  )
})
