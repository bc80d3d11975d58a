/** Answers of a daemon, as docs/reference/api.md has them. */
import type { IncidentLine, ProcessLine, ProfileLine, Status, WarningLine } from '../../src/cli/shapes.ts'

export const status: Status = {
  host: 'web-1',
  sensor: 'kernel',
  seen: 12_345_678,
  lost: 9,
  profiles: { learning: 3, frozen: 2, normal: 1 },
  classes: 4,
  incidents: 1,
  mesh: { id: 'ab12cd34', members: 2, connected: 1 },
}

const hashes = { less: 'a'.repeat(64), old: 'b'.repeat(64), python: 'c'.repeat(64) }

const line = (binary: string, more: Partial<ProfileLine> = {}): ProfileLine => ({
  binary,
  sha256: hashes.less,
  abi: 'x86-64',
  window: 6,
  state: 'learning',
  calls: 100,
  pairs: 20,
  sinceChange: 5,
  anomalies: 0,
  response: 'ignore',
  ...more,
})

export const profiles: ProfileLine[] = [
  line('/usr/bin/less', { calls: 5000, state: 'normal', pairs: 321, anomalies: 7 }),
  line('/usr/bin/python3', { sha256: hashes.python, calls: 900_000_000 }),
  line('/opt/py/python3', { sha256: hashes.python }),
  line('/usr/bin/tar', { sha256: hashes.less, calls: 10 }),
  line('/usr/bin/tar', { sha256: hashes.old, calls: 20, state: 'frozen' }),
  line('/usr/bin/wine', { abi: 'x86-64' }),
  line('/usr/bin/wine', { abi: 'i386' }),
]

export const processes: ProcessLine[] = [
  {
    pid: 17,
    binary: '/usr/bin/less',
    abi: 'x86-64',
    calls: 40,
    lfc: 0,
    maxLfc: 2,
    state: 'normal',
    delayedMs: 0,
  },
  {
    pid: 99,
    binary: '/usr/bin/tar',
    abi: 'x86-64',
    calls: 8,
    lfc: 5,
    maxLfc: 5,
    state: 'frozen',
    delayedMs: 320,
  },
]

export const incident: IncidentLine = {
  id: 'i7',
  binary: '/usr/bin/less',
  sha256: hashes.less,
  abi: 'x86-64',
  window: 6,
  severity: 'incident',
  anomalous: 12,
  maxLfc: 9,
  pairs: [
    { current: 59, previous: 2, distance: 1 },
    { current: 59, previous: 0, distance: 2 },
    { current: 59, previous: 0, distance: 4 },
    { current: 41, previous: 511, distance: 3 },
  ],
  pairsCut: 0,
  pids: [17],
  firstSeen: Date.UTC(2026, 0, 2, 3, 4, 5),
  lastSeen: Date.UTC(2026, 0, 2, 3, 5, 5),
  state: 'open',
}

export const judgedIncident: IncidentLine = {
  ...incident,
  id: 'i10',
  bits: 17.2,
  level: 'severe',
  parts: [
    { part: 'r', bits: 9.2 },
    { part: 'edge', bits: 8 },
  ],
  windows: [{ part: 'r', call: 12, calls: ['open', 'read'] }],
  edge: { parent: '/usr/bin/less', started: '/bin/nc' },
  m: 300,
  q: 0.01,
  units: 1,
  ordinals: [400],
}

export const warning: WarningLine = {
  host: 'web-2',
  peer: '12D3KooWabc',
  about: 'binary',
  kind: 'ph_sequence_anomaly',
  subject: '/usr/bin/less',
  sha256: incident.sha256,
  abi: 'x86-64',
  window: 6,
  anomalous: 12,
  maxLfc: 9,
  severity: 'incident',
  pairs: incident.pairs,
  raised: incident.firstSeen,
  expires: incident.lastSeen,
  state: 'standing',
  corroborated: 0,
  corroboratedBy: [],
}
