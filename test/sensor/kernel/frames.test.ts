/** Frames between the daemon and the sensor: whole, in pieces, wrong; and what an untrusted daemon may not send. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  encodeFrame,
  type Frame,
  FrameError,
  FrameReader,
  FrameType,
  packTables,
  unpackTables,
} from '../../../src/sensor/frames.ts'
import { kernelTooOld, missingCapabilities } from '../../../src/sensor/kernel/inspect.ts'
import { NeverDelay } from '../../../src/sensor/kernel/never.ts'
import { kernelDevice } from '../../../src/sensor/kernel/proc.ts'
import {
  executableFrom,
  fileFrom,
  settingsFrom,
  tablesFrom,
  whole,
} from '../../../src/sensor/kernel/validate.ts'

const bytes = (n: number) => Uint8Array.from({ length: n }, (_, i) => i & 0xff)

describe('frames', () => {
  const sent = [
    encodeFrame(FrameType.request, { id: 1, do: 'processes' }),
    encodeFrame(FrameType.answer, { id: 1, value: 'ä' }, bytes(300)),
    encodeFrame(FrameType.events, []),
  ]

  it('arrive whole however the stream is cut', () => {
    const stream = Buffer.concat(sent)
    for (const step of [1, 2, 3, 7, 64, stream.length]) {
      const reader = new FrameReader(1000)
      const got: Frame[] = []
      for (let at = 0; at < stream.length; at += step)
        got.push(...reader.push(stream.subarray(at, at + step)))
      assert.deepEqual(
        got.map(({ type }) => type),
        [1, 2, 3],
      )
      assert.deepEqual(got[1]?.json, { id: 1, value: 'ä' })
      assert.deepEqual(Uint8Array.from(got[1]!.binary), bytes(300))
    }
  })

  it('that are too long, too short or no JSON are refused before they are read', () => {
    const refuse = (frame: Buffer) => assert.throws(() => [...new FrameReader(100).push(frame)], FrameError)
    refuse(Buffer.from([0xff, 0xff, 0xff, 0x7f]))
    refuse(Buffer.from([101, 0, 0, 0]))
    refuse(Buffer.from([2, 0, 0, 0, 1, 1]))
    const lying = encodeFrame(FrameType.request, { id: 1 })
    lying.writeUInt32LE(5000, 5)
    refuse(lying)
    const broken = encodeFrame(FrameType.request, { id: 1 })
    broken.write('}', 9)
    refuse(broken)
  })

  it('carry tables', () => {
    const row = (current: number) => ({ current, train: bytes(512), test: bytes(512).reverse() })
    const set = { sequences: 1, trainCount: 2, lastModCount: 3 }
    const tables = { calls: 9, train: set, test: set, anomalies: 4, normal: true, rows: [row(0), row(511)] }
    const { head, binary } = packTables(tables)
    assert.deepEqual(unpackTables(tablesFrom(JSON.parse(JSON.stringify(head))), binary), tables)
    assert.throws(() => unpackTables({ ...head, rows: 3 }, binary), FrameError)
    const wild = Buffer.from(binary)
    wild.writeUInt16LE(512, 0)
    assert.throws(() => unpackTables(head, wild), FrameError)
  })
})

describe('what a daemon may send', () => {
  const executable = {
    path: '/bin/x',
    abi: 'x86-64',
    device: 1,
    inode: '7',
    generation: 0,
    mountNamespace: 1,
    deleted: false,
  }
  const file = { sha256: 'a'.repeat(64), sizeBytes: 1, mtimeMs: 1.5, ctimeMs: 2 }
  const settings = {
    window: 6,
    anomalyLimit: 30,
    tolerizeLimit: 12,
    localityWindow: 128,
    delayLimitMs: 1,
    defaultDelayUnitMs: 0,
  }

  it('is taken when it is right, without what does not belong', () => {
    assert.deepEqual(executableFrom({ ...executable, more: 1 }), executable)
    assert.deepEqual(fileFrom(file), file)
    assert.deepEqual(settingsFrom({ ...settings, __proto__: { window: 3 } }), settings)
  })

  it('is refused field by field', () => {
    const wrong: [(value: unknown) => unknown, object, Record<string, unknown[]>][] = [
      [
        executableFrom,
        executable,
        {
          path: ['x', '', '/a\0b', `/${'x'.repeat(9000)}`, 1],
          abi: ['x32', 1],
          device: [-1, 1.5, 2 ** 32],
          inode: ['-1', '1e3', 7, '99999999999999999999'],
          deleted: [0],
        },
      ],
      [
        fileFrom,
        file,
        {
          sha256: ['A'.repeat(64), 'a'.repeat(63), null],
          sizeBytes: [-1, '1'],
          mtimeMs: [Number.NaN, Number.POSITIVE_INFINITY],
        },
      ],
      [
        settingsFrom,
        settings,
        {
          window: [1, 10, 6.5, '6', undefined],
          localityWindow: [0, 129],
          tolerizeLimit: [-1, 129],
          delayLimitMs: [-1, Number.NaN, 1e12],
        },
      ],
      [
        tablesFrom,
        { calls: 0, train: {}, test: {}, anomalies: 0, normal: false, rows: 0 },
        { train: [null, [], { sequences: -1 }] },
      ],
    ]
    for (const [take, right, fields] of wrong)
      for (const [name, values] of Object.entries(fields))
        for (const value of values)
          assert.throws(() => take({ ...right, [name]: value }), FrameError, `${name}: ${String(value)}`)
    for (const nothing of [null, undefined, 1, 'x', []])
      assert.throws(() => executableFrom(nothing), FrameError)
    assert.throws(() => whole({ id: 2 ** 53 }, 'id', 0, Number.MAX_SAFE_INTEGER), FrameError)
  })
})

describe('the host', () => {
  it('capabilities and versions as the kernel writes them', () => {
    assert.deepEqual(missingCapabilities('CapEff:\t000001ffffffffff\n'), [])
    assert.deepEqual(missingCapabilities('CapEff:\t0000000000000000\n'), [
      'CAP_KILL',
      'CAP_SYS_PTRACE',
      'CAP_PERFMON',
      'CAP_BPF',
    ])
    assert.deepEqual(
      missingCapabilities('CapEff:\t00000000002c0020\n'),
      [],
      'CAP_SYS_ADMIN stands for the two newer ones',
    )
    assert.deepEqual(
      ['5.10.0-8-amd64', '5.16.20', '5.17.0', '6.1.0-18-cloud-amd64', '4.19'].map((release) =>
        kernelTooOld(release, 'x64'),
      ),
      [true, true, false, false, true],
    )
    assert.deepEqual(
      ['5.17.0', '5.18.0', '6.1.0-18-arm64'].map((release) => kernelTooOld(release, 'arm64')),
      [true, false, false],
    )
  })

  it('device numbers: from stat to the kernel', () => {
    assert.equal(kernelDevice(0xfe01n), (254 << 20) | 1)
    assert.equal(kernelDevice(0x1n), 1)
    assert.equal(kernelDevice((0x12n << 8n) | 0x34n | (0x5n << 20n)), (0x12 << 20) | 0x534)
  })

  it('who is never delayed', () => {
    const never = new NeverDelay(['# a comment', '/opt/db/server', 'backup # at night', ''])
    for (const path of [
      '/usr/lib/systemd/systemd',
      '/usr/lib/systemd/systemd-logind',
      '/usr/sbin/sshd',
      '/opt/db/server',
      '/any/backup',
    ])
      assert.ok(never.includes(path), path)
    for (const path of [
      '/usr/bin/bash',
      '/opt/db/server2',
      '/usr/bin/ssh',
      '/tmp/sshd/x',
      '/opt/backup/tool',
    ])
      assert.ok(!never.includes(path), path)
  })
})
