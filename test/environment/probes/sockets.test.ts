import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { addressText, readPorts } from '../../../src/environment/probes/index.ts'
import { SocketProbe } from '../../../src/environment/probes/sockets.ts'
import {
  FixtureHost,
  goodFiles,
  loopback4,
  loopback6,
  mapped,
  nobody4,
  snmp,
  socketFile,
  socketLine,
} from './fixture.ts'

describe('sockets', () => {
  it('counts in and out by service, in every state, over IPv4 and IPv6, TCP and UDP', () => {
    using host = new FixtureHost()
    const { values } = new SocketProbe(host.places, readPorts()).read(host.moment(0))
    // 443: one connection of IPv4, one of a mapped address in TIME_WAIT, one of IPv6, one listener.
    assert.equal(values.get('wwws_in'), 4)
    assert.equal(values.get('wwws_out'), 1)
    assert.equal(values.get('ssh_in'), 1)
    assert.equal(values.get('dns_in'), 1)
    assert.equal(values.get('www_in'), 0)
  })

  it('knows the remote addresses of a service; one over IPv4 and mapped is one', () => {
    using host = new FixtureHost()
    const { sockets } = new SocketProbe(host.places, readPorts()).read(host.moment(0))
    const remotes = [...sockets!.remotes].map(([name, all]) => [
      name,
      [...all].map(([address, n]) => [addressText(address), n]),
    ])
    assert.deepEqual(remotes, [
      [
        'wwws_in',
        [
          ['127.0.0.1', 2],
          ['::1', 1],
        ],
      ],
      ['wwws_out', [['127.0.0.1', 1]]],
    ])
  })

  it('lists who listens', () => {
    using host = new FixtureHost()
    const { sockets } = new SocketProbe(host.places, readPorts()).read(host.moment(0))
    assert.deepEqual(sockets!.listeners, [
      { protocol: 'tcp4', port: 22, address: '0.0.0.0' },
      { protocol: 'tcp6', port: 443, address: '::' },
      { protocol: 'udp4', port: 53, address: '0.0.0.0' },
    ])
  })

  it('counts 100,000 connections exactly, and keeps no more addresses than its limit', () => {
    using host = new FixtureHost()
    const hex = (n: number) => n.toString(16).toUpperCase().padStart(8, '0')
    let text = socketFile([])
    for (let i = 0; i < 100_000; i++)
      text += socketLine(i, [loopback4, 80], [hex(0x0a000000 + i), 1024 + (i % 60_000)], 1)
    host.write('proc/net/tcp', text)
    host.write('proc/net/tcp6', socketFile([]))
    const { values, sockets, problems } = new SocketProbe(host.places, readPorts()).read(host.moment(0))
    assert.equal(values.get('www_in'), 100_000)
    const kept = [...sockets!.remotes.values()].reduce((sum, all) => sum + all.size, 0)
    assert.equal(kept, 32_768, 'of all services of the table')
    assert.deepEqual([...sockets!.cut].includes('www_in'), true)
    assert.ok(problems.some(({ line }) => /no entropy for .*www_in/.test(line)))
  })

  it('a line cut off in the middle, or with another width, spoils the table', () => {
    const good = goodFiles['proc/net/tcp']!
    for (const text of [
      good.trimEnd().slice(0, -100),
      good.replace(loopback4, '0100007'),
      good.replace(' 0A ', ' 0G '),
    ]) {
      using host = new FixtureHost({ ...goodFiles, 'proc/net/tcp': text })
      const { values, problems } = new SocketProbe(host.places, readPorts()).read(host.moment(0))
      assert.equal(values.size, 0, text)
      assert.equal(problems.length, 1)
    }
  })

  it('knows who waits for an answer to its SYN', () => {
    using host = new FixtureHost()
    const probe = new SocketProbe(host.places, readPorts())
    probe.read(host.moment(0))
    assert.equal(probe.connecting, 0)
    host.write('proc/net/tcp', socketFile([[[loopback4, 40_000], [nobody4.replace(/0$/, '1'), 22], 2]]))
    probe.read(host.moment(10))
    assert.equal(probe.connecting, 1)
  })

  it('writes addresses as people do', () => {
    for (const [hex, text] of [
      [loopback4, '127.0.0.1'],
      [loopback6, '::1'],
      ['0'.repeat(32), '::'],
      [mapped, '::ffff:7f00:1'],
      ['B80D0120000000000000000001000000', '2001:db8::1'],
      ['000080FE00000000FF005450ED7E07FE', 'fe80::5054:ff:fe07:7eed'],
    ] as const)
      assert.equal(addressText(hex), text)
  })

  it('leaves the TCP tables alone while no count says that anything happened', () => {
    using host = new FixtureHost()
    const signs = (inUse4: number, inUse6: number, timeWait: number, segments: number) => {
      host.write(
        'proc/net/sockstat',
        `sockets: used 9\nTCP: inuse ${inUse4} orphan 0 tw ${timeWait} alloc 3 mem 0\n`,
      )
      host.write('proc/net/sockstat6', `TCP6: inuse ${inUse6}\n`)
      host.write('proc/net/snmp', snmp({ InSegs: segments }))
    }
    const sockets = (many: number) =>
      socketFile(Array.from({ length: many }, (_, i) => [[loopback4, 80], [loopback4, 40_000 + i], 1]))
    const probe = new SocketProbe(host.places, readPorts())
    let seconds = 0
    const values = () => {
      seconds += 10
      return probe.read(host.moment(seconds)).values
    }
    signs(3, 2, 1, 100)
    assert.equal(values().get('www_in'), 0)
    host.write('proc/net/tcp', sockets(1))
    host.write('proc/net/udp', socketFile([]))
    const still = values()
    assert.equal(still.get('www_in'), 0, 'it was not read')
    assert.equal(still.get('ssh_in'), 1, 'what it said still counts')
    assert.equal(still.get('dns_in'), 0, 'UDP is read each time')
    const changes: [many: number, signs: Parameters<typeof signs>][] = [
      [1, [4, 2, 1, 100]],
      [2, [4, 3, 1, 100]],
      [3, [4, 3, 0, 100]],
      [4, [4, 3, 0, 101]],
    ]
    for (const [many, change] of changes) {
      host.write('proc/net/tcp', sockets(many))
      signs(...change)
      assert.equal(values().get('www_in'), many, change.join())
    }
    host.remove('proc/net/sockstat')
    host.write('proc/net/tcp', sockets(7))
    assert.equal(values().get('www_in'), 7, 'without the counts every table is read')
    assert.equal(values().get('www_in'), 7)
  })
})
