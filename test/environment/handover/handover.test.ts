import assert from 'node:assert/strict'
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import {
  envData,
  type HandOver,
  HandOverError,
  listening,
  moduleProtocol,
  monitordName,
  removeHandOver,
  writeHandOver,
} from '../../../src/environment/handover/index.ts'

const at = Date.UTC(2026, 0, 5, 3, 0)
const plain: HandOver = {
  at,
  classes: ['www_in_high_dev2', 'entropy_www_in_low', 'www_in_high_anomalous'],
  withdrawn: ['ssh_in_low', 'www_in_high_dev2'],
  observables: [
    { name: 'www_in', value: 600, expected: 100.126, deviation: 4 },
    { name: 'io_readdata', value: 0.0042 },
  ],
  lists: { listening_ports: ['22', '443'], none: [] },
  arrays: { tcp4_port_addr: { 22: '0.0.0.0' } },
}

describe('hand-over', () => {
  it('in the module protocol', () => {
    assert.deepEqual(moduleProtocol(plain), {
      text: `^context=lymph
-ssh_in_low
+entropy_www_in_low
+www_in_high_anomalous
+www_in_high_dev2
=value_www_in=600.00
=av_www_in=100.13
=dev_www_in=4.00
=value_io_readdata=0.00420
=lymph_time=${at / 1000}
=tcp4_port_addr[22]=0.0.0.0
@listening_ports={ "22", "443" }
`,
      dropped: [],
    })
  })

  it('as env_data, with cf-monitord’s names beside ours', () => {
    assert.deepEqual(envData(plain, { monitordNames: true }), {
      text: `entropy_www_in_low
www_in_high_anomalous
www_in_high_anomaly
www_in_high_dev2
value_www_in=600.00
av_www_in=100.13
dev_www_in=4.00
value_io_readdata=0.00420
lymph_time=${at / 1000}
@listening_ports={'22','443'}
tcp4_port_addr[22]=0.0.0.0
`,
      dropped: [],
    })
  })

  it('numbers: two decimals, small ones three that count, none of what is no number', () => {
    const values = [0, -0, 1e-12, 0.1, 0.0999, -0.00123456, 1e9, Number.NaN, Number.POSITIVE_INFINITY, 1e300]
    const observables = values.map((value, i) => ({ name: `o${i}`, value, expected: value }))
    const { text, dropped } = envData({ at, classes: [], observables, lists: {} })
    const found = [...text.matchAll(/^value_o\d=(.*)$/gm)].map(([, value]) => value)
    assert.deepEqual(found, ['0.00', '0.00', '0.00', '0.10', '0.0999', '-0.00123', '1000000000.00'])
    assert.equal(dropped.length, 3)
  })

  it('hostile names make no line of their own, whatever they hold', () => {
    const hostile = fc.string({ unit: 'binary', maxLength: 80 })
    const input = fc.record({
      at: fc.constant(at),
      classes: fc.array(hostile, { maxLength: 5 }),
      withdrawn: fc.array(hostile, { maxLength: 3 }),
      observables: fc.array(
        fc.record({
          name: hostile,
          value: fc.double(),
          expected: fc.option(fc.double(), { nil: undefined }),
        }),
        { maxLength: 5 },
      ),
      lists: fc.dictionary(hostile, fc.array(hostile, { maxLength: 5 }), { maxKeys: 4 }),
      arrays: fc.dictionary(hostile, fc.dictionary(hostile, hostile, { maxKeys: 3 }), { maxKeys: 3 }),
    })
    const name = '[A-Za-z0-9_]+'
    const inside = '[ !#&()*+,\\-./0-9:;<=>?A-Z\\[\\]^_a-z|~%]*'
    const key = '[A-Za-z0-9_.:/-]*'
    const lineOf = {
      module: new RegExp(
        `^(\\^context=lymph|[+-]${name}|=${name}(\\[${key}\\])?=${inside}|@${name}=\\{ "${inside}"(, "${inside}")* \\})$`,
      ),
      data: new RegExp(
        `^(${name}|${name}(\\[${key}\\])?=${inside}|@${name}=\\{'${inside}'(,'${inside}')*\\})$`,
      ),
    }
    fc.assert(
      fc.property(input, (handOver) => {
        for (const line of moduleProtocol(handOver).text.trimEnd().split('\n'))
          assert.match(line, lineOf.module)
        for (const line of envData(handOver).text.trim().split('\n')) assert.match(line, lineOf.data)
      }),
      { numRuns: 500 },
    )
    const quoted = envData({
      at,
      classes: ["a\nb=c'd", '\n', '+x'],
      observables: [],
      lists: { l: ["x','y", 'é$(sys.host)\n'] },
    })
    assert.deepEqual(quoted.text.trimEnd().split('\n'), [
      '_x',
      'a_b_c_d',
      `lymph_time=${at / 1000}`,
      "@l={'x%27,%27y','%C3%A9%24(sys.host)%0A'}",
    ])
    assert.equal(quoted.dropped.length, 1)
    assert.equal(decodeURIComponent('%C3%A9%24(sys.host)%0A'), 'é$(sys.host)\n')
  })

  it('says the same in the same words, whatever the order and however often', () => {
    const { classes, ...rest } = plain
    const again = { ...rest, classes: [...classes, ...classes].reverse() }
    assert.equal(envData(again).text, envData(plain).text)
    assert.equal(moduleProtocol(again).text, moduleProtocol(plain).text)
  })

  it('what is too long or too much is left out and said', () => {
    const ports = Array.from({ length: 2000 }, (_, i) => String(10_000 + i))
    const many = { at, classes: ports, observables: [], lists: { ports } }
    const data = envData({ ...many, classes: [] })
    const [line] = /^@ports=.*$/m.exec(data.text) as RegExpExecArray
    assert.ok(line!.length - '@ports='.length <= 255, 'all that cf-agent reads of a list')
    assert.match(line!, /^@ports=\{'10000',.*'\}$/)
    assert.match(data.dropped.join(), /list ports: 19\d\d of 2000 items do not fit/)
    const { text, dropped } = moduleProtocol({
      ...many,
      classes: [...ports, ...ports.map((port) => `x${port}`)],
    })
    assert.ok(text.split('\n').every((each) => each.length <= 4000))
    assert.equal(dropped.length, 2)
    const long = envData({
      at,
      classes: [],
      observables: [],
      lists: { one: ['x'.repeat(300)] },
      arrays: { a: { k: 'y'.repeat(300) } },
    })
    assert.ok(long.text.split('\n').every((each) => each.length <= 'a[k]='.length + 255))
  })

  it('two observables of one name: the first, and it is said', () => {
    const { text, dropped } = envData({
      at,
      classes: [],
      observables: [
        { name: 'a-b', value: 1 },
        { name: 'a_b', value: 2 },
      ],
      lists: {},
    })
    assert.match(text, /^value_a_b=1\.00$/m)
    assert.doesNotMatch(text, /2\.00/)
    assert.equal(dropped.length, 1)
  })

  it('refuses a context that could be more than a name', () => {
    for (const context of ['', 'a b', 'a\n+root', 'x'.repeat(51)])
      assert.throws(() => moduleProtocol(plain, { context }), HandOverError)
  })

  it('knows where cf-monitord spells a class otherwise', () => {
    assert.equal(monitordName('www_in_low_anomalous'), 'www_in_low_anomaly')
    assert.equal(monitordName('entropy_postgres_in_low'), 'entropy_postgresql_in_low')
    assert.equal(monitordName('www_in_high_dev2'), undefined)
    assert.equal(monitordName('entropy_www_in_low'), undefined)
  })

  it('lists who listens as cf-monitord does', () => {
    const { lists, arrays } = listening([
      { protocol: 'tcp4', port: 443, address: '127.0.0.1' },
      { protocol: 'tcp4', port: 443, address: '0.0.0.0' },
      { protocol: 'tcp6', port: 22, address: '::1' },
    ])
    assert.deepEqual(lists, {
      listening_ports: ['22', '443'],
      listening_tcp4_ports: ['443'],
      listening_tcp6_ports: ['22'],
    })
    assert.deepEqual(arrays, { tcp4_port_addr: { 443: '0.0.0.0' }, tcp6_port_addr: { 22: '::1' } })
  })
})

describe('writing a hand-over', () => {
  const inFolder = async (use: (folder: string) => Promise<void>) => {
    const folder = mkdtempSync(join(tmpdir(), 'lymph-handover-'))
    try {
      await use(folder)
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  }

  it('replaces the file as a whole, mode 0644, and leaves nothing beside it', () =>
    inFolder(async (folder) => {
      const mask = process.umask(0o077)
      try {
        await writeHandOver(folder, 'env_data', 'one\n')
        const first = statSync(join(folder, 'env_data')).ino
        await writeHandOver(folder, 'env_data', 'two\n')
        assert.notEqual(statSync(join(folder, 'env_data')).ino, first)
      } finally {
        process.umask(mask)
      }
      assert.equal(readFileSync(join(folder, 'env_data'), 'utf8'), 'two\n')
      assert.equal(statSync(join(folder, 'env_data')).mode & 0o7777, 0o644)
      assert.deepEqual(readdirSync(folder), ['env_data'])
      await removeHandOver(folder, 'env_data')
      await removeHandOver(folder, 'env_data')
      assert.deepEqual(readdirSync(folder), [])
    }))

  it('writes nothing outside its folder', () =>
    inFolder(async (folder) => {
      mkdirSync(join(folder, 'in'))
      for (const name of [
        '../out',
        '..',
        '.',
        '',
        '/etc/x',
        'a/b',
        'a\0b',
        '.hidden',
        'a\nb',
        'x'.repeat(200),
      ])
        await assert.rejects(
          writeHandOver(join(folder, 'in'), name, 'x'),
          HandOverError,
          JSON.stringify(name),
        )
      await assert.rejects(writeHandOver('relative', 'x', 'x'), HandOverError)
      await assert.rejects(writeHandOver(join(folder, 'none'), 'x', 'x'), /ENOENT/)
      writeFileSync(join(folder, 'file'), '')
      await assert.rejects(writeHandOver(join(folder, 'file'), 'x', 'x'), /no folder/)
      assert.deepEqual(readdirSync(join(folder, 'in')), [])
    }))

  it('follows no link, neither in the place of the file nor of its draft', () =>
    inFolder(async (folder) => {
      const victim = join(folder, 'victim')
      writeFileSync(victim, 'mine')
      for (const link of ['lymph.classes', 'lymph.classes.new']) symlinkSync(victim, join(folder, link))
      await writeHandOver(folder, 'lymph.classes', 'x\n')
      assert.equal(readFileSync(victim, 'utf8'), 'mine')
      assert.equal(readFileSync(join(folder, 'lymph.classes'), 'utf8'), 'x\n')
    }))
})
