import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { after, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { pack } from 'tar-stream'
import { CallNames, readTrace, type SourceOptions, traceEvents, traceSources } from '#syscalls'

const folder = mkdtempSync(join(tmpdir(), 'lymph-sources-'))
after(() => rmSync(folder, { recursive: true, force: true }))

async function tarOf(files: Record<string, string | Uint8Array>): Promise<Buffer> {
  const archive = pack()
  archive.entry({ name: 'set', type: 'directory' })
  for (const [name, content] of Object.entries(files)) archive.entry({ name }, Buffer.from(content))
  archive.finalize()
  return await buffer(archive as AsyncIterable<Buffer>)
}

/** Names, places and contents. */
async function all(paths: string[], options?: SourceOptions): Promise<[string, string, string][]> {
  const found: [string, string, string][] = []
  for await (const { name, file, chunks } of traceSources(paths, options))
    found.push([name, file.replace(`${folder}/`, ''), (await buffer(chunks)).toString()])
  return found
}

const long = '7 1\n'.repeat(300_000)
const files = {
  'set/b.int': '1 2\n',
  'set/README.md': 'words',
  'set/a.int': '3 4\n',
  'set/deep/c.int.gz': gzipSync(long),
}
const tar = await tarOf(files)
writeFileSync(join(folder, 'set.tar.gz'), gzipSync(tar))
writeFileSync(join(folder, 'set.tar'), tar)
writeFileSync(join(folder, 'odd-name'), gzipSync('5 6\n'))
mkdirSync(join(folder, 'place/deep/.git'), { recursive: true })
writeFileSync(join(folder, 'place/z.int'), '1 1\n')
writeFileSync(join(folder, 'place/calls.txt.sun'), 'read\nwrite\n')
writeFileSync(join(folder, 'place/.hidden'), 'x')
writeFileSync(join(folder, 'place/deep/b.int'), '2 2\n')
writeFileSync(join(folder, 'place/deep/a.tgz'), gzipSync(tar))
symlinkSync('z.int', join(folder, 'place/link.int'))
symlinkSync('..', join(folder, 'place/loop'))

test('a file is called by its name, what is in an archive by its path there', async () => {
  assert.deepEqual(await all([join(folder, 'odd-name')]), [['odd-name', 'odd-name', '5 6\n']])
  for (const archive of ['set.tar.gz', 'set.tar'])
    assert.deepEqual(await all([join(folder, archive)]), [
      ['set/b.int', `${archive}/set/b.int`, '1 2\n'],
      ['set/a.int', `${archive}/set/a.int`, '3 4\n'],
      ['set/deep/c.int.gz', `${archive}/set/deep/c.int.gz`, long],
    ])
})

test('folders are read in order, with archives in them; what is no trace by its name is passed over', async () => {
  const passed: string[] = []
  const found = await all([join(folder, 'place')], {
    onPassed: (file) => passed.push(file.replace(`${folder}/`, '')),
  })
  assert.deepEqual(
    found.map(([name, file]) => [name, file]),
    [
      ['deep/a.tgz/set/b.int', 'place/deep/a.tgz/set/b.int'],
      ['deep/a.tgz/set/a.int', 'place/deep/a.tgz/set/a.int'],
      ['deep/a.tgz/set/deep/c.int.gz', 'place/deep/a.tgz/set/deep/c.int.gz'],
      ['deep/b.int', 'place/deep/b.int'],
      ['link.int', 'place/link.int'],
      ['z.int', 'place/z.int'],
    ],
  )
  assert.deepEqual(passed, ['place/.hidden', 'place/calls.txt.sun', 'place/deep/a.tgz/set/README.md'])
})

test('globs choose', async () => {
  const names = async (options: SourceOptions) =>
    (await all([join(folder, 'set.tar.gz')], options)).map(([name]) => name)
  assert.deepEqual(await names({ include: ['**/a.int', 'set/README.md'] }), ['set/README.md', 'set/a.int'])
  assert.deepEqual(await names({ exclude: ['set/deep/**'] }), ['set/b.int', 'set/a.int'])
  await assert.rejects(names({ include: ['nothing'] }), /set.tar.gz: it holds no trace that --include allows/)
})

test('one source may be left in the middle', async () => {
  const names: string[] = []
  for await (const source of traceSources([join(folder, 'set.tar.gz')])) names.push(source.name)
  assert.equal(names.length, 3)
})

test('what is cut short says so', async () => {
  const gz = gzipSync(long)
  const zipped = gzipSync(tar)
  writeFileSync(join(folder, 'cut.gz'), gz.subarray(0, gz.length - 20))
  writeFileSync(join(folder, 'cut.tar'), tar.subarray(0, 700))
  writeFileSync(join(folder, 'cut.tar.gz'), zipped.subarray(0, zipped.length - 40))
  writeFileSync(
    join(folder, 'broken.gz'),
    Buffer.concat([gz.subarray(0, 30), Buffer.from('garbage'), gz.subarray(30)]),
  )
  await assert.rejects(all([join(folder, 'cut.gz')]), {
    name: 'TraceError',
    message: /cut\.gz: the compressed file was cut short: get it whole/,
  })
  await assert.rejects(all([join(folder, 'cut.tar')]), {
    name: 'TraceError',
    message: /cut\.tar.*get it whole/,
  })
  await assert.rejects(all([join(folder, 'cut.tar.gz')]), {
    name: 'TraceError',
    message: /cut\.tar\.gz.*get it whole/,
  })
  await assert.rejects(all([join(folder, 'broken.gz')]), {
    name: 'TraceError',
    message: /broken\.gz: it cannot be unpacked/,
  })
  await assert.rejects(all([join(folder, 'nowhere')]), { code: 'ENOENT' })
})

test('an error in a trace of an archive names archive and file', async () => {
  writeFileSync(join(folder, 'bad.tar'), await tarOf({ 'set/ok.int': '1 2\n', 'set/bad.int': '1 2\n1 x\n' }))
  await assert.rejects(
    async () => {
      for await (const source of traceSources([join(folder, 'bad.tar')]))
        await readTrace(source, new CallNames('x86-64'), { call() {}, exec() {}, fork() {}, exit() {} })
    },
    { name: 'TraceError', message: /bad\.tar\/set\/bad\.int: line 2: 'x\?' where a number should be/ },
  )
})

test('events tell the same as a sink', async () => {
  for await (const source of traceSources([join(folder, 'place/deep/b.int')])) {
    const events = []
    for await (const event of traceEvents(source, new CallNames('x86-64'))) events.push(event)
    assert.deepEqual(events, [{ type: 'call', task: 2, call: 2 }])
  }
})
