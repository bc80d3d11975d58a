import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import fc from 'fast-check'
import { buildIdOf, Dpkg, installedVersions, listed, Origins, Rpm, type Transaction } from '#fleet'

const folder = mkdtempSync(join(tmpdir(), 'lymph-origin-'))
after(() => rmSync(folder, { recursive: true, force: true }))

const reading = (bytes: Uint8Array) => async (offset: number, length: number) =>
  bytes.subarray(offset, offset + length)

/** An ELF file with one note, by the gABI. */
function elf(id: Uint8Array, { wide = true, little = true, name = 'GNU\0', type = 3 } = {}): Uint8Array {
  const bytes = new Uint8Array(400)
  const view = new DataView(bytes.buffer)
  bytes.set([0x7f, 0x45, 0x4c, 0x46, wide ? 2 : 1, little ? 1 : 2, 1])
  const at = 128
  if (wide) {
    view.setBigUint64(32, 64n, little)
    view.setUint16(54, 56, little)
    view.setUint16(56, 1, little)
    view.setUint32(64, 4, little)
    view.setBigUint64(72, BigInt(at), little)
    view.setBigUint64(96, BigInt(16 + id.length), little)
  } else {
    view.setUint32(28, 52, little)
    view.setUint16(42, 32, little)
    view.setUint16(44, 1, little)
    view.setUint32(52, 4, little)
    view.setUint32(56, at, little)
    view.setUint32(68, 16 + id.length, little)
  }
  view.setUint32(at, 4, little)
  view.setUint32(at + 4, id.length, little)
  view.setUint32(at + 8, type, little)
  bytes.set(new TextEncoder().encode(name), at + 12)
  bytes.set(id, at + 16)
  return bytes
}

const id = Uint8Array.from({ length: 20 }, (_, n) => n + 1)
const hex = Buffer.from(id).toString('hex')

test('the build-id of files of both widths and byte orders; none of anything else', async () => {
  for (const wide of [true, false])
    for (const little of [true, false]) assert.equal(await buildIdOf(reading(elf(id, { wide, little }))), hex)
  assert.equal(await buildIdOf(reading(elf(id, { name: 'XEN\0' }))), undefined)
  assert.equal(await buildIdOf(reading(elf(id, { type: 1 }))), undefined)
  assert.equal(await buildIdOf(reading(elf(id.subarray(0, 4)))), undefined)
  assert.equal(await buildIdOf(reading(elf(new Uint8Array(32).fill(5)))), '05'.repeat(20))
  assert.equal(await buildIdOf(reading(new TextEncoder().encode('#!/bin/sh\n'))), undefined)
})

test('of a real program, as its linker wrote it', { skip: readelf() }, async () => {
  const said = execFileSync('readelf', ['-n', '/bin/sh'], { encoding: 'utf8' })
  const expected = /Build ID: ([0-9a-f]+)/.exec(said)?.[1]
  assert.equal(await buildIdOf(reading(readFileSync('/bin/sh'))), expected?.slice(0, 40))
})

function readelf(): string | false {
  try {
    execFileSync('readelf', ['--version'], { stdio: 'ignore' })
    return false
  } catch {
    return 'readelf is not here'
  }
}

test('a hostile file is read in bounds and never throws', async () => {
  const good = elf(id)
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { maxLength: 12 }),
      async (changes) => {
        const bytes = Uint8Array.from(good)
        for (const [at, value] of changes) bytes[at] = value
        let read = 0
        const found = await buildIdOf(async (offset, length) => {
          read += length
          return bytes.subarray(offset, offset + length)
        })
        assert.ok(read <= 64 + 64 * 56 + 16 * 1024, `${read} bytes asked for`)
        assert.ok(found === undefined || /^([0-9a-f]{2}){8,20}$/.test(found))
      },
    ),
  )
})

const installed = Date.UTC(2026, 0, 5)
const status = `Package: nginx
Status: install ok installed
Architecture: amd64
Version: 1.22.1-9+deb12u11
Description: small
 Version: 9.9

Package: gone
Status: deinstall ok config-files
Architecture: amd64
Version: 1.0

Package: evil name
Status: install ok installed
Version: 1

Package: libc6
Status: install ok installed
Architecture: i386
Version: 2.36-9
`

test("dpkg's records: versions of what is installed, whole lines of lists, both spellings after the usr-merge", async () => {
  assert.deepEqual(
    [...installedVersions(status)],
    [
      ['nginx:amd64', '1.22.1-9+deb12u11'],
      ['nginx', '1.22.1-9+deb12u11'],
      ['libc6:i386', '2.36-9'],
      ['libc6', '2.36-9'],
    ],
  )
  assert.deepEqual(listed('/.\n/usr/sbin/nginx-debug\n/usr/sbin/nginx\n', ['/usr/sbin/nginx', '/usr']), [
    '/usr/sbin/nginx',
  ])
  const dpkg = dpkgFolder('merge', status)
  const owners = await new Dpkg(dpkg).ownersOf(['/usr/sbin/nginx', '/sbin/ldconfig', '/usr/bin/gone', '/x'])
  assert.deepEqual(
    [...owners],
    [
      ['/sbin/ldconfig', { name: 'libc6', version: '2.36-9', installed }],
      ['/usr/sbin/nginx', { name: 'nginx', version: '1.22.1-9+deb12u11', installed }],
    ],
  )
})

function dpkgFolder(name: string, said: string): string {
  const dpkg = join(folder, name)
  mkdirSync(join(dpkg, 'info'), { recursive: true })
  writeFileSync(join(dpkg, 'status'), said)
  writeFileSync(join(dpkg, 'info/nginx.list'), '/.\n/usr\n/sbin/nginx\n')
  writeFileSync(join(dpkg, 'info/gone.list'), '/usr/bin/gone\n')
  writeFileSync(join(dpkg, 'info/libc6:i386.list'), '/usr/sbin/ldconfig\n')
  for (const list of ['nginx', 'libc6:i386'])
    utimesSync(join(dpkg, `info/${list}.list`), installed / 1000, installed / 1000)
  return dpkg
}

const here = existsSync('/var/lib/dpkg/status') ? false : 'no dpkg here'
test('of this host, the same as dpkg itself says', { skip: here }, async () => {
  const query = (path: string) =>
    execFileSync('dpkg-query', ['-S', path], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
  const path = ['/bin/dash', '/usr/bin/dpkg'].find((one) => existsSync(one)) as string
  let name: string
  try {
    name = query(path)
  } catch {
    name = query(path.replace(/^\/usr|^/, (prefix) => (prefix ? '' : '/usr')))
  }
  const owner = (await new Dpkg().ownersOf([path])).get(path)
  assert.equal(owner?.name, name.split(':')[0])
  const version = execFileSync('dpkg-query', ['-W', '-f', `\${Version}`, owner?.name as string])
  assert.equal(owner?.version, version.toString())
})

test("rpm's own command is asked; what it says wrongly is not taken", async () => {
  const command = join(folder, 'rpm')
  writeFileSync(
    command,
    `#!/bin/sh
case "$5" in
/usr/sbin/nginx) echo 'nginx 1:1.24.0-4.el9 1700000000' ;;
/usr/bin/less) echo 'less 0:590-2.el9 x' ;;
/evil) printf 'a\\033b 1 1\\n' ;;
*) echo "file $5 is not owned by any package"; exit 1 ;;
esac
`,
    { mode: 0o755 },
  )
  const database = join(folder, 'rpmdb.sqlite')
  assert.equal(await new Rpm(command, [database]).stamp(), undefined)
  writeFileSync(database, 'x')
  const rpm = new Rpm(command, [database])
  assert.equal(typeof (await rpm.stamp()), 'string')
  assert.deepEqual(
    [...(await rpm.ownersOf(['/usr/sbin/nginx', '/usr/bin/less', '/evil', '/none']))],
    [
      ['/usr/sbin/nginx', { name: 'nginx', version: '1:1.24.0-4.el9', installed: 1_700_000_000_000 }],
      ['/usr/bin/less', { name: 'less', version: '590-2.el9', installed: 0 }],
    ],
  )
})

test('origins are read once, again after a transaction, which is told with what it changed', async () => {
  const dpkg = dpkgFolder('moving', status)
  const told: Transaction[] = []
  const origins = new Origins([new Dpkg(dpkg)], (transaction) => told.push(transaction))
  const file = join(folder, 'program')
  writeFileSync(file, elf(id))
  const programs = [
    { path: '/usr/sbin/nginx', sha256: 'aa' },
    { path: file, sha256: 'bb' },
  ]
  assert.deepEqual(origins.of('/usr/sbin/nginx', 'aa'), {})
  await origins.look(programs, 0)
  assert.deepEqual(origins.of('/usr/sbin/nginx', 'aa').package, {
    name: 'nginx',
    version: '1.22.1-9+deb12u11',
    installed,
  })
  assert.equal(origins.of(file, 'bb').buildId, hex)
  assert.deepEqual(told, [])
  writeFileSync(join(dpkg, 'status'), status.replace('9+deb12u11', '9+deb12u12').replace(/$/, '\n'))
  await origins.look(programs, 2000)
  assert.deepEqual(told, [], 'not before 5 s')
  await origins.look(programs, 5000)
  assert.deepEqual(told, [
    {
      at: 5000,
      manager: 'dpkg',
      changed: [
        {
          path: '/usr/sbin/nginx',
          from: { name: 'nginx', version: '1.22.1-9+deb12u11', installed },
          to: { name: 'nginx', version: '1.22.1-9+deb12u12', installed },
        },
      ],
    },
  ])
  await origins.look(programs, 10_000)
  assert.equal(told.length, 1)
})
