/** An observable's unit and meaning, for people and for docs/reference/observables.md. */
export interface ObservableKind {
  /** A name, or a pattern of names: `cpuN`, `SERVICE_in`. */
  name: string
  unit: string
  meaning: string
}

/** Old names that stand for the same figure: a model needs to learn only the other. */
export const aliases: ReadonlyMap<string, string> = new Map([['userprocs', 'otherprocs']])

export const observables: readonly ObservableKind[] = [
  { name: 'users', unit: 'users', meaning: 'different users that run a process, root included' },
  { name: 'rootprocs', unit: 'processes', meaning: 'processes of root, kernel threads included' },
  { name: 'otherprocs', unit: 'processes', meaning: 'processes of everybody else' },
  { name: 'userprocs', unit: 'processes', meaning: 'otherprocs, by its name in cfengine 2' },
  { name: 'diskfree', unit: '%', meaning: 'free space of / as df tells an ordinary user' },
  { name: 'diskfree_MOUNT', unit: '%', meaning: 'free space of a disk mounted elsewhere: diskfree_var_lib' },
  { name: 'loadavg', unit: 'tasks', meaning: 'load average over one minute' },
  { name: 'cpu', unit: '%', meaning: 'time in which the CPUs were neither idle nor waiting for I/O' },
  { name: 'cpuN', unit: '%', meaning: 'the same of each CPU' },
  { name: 'mem_total', unit: 'MiB', meaning: 'MemTotal of /proc/meminfo' },
  { name: 'mem_free', unit: 'MiB', meaning: 'MemFree' },
  { name: 'mem_cached', unit: 'MiB', meaning: 'Cached' },
  { name: 'mem_swap', unit: 'MiB', meaning: 'SwapTotal' },
  { name: 'mem_freeswap', unit: 'MiB', meaning: 'SwapFree' },
  { name: 'tempN', unit: 'degrees C', meaning: 'thermal zone N; without zones, the N-th sensor of hwmon' },
  { name: 'io_reads', unit: '1/s', meaning: 'reads of all physical disks' },
  { name: 'io_writes', unit: '1/s', meaning: 'writes of all physical disks' },
  { name: 'io_readdata', unit: 'MiB/s', meaning: 'data read from them' },
  { name: 'io_writtendata', unit: 'MiB/s', meaning: 'data written to them' },
  {
    name: 'webaccess',
    unit: 'bytes/s',
    meaning: 'growth of the access logs of apache2, httpd, nginx, lighttpd, caddy',
  },
  { name: 'weberrors', unit: 'bytes/s', meaning: 'growth of their error logs' },
  { name: 'syslog', unit: 'bytes/s', meaning: 'growth of /var/log/syslog' },
  { name: 'messages', unit: 'bytes/s', meaning: 'growth of /var/log/messages' },
  {
    name: 'journal',
    unit: 'bytes/s',
    meaning: "what systemd-journald wrote: the place of each journal's last object",
  },
  {
    name: 'SERVICE_in',
    unit: 'sockets',
    meaning: 'sockets on the port of a service of config/ports.yaml, in any state',
  },
  { name: 'SERVICE_out', unit: 'sockets', meaning: 'sockets to that port of another host, in any state' },
  {
    name: 'tcpsyn_in',
    unit: '1/s',
    meaning: 'connections taken: PassiveOpens + ListenDrops + SyncookiesSent',
  },
  { name: 'tcpsyn_out', unit: '1/s', meaning: 'connections begun: ActiveOpens' },
  { name: 'tcpack_in', unit: '1/s', meaning: 'acknowledgements: TCPPureAcks + TCPHPAcks' },
  {
    name: 'tcpfin_out',
    unit: '1/s',
    meaning:
      'connections this host sent a FIN on: opens - AttemptFails - EstabResets - CurrEstab - SYN_SENT sockets',
  },
  { name: 'tcpmisc_in', unit: '1/s', meaning: 'other segments received: InSegs - tcpsyn_in - tcpack_in' },
  { name: 'tcpmisc_out', unit: '1/s', meaning: 'other segments sent: OutSegs - tcpsyn_out - tcpfin_out' },
  {
    name: 'udp_in',
    unit: '1/s',
    meaning: 'InDatagrams (taken by a program) + NoPorts + InErrors of UDP, IPv4 and IPv6',
  },
  { name: 'udp_out', unit: '1/s', meaning: 'OutDatagrams of UDP, IPv4 and IPv6' },
  { name: 'icmp_in', unit: '1/s', meaning: 'InMsgs of ICMP and ICMPv6' },
  { name: 'icmp_out', unit: '1/s', meaning: 'OutMsgs of ICMP and ICMPv6' },
  { name: 'pressure_cpu', unit: '%', meaning: 'time in which some task waited for a CPU' },
  { name: 'pressure_memory', unit: '%', meaning: 'time in which some task waited for memory' },
  {
    name: 'pressure_memory_full',
    unit: '%',
    meaning: 'time in which every task with work waited for memory',
  },
  { name: 'pressure_io', unit: '%', meaning: 'time in which some task waited for a disk' },
  { name: 'pressure_io_full', unit: '%', meaning: 'time in which every task with work waited for a disk' },
  { name: 'ph_anomalies', unit: 'in 10 s', meaning: 'anomalous calls of settled profiles' },
  {
    name: 'ph_abnormal_processes',
    unit: 'processes',
    meaning: 'processes of settled profiles with an anomalous call in their locality frame',
  },
  { name: 'ph_new_binaries', unit: 'in 10 s', meaning: 'binaries seen for the first time' },
  { name: 'ph_delayed', unit: 'processes', meaning: 'processes being delayed' },
  {
    name: 'ph_BINARY',
    unit: 'in 10 s',
    meaning: 'system calls of a binary of environment.binaries: ph_usr_sbin_nginx',
  },
]

const patterns: readonly [RegExp, string][] = [
  [/^diskfree_/, 'diskfree_MOUNT'],
  [/^cpu\d+$/, 'cpuN'],
  [/^temp\d+$/, 'tempN'],
  [/^ph_/, 'ph_BINARY'],
  [/_in$/, 'SERVICE_in'],
  [/_out$/, 'SERVICE_out'],
]

/** What an observable of this name is; undefined for the operator's own. */
export function kindOf(name: string): ObservableKind | undefined {
  const wanted = observables.some((kind) => kind.name === name)
    ? name
    : patterns.find(([pattern]) => pattern.test(name))?.[1]
  return observables.find((kind) => kind.name === wanted)
}
