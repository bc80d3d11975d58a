import { CpuProbe } from '../../../src/environment/probes/cpu.ts'
import { DiskProbe } from '../../../src/environment/probes/disks.ts'
import { readPorts } from '../../../src/environment/probes/index.ts'
import { LoadProbe } from '../../../src/environment/probes/load.ts'
import { LogProbe } from '../../../src/environment/probes/logs.ts'
import { MemoryProbe } from '../../../src/environment/probes/memory.ts'
import { MountProbe } from '../../../src/environment/probes/mounts.ts'
import { PacketProbe } from '../../../src/environment/probes/packets.ts'
import { PressureProbe } from '../../../src/environment/probes/pressure.ts'
import { ProcessProbe } from '../../../src/environment/probes/processes.ts'
import { SocketProbe } from '../../../src/environment/probes/sockets.ts'
import { TemperatureProbe } from '../../../src/environment/probes/temperatures.ts'
import { stat } from './fixture.ts'
import { probeSuite } from './suite.ts'

const services = readPorts()
probeSuite('processes', {
  make: (places) => new ProcessProbe(places),
  levels: ['users', 'rootprocs', 'otherprocs', 'userprocs'],
  rates: [],
  files: {},
  saysMissing: true,
})
probeSuite('mounts', {
  make: (places) => new MountProbe(places),
  levels: ['diskfree', 'diskfree_srv_big_disk'],
  rates: [],
  files: { 'proc/mounts': ['diskfree'] },
  saysMissing: true,
})
probeSuite('load', {
  make: (places) => new LoadProbe(places),
  levels: ['loadavg'],
  rates: [],
  files: { 'proc/loadavg': ['loadavg'] },
  saysMissing: true,
})
probeSuite('cpu', {
  make: (places) => new CpuProbe(places),
  levels: [],
  rates: ['cpu', 'cpu0', 'cpu1'],
  files: { 'proc/stat': ['cpu', 'cpu0', 'cpu1'] },
  saysMissing: true,
  // Only idle time goes by.
  tick: (host, reading) => host.write('proc/stat', stat(1000, 3000 + 1000 * reading)),
})
probeSuite('memory', {
  make: (places) => new MemoryProbe(places),
  levels: ['mem_total', 'mem_free', 'mem_cached', 'mem_swap', 'mem_freeswap'],
  rates: [],
  files: { 'proc/meminfo': ['mem_total', 'mem_swap'] },
  saysMissing: true,
})
probeSuite('temperatures', {
  make: (places) => new TemperatureProbe(places),
  levels: ['temp0', 'temp10'],
  rates: [],
  files: { 'sys/class/thermal/thermal_zone10/temp': ['temp10'] },
  saysMissing: false,
})
probeSuite('disks', {
  make: (places) => new DiskProbe(places),
  levels: [],
  rates: ['io_reads', 'io_writes', 'io_readdata', 'io_writtendata'],
  files: { 'proc/diskstats': ['io_reads', 'io_writtendata'] },
  saysMissing: true,
})
probeSuite('pressure', {
  make: (places) => new PressureProbe(places),
  levels: [],
  rates: ['pressure_cpu', 'pressure_memory', 'pressure_memory_full', 'pressure_io', 'pressure_io_full'],
  files: {
    'proc/pressure/cpu': ['pressure_cpu'],
    'proc/pressure/memory': ['pressure_memory', 'pressure_memory_full'],
    'proc/pressure/io': ['pressure_io', 'pressure_io_full'],
  },
  saysMissing: false,
})
probeSuite('packets', {
  make: (places) => new PacketProbe(places, () => 0),
  levels: [],
  rates: [
    ...['tcpsyn_in', 'tcpsyn_out', 'tcpack_in', 'tcpfin_out', 'tcpmisc_in', 'tcpmisc_out'],
    ...['udp_in', 'udp_out', 'icmp_in', 'icmp_out'],
  ],
  files: {
    'proc/net/snmp': ['tcpsyn_in', 'tcpsyn_out', 'tcpfin_out', 'tcpmisc_in', 'udp_in', 'icmp_out'],
    'proc/net/netstat': ['tcpsyn_in', 'tcpack_in', 'tcpmisc_in'],
    'proc/net/snmp6': ['udp_in', 'udp_out', 'icmp_in', 'icmp_out'],
  },
  saysMissing: true,
})
probeSuite('sockets', {
  make: (places) => new SocketProbe(places, services),
  levels: [...services.keys()].flatMap((service) => [`${service}_in`, `${service}_out`]),
  rates: [],
  files: {
    'proc/net/tcp': ['wwws_in', 'ssh_in'],
    'proc/net/tcp6': ['wwws_in'],
    'proc/net/udp': ['wwws_in', 'dns_in'],
    'proc/net/udp6': ['wwws_in', 'dns_in'],
  },
  saysMissing: true,
})
probeSuite('logs', {
  make: (places) => new LogProbe(places),
  levels: [],
  rates: ['webaccess', 'weberrors', 'syslog', 'journal'],
  files: { 'run/log/journal/0123/system.journal': ['journal'] },
  saysMissing: false,
})
