/** Files of real rpm packages, built, installed, upgraded and removed by rpm itself, in a database of the test's own. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, globSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { checkTree, makeBaseline, PackageRecords } from '#agent'

const skip = ['/usr/bin/rpm', '/usr/bin/rpmbuild'].every(existsSync)
  ? process.getuid?.() === 0
    ? false
    : 'it takes root to install a package'
  : 'rpm and rpmbuild are not installed: apt-get install rpm'

test('a change by an rpm transaction is expected; the same change without one is not', {
  skip,
}, async (t) => {
  const { tree, at, rpm, build, options } = place(t)
  const first = build('1', {
    'bin/tool': 'one',
    'bin/kept': 'kept',
    'bin/dropped': 'gone',
    'etc/conf': 'a=1',
  })
  rpm('-i', '--nodeps', first)
  const other = build('1', { 'bin/other': 'other' }, 'lymph-other')
  rpm('-i', '--nodeps', other)
  writeFileSync(at('foreign'), 'nobody owns it')
  // rpm has whole seconds.
  await new Promise((resolve) => setTimeout(resolve, 2500))
  await makeBaseline(options)
  const quiet = await checkTree(options)
  assert.deepEqual([quiet.findings.length, quiet.expected.length], [0, 0])

  // The package's new version; a file of its changed beside it, one that nobody owns, one that is removed by hand.
  const second = build('2', { 'bin/tool': 'two', 'bin/kept': 'kept', 'bin/new': 'new', 'etc/conf': 'a=2' })
  await new Promise((resolve) => setTimeout(resolve, 2500))
  rpm('-U', '--nodeps', second)
  const upgraded = await checkTree(options)
  const words = (findings: readonly { change: string; path: string }[]) =>
    findings.map(({ change, path }) => `${change} ${path.slice(tree.length + 1)}`).sort()
  assert.deepEqual(words(upgraded.findings), [])
  assert.deepEqual(words(upgraded.expected), [
    'added bin/new',
    'changed bin/tool',
    'changed etc/conf',
    'removed bin/dropped',
  ])
  for (const { expected } of upgraded.expected)
    assert.match(expected ?? '', /^lymph-probe 2-1: (install|upgrade), /)

  writeFileSync(at('bin/kept'), 'evil')
  writeFileSync(at('bin/tool'), 'evil')
  writeFileSync(at('foreign'), 'evil')
  rmSync(at('bin/new'))
  writeFileSync(at('bin/dropped'), 'back, and evil')
  const tampered = await checkTree(options)
  assert.deepEqual(words(tampered.findings), [
    'changed bin/dropped',
    'changed bin/kept',
    'changed bin/tool',
    'changed foreign',
  ])
  assert.deepEqual(words(tampered.expected), ['changed etc/conf'])

  // A package that is gone takes its files along; one that is there does not.
  rpm('-e', '--nodeps', 'lymph-other')
  const removed = await checkTree(options)
  assert.deepEqual(
    removed.expected
      .map(({ path, expected }) => [path.slice(tree.length + 1), expected?.split(',')[0]])
      .sort(),
    [
      ['bin/other', 'lymph-other: remove'],
      ['etc/conf', 'lymph-probe 2-1: install'],
    ],
  )
  rmSync(at('bin/kept'))
  const last = await checkTree(options)
  assert.ok(words(last.findings).includes('removed bin/kept'), 'its package is there, and did not remove it')
})

/** A tree, a database that rpm takes for its own by ~/.rpmmacros, and how packages of files in the tree are built. */
function place(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'lymph-rpm-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const tree = join(folder, 'tree')
  for (const name of ['tree', 'db', 'home', 'made']) mkdirSync(join(folder, name))
  writeFileSync(
    join(folder, 'home/.rpmmacros'),
    `%_dbpath ${join(folder, 'db')}\n%_topdir ${join(folder, 'made')}\n`,
  )
  const home = process.env.HOME
  process.env.HOME = join(folder, 'home')
  t.after(() => {
    process.env.HOME = home
  })
  const run = (command: string, ...args: string[]): string => {
    const { status, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8' })
    assert.equal(status, 0, `${command} ${args.join(' ')}: ${stderr}`)
    return stdout
  }
  const build = (version: string, files: Record<string, string>, name = 'lymph-probe'): string => {
    const install = Object.entries(files).map(
      ([path, text]) =>
        `mkdir -p $(dirname %{buildroot}${tree}/${path})\nprintf %s '${text}' > %{buildroot}${tree}/${path}`,
    )
    const spec = join(folder, `${name}.spec`)
    writeFileSync(
      spec,
      [
        `Name: ${name}\nVersion: ${version}\nRelease: 1\nSummary: a test\nLicense: none\nBuildArch: noarch`,
        `%description\nA test.\n%install\n${install.join('\n')}`,
        `%files\n${Object.keys(files)
          .map((path) => `${tree}/${path}`)
          .join('\n')}\n`,
      ].join('\n'),
    )
    run(
      'rpmbuild',
      '-bb',
      '--nodeps',
      '--define',
      '_build_id_links none',
      '--define',
      `_rpmdir ${folder}/made`,
      spec,
    )
    const [made] = globSync(`${folder}/made/**/${name}-${version}-1*.rpm`)
    assert.ok(made, 'rpmbuild made no package')
    return made
  }
  const options = {
    ...{ folder: join(folder, 'baselines'), name: 'rpm', roots: [tree], now: Date.now, workers: 1 },
    // Debian's own records stay out of it.
    packages: new PackageRecords({ dpkgInfo: '/nonexistent', dpkgLog: '/nonexistent' }),
  }
  return {
    tree,
    at: (path: string) => join(tree, path),
    rpm: (...args: string[]) => run('rpm', ...args),
    build,
    options,
  }
}
