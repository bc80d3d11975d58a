import assert from 'node:assert/strict'
import { chownSync } from 'node:fs'
import { describe, it } from 'node:test'
import { CpuProbe } from '../../../src/environment/probes/cpu.ts'
import { DiskProbe } from '../../../src/environment/probes/disks.ts'
import type { Places, Probe } from '../../../src/environment/probes/index.ts'
import { MemoryProbe } from '../../../src/environment/probes/memory.ts'
import { mountName, parseMounts, realMounts } from '../../../src/environment/probes/mounts.ts'
import { PacketProbe } from '../../../src/environment/probes/packets.ts'
import { PressureProbe } from '../../../src/environment/probes/pressure.ts'
import { ProcessProbe } from '../../../src/environment/probes/processes.ts'
import { TemperatureProbe } from '../../../src/environment/probes/temperatures.ts'
import { diskstats, FixtureHost, goodFiles, netstat, pressure, snmp, stat } from './fixture.ts'

/** Values of a reading taken 10 s after another, with files changed in between. */
function over10s(make: (places: Places) => Probe, changed: Record<string, string>): Record<string, number> {
  using host = new FixtureHost()
  const probe = make(host.places)
  probe.read(host.moment(0))
  for (const [path, text] of Object.entries(changed)) host.write(path, text)
  const { values, problems } = probe.read(host.moment(10))
  assert.deepEqual(problems, [])
  return Object.fromEntries(values)
}

describe('values', () => {
  it('cpu: percent not idle and not waiting, of all and of each', () => {
    // 300 busy and 2 x 100 idle of cpu0 and cpu1 (one idle, one iowait).
    const values = over10s((places) => new CpuProbe(places), { 'proc/stat': stat(1300, 3100) })
    assert.deepEqual(values, { cpu: 75, cpu0: 75, cpu1: 75 })
  })

  it('cpu: counters that fell (a CPU came back) give no value, and no number above 100', () => {
    assert.deepEqual(
      over10s((places) => new CpuProbe(places), { 'proc/stat': stat(900, 3000) }),
      {},
    )
  })

  it('disks: whole physical disks alone, in reads and MiB a second', () => {
    const values = over10s((places) => new DiskProbe(places), {
      'proc/diskstats': diskstats(110, 20 + 20_480, 230, 40 + 2048),
    })
    assert.deepEqual(values, { io_reads: 10, io_writes: 20, io_readdata: 1, io_writtendata: 0.1 })
  })

  it('disks: a counter of 32 bits that wraps goes on, a disk that was reset or is new is left out', () => {
    using host = new FixtureHost({ ...goodFiles, 'proc/diskstats': diskstats(2 ** 32 - 50, 0, 500, 0) })
    const probe = new DiskProbe(host.places)
    probe.read(host.moment(0))
    const more = diskstats(7, 7, 7, 7).replaceAll('vda', 'vdb')
    host.write('sys/block/vdb/stat', '')
    host.write('proc/diskstats', diskstats(50, 0, 3, 0) + more)
    const { values } = probe.read(host.moment(10))
    assert.equal(values.get('io_reads'), 10)
    assert.ok(!values.has('io_writes'), 'it fell from 500 to 3')
    host.write('proc/diskstats', diskstats(50, 0, 13, 0) + more)
    assert.equal(probe.read(host.moment(20)).values.get('io_writes'), 1)
  })

  it('pressure: percent of the time, and never more than 100', () => {
    const values = over10s((places) => new PressureProbe(places), {
      'proc/pressure/cpu': pressure(1_000_000 + 2_500_000),
      'proc/pressure/io': pressure(3_000_000 + 60_000_000),
    })
    assert.equal(values.pressure_cpu, 25)
    assert.equal(values.pressure_memory, 0)
    assert.equal(values.pressure_io, 100)
    assert.ok(!('pressure_cpu_full' in values))
  })

  it('memory: MiB; a kernel without swap has no swap figures', () => {
    using host = new FixtureHost()
    const { values } = new MemoryProbe(host.places).read(host.moment(0))
    assert.equal(values.get('mem_total')?.toFixed(2), '24105.55')
    assert.equal(values.get('mem_swap'), 2048)
    assert.equal(values.get('mem_freeswap'), 1024)
    host.write('proc/meminfo', 'MemTotal:       1024 kB\nMemFree:        512 kB\nCached:         256 kB\n')
    assert.deepEqual(Object.fromEntries(new MemoryProbe(host.places).read(host.moment(0)).values), {
      mem_total: 1,
      mem_free: 0.5,
      mem_cached: 0.25,
    })
  })

  it('temperatures: zones by their number, else sensors; one that is off is no problem', () => {
    using host = new FixtureHost()
    const probe = new TemperatureProbe(host.places)
    assert.deepEqual(
      [...probe.read(host.moment(0)).values],
      [
        ['temp0', 47.5],
        ['temp10', -1],
      ],
    )
    host.remove('sys/class/thermal')
    host.write('sys/class/hwmon/hwmon1/temp2_input', '30000\n')
    host.write('sys/class/hwmon/hwmon1/temp1_input', '20000\n')
    host.write('sys/class/hwmon/hwmon0/name', 'acpi\n')
    assert.deepEqual(
      [...probe.read(host.moment(10)).values],
      [
        ['temp0', 20],
        ['temp1', 30],
      ],
    )
  })

  it('processes: users and whose processes, by the owner of each folder', {
    skip: process.getuid?.() !== 0 && 'only root can give files away',
  }, () => {
    using host = new FixtureHost()
    for (const [pid, uid] of [
      [43, 1000],
      [44, 1000],
      [45, 33],
    ] as const) {
      host.write(`proc/${pid}/comm`, '')
      chownSync(host.path(`proc/${pid}`), uid, uid)
    }
    const { values } = new ProcessProbe(host.places).read(host.moment(0))
    assert.deepEqual(Object.fromEntries(values), { users: 3, rootprocs: 2, otherprocs: 3, userprocs: 3 })
  })

  it('processes: a /proc that hides others is said, and counts nothing', () => {
    using host = new FixtureHost()
    host.remove('proc/1')
    const { values, problems } = new ProcessProbe(host.places).read(host.moment(0))
    assert.equal(values.size, 0)
    assert.match(problems[0]!.line, /hidepid/)
  })

  it('mounts: one a disk, none of the network, / whatever it is on', () => {
    const mounts = parseMounts(
      [
        'overlay / overlay rw 0 0',
        '/dev/sda2 /var/lib/docker xfs rw 0 0',
        '/dev/sda2 /var xfs rw 0 0',
        'tank/home /home zfs rw 0 0',
        'srv:/x /net nfs4 rw 0 0',
        'sshfs /mnt/far fuse.sshfs rw 0 0',
        'tmpfs /tmp tmpfs rw 0 0',
        '/dev/loop1 /snap/x squashfs ro 0 0',
      ].join('\n'),
    )
    assert.deepEqual(
      realMounts(mounts!).map(({ point }) => point),
      ['/', '/var', '/home'],
    )
    assert.deepEqual(['/', '/var', '/srv/big disk'].map(mountName), [
      'diskfree',
      'diskfree_var',
      'diskfree_srv_big_disk',
    ])
    assert.deepEqual(
      realMounts(parseMounts('srv:/root / nfs4 rw 0 0')!),
      [],
      'a dead server would hold up the daemon',
    )
  })
})

describe('packets', () => {
  const make = (places: Places) => new PacketProbe(places, () => 0)

  it('each is the sum of its counters, over both versions of IP', () => {
    const values = over10s(make, {
      'proc/net/snmp': snmp({
        ActiveOpens: 1010,
        PassiveOpens: 1020,
        CurrEstab: 5,
        InSegs: 2000,
        OutSegs: 3000,
        InDatagrams: 1100,
        NoPorts: 50,
        OutDatagrams: 1030,
        'Icmp.InMsgs': 1001,
      }),
      'proc/net/netstat': netstat(200, 400, 30),
      'proc/net/snmp6': goodFiles['proc/net/snmp6']!.replace(
        'Udp6InDatagrams                 \t5',
        'Udp6InDatagrams \t15',
      ).replace('Icmp6OutMsgs                    \t71', 'Icmp6OutMsgs \t72'),
    })
    assert.deepEqual(values, {
      tcpsyn_in: 5,
      tcpsyn_out: 1,
      tcpack_in: 30,
      udp_in: 16,
      udp_out: 3,
      icmp_in: 0.1,
      icmp_out: 0.1,
      // 30 opened, 5 of them still established.
      tcpfin_out: 2.5,
      tcpmisc_in: 100 - 5 - 30,
      tcpmisc_out: 200 - 1 - 2.5,
    })
  })

  it('a connection that fails, is reset, stays, or is on its way has sent no FIN', () => {
    using host = new FixtureHost()
    let connecting = 0
    const probe = new PacketProbe(host.places, () => connecting)
    probe.read(host.moment(0))
    connecting = 7
    host.write('proc/net/snmp', snmp({ ActiveOpens: 1020, AttemptFails: 5, EstabResets: 4, CurrEstab: 3 }))
    assert.equal(probe.read(host.moment(10)).values.get('tcpfin_out'), 0.1)
    connecting = 9
    assert.equal(probe.read(host.moment(20)).values.get('tcpfin_out'), 0, 'it ran ahead, and falls back')
    connecting = 7
    assert.equal(probe.read(host.moment(30)).values.get('tcpfin_out'), 0, 'and is not counted twice')
  })

  it('a host without IPv6 has them all the same', () => {
    using host = new FixtureHost()
    host.remove('proc/net/snmp6')
    const probe = make(host.places)
    probe.read(host.moment(0))
    const { values, problems } = probe.read(host.moment(10))
    assert.deepEqual(problems, [])
    assert.equal(values.get('udp_in'), 0)
  })
})
