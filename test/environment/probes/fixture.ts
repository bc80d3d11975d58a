/** A made host: the files of /proc, /sys and /var/log that the probes read, in a folder of its own. */
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { Moment, Places } from '../../../src/environment/probes/index.ts'

const socketHeader =
  '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n'

/** A line of /proc/net/tcp as Linux prints it. */
export function socketLine(
  index: number,
  local: [string, number],
  remote: [string, number],
  state: number,
): string {
  const hex = (n: number, width: number) => n.toString(16).toUpperCase().padStart(width, '0')
  const end = ([address, port]: [string, number]) => `${address}:${hex(port, 4)}`
  return `${String(index).padStart(4)}: ${end(local)} ${end(remote)} ${hex(state, 2)} 00000000:00000000 00:00000000 00000000     0        0 ${1000 + index} 1 0000000056ee07d6 100 0 0 10 0\n`
}

export function socketFile(
  sockets: readonly [local: [string, number], remote: [string, number], state: number][],
): string {
  return socketHeader + sockets.map((socket, index) => socketLine(index, ...socket)).join('')
}

/** 127.0.0.1, ::1, ::ffff:127.0.0.1, and nobody, as the kernel prints them on a little-endian host. */
export const loopback4 = '0100007F'
export const loopback6 = '00000000000000000000000001000000'
export const mapped = '0000000000000000FFFF00000100007F'
export const nobody4 = '00000000'
export const nobody6 = '0'.repeat(32)

export function snmp(values: Partial<Record<string, number>> = {}): string {
  const of = (name: string) => values[name] ?? 1000
  const tcp = [1, 200, 120000, -1, of('ActiveOpens'), of('PassiveOpens'), values.AttemptFails ?? 0]
  return `Ip: Forwarding DefaultTTL InReceives
Ip: 2 64 277724
Icmp: InMsgs InErrors InCsumErrors OutMsgs
Icmp: ${of('Icmp.InMsgs')} 0 0 ${of('Icmp.OutMsgs')}
IcmpMsg: InType3
IcmpMsg: 2
Tcp: RtoAlgorithm RtoMin RtoMax MaxConn ActiveOpens PassiveOpens AttemptFails EstabResets CurrEstab InSegs OutSegs RetransSegs InErrs OutRsts InCsumErrors
Tcp: ${tcp.join(' ')} ${values.EstabResets ?? 0} ${values.CurrEstab ?? 0} ${of('InSegs')} ${of('OutSegs')} 2372 0 1541 0
Udp: InDatagrams NoPorts InErrors OutDatagrams RcvbufErrors SndbufErrors InCsumErrors IgnoredMulti MemErrors
Udp: ${of('InDatagrams')} ${values.NoPorts ?? 0} 0 ${of('OutDatagrams')} 0 0 0 0 0
`
}

export const netstat = (pureAcks = 100, predictedAcks = 200, listenDrops = 0) =>
  `TcpExt: SyncookiesSent SyncookiesRecv TW ListenOverflows ListenDrops TCPPureAcks TCPHPAcks
TcpExt: 0 0 1362 0 ${listenDrops} ${pureAcks} ${predictedAcks}
IpExt: InNoRoutes InOctets
IpExt: 0 1264848202
`

export const stat = (busy: number, idle: number) =>
  `cpu  ${2 * busy} 0 0 ${idle} ${idle} 0 0 0 0 0
cpu0 0 ${busy} 0 ${idle} 0 0 0 0 0 0
cpu1 0 0 ${busy} 0 ${idle} 0 0 0 0 0
intr 12345 0 0
ctxt 99
`

export const pressure = (total: number) =>
  `some avg10=1.00 avg60=0.50 avg300=0.10 total=${total}\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0\n`

export const diskstats = (reads: number, sectorsRead: number, writes: number, sectorsWritten: number) => {
  const of = (name: string) =>
    `${name} ${reads} 5 ${sectorsRead} 7 ${writes} 3 ${sectorsWritten} 9 0 11 12 0 0 0 0 0 0`
  return `   7       0 ${of('loop0')}\n 254       0 ${of('vda')}\n 254       1 ${of('vda1')}\n 253       0 ${of('dm-0')}\n`
}

const meminfo = `MemTotal:       24684083 kB
MemFree:        22436161 kB
MemAvailable:   23000000 kB
Cached:          1039872 kB
SwapCached:            0 kB
SwapTotal:       2097152 kB
SwapFree:        1048576 kB
HugePages_Total:       0
`

export const goodFiles: Readonly<Record<string, string>> = {
  'proc/1/comm': 'init\n',
  'proc/42/comm': 'sh\n',
  'proc/self/comm': 'node\n',
  'proc/loadavg': '0.25 0.38 0.56 5/113 7411\n',
  'proc/stat': stat(1000, 3000),
  'proc/meminfo': meminfo,
  'proc/mounts':
    'proc /proc proc rw 0 0\n/dev/vda1 / ext4 rw,relatime 0 0\n/dev/vdb1 /srv/big\\040disk xfs rw 0 0\n/dev/vda1 /run/netns ext4 rw 0 0\nserver:/x /nfs nfs4 rw 0 0\n',
  'proc/diskstats': diskstats(10, 20, 30, 40),
  'proc/pressure/cpu': pressure(1_000_000),
  'proc/pressure/memory': pressure(2_000_000),
  'proc/pressure/io': pressure(3_000_000),
  'proc/net/snmp': snmp(),
  'proc/net/netstat': netstat(),
  'proc/net/snmp6':
    'Ip6InReceives                   \t39\nIcmp6InMsgs                     \t2\nIcmp6OutMsgs                    \t71\nUdp6InDatagrams                 \t5\nUdp6NoPorts                     \t0\nUdp6InErrors                    \t0\nUdp6OutDatagrams                \t6\n',
  'proc/net/tcp': socketFile([
    [[nobody4, 22], [nobody4, 0], 0x0a],
    [[loopback4, 443], [loopback4, 50_000], 0x01],
    [[loopback4, 50_000], [loopback4, 443], 0x01],
  ]),
  'proc/net/tcp6': socketFile([
    [[nobody6, 443], [nobody6, 0], 0x0a],
    [[mapped, 443], [mapped, 50_001], 0x06],
    [[loopback6, 443], [loopback6, 50_002], 0x01],
  ]),
  'proc/net/udp': socketFile([[[nobody4, 53], [nobody4, 0], 0x07]]),
  'proc/net/udp6': socketFile([]),
  'sys/class/thermal/thermal_zone0/temp': '47500\n',
  'sys/class/thermal/thermal_zone10/temp': '-1000\n',
  'sys/block/vda/stat': '',
  'sys/block/loop0/stat': '',
  'sys/block/dm-0/stat': '',
  'log/syslog': 'a\n',
  'log/nginx/access.log': 'GET /\n',
  'log/apache2/access.log': 'GET /\n',
  'log/apache2/error.log': 'oops\n',
  'run/log/journal/0123/system.journal': journal(1, 4000),
  'root/srv/big disk/.keep': '',
}

/** The beginning of a journal file as systemd-journald writes it. */
export function journal(id: number, tail: number): string {
  const header = Buffer.alloc(256)
  header.write('LPKSHHRH', 0, 'latin1')
  header.fill(id, 24, 40)
  header.writeBigUInt64LE(BigInt(tail), 136)
  return header.toString('latin1')
}

export class FixtureHost {
  readonly folder = mkdtempSync(join(tmpdir(), 'lymph-probes-'))
  readonly places: Places = {
    proc: join(this.folder, 'proc'),
    sys: join(this.folder, 'sys'),
    log: join(this.folder, 'log'),
    run: join(this.folder, 'run'),
    root: join(this.folder, 'root'),
  }
  readonly #start: number

  constructor(files: Readonly<Record<string, string>> = goodFiles) {
    for (const folder of Object.values(this.places)) mkdirSync(folder, { recursive: true })
    for (const [path, text] of Object.entries(files)) this.write(path, text)
    this.#start = Date.UTC(2026, 0, 5)
  }

  path(path: string): string {
    return join(this.folder, path)
  }

  write(path: string, text: string): void {
    mkdirSync(dirname(this.path(path)), { recursive: true })
    writeFileSync(this.path(path), text, 'latin1')
  }

  remove(path: string): void {
    rmSync(this.path(path), { recursive: true, force: true })
  }

  copy(from: string, to: string): void {
    cpSync(this.path(from), this.path(to))
  }

  /** So many seconds after the start. */
  moment(seconds: number): Moment {
    return { at: this.#start + seconds * 1000, monotonicMs: 5000 + seconds * 1000 }
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true, force: true })
  }
}
