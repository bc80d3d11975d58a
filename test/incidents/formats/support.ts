/** Incidents of every kind, also such as only a hostile program would cause. */
import fc from 'fast-check'
import type { ExportContext, IncidentMore } from '#incidents'

export const context: ExportContext = {
  host: 'web-3.example.net',
  peer: '12D3KooWExamplePeerId',
  version: '0.1.0',
  kernel: '6.18.44',
  now: 1_795_400_000_250,
}

const nasty = [
  '/usr/sbin/nginx',
  '/tmp/ü\u{1f600}/日本',
  '/tmp/]]>&amp;<![CDATA["\'\\',
  '/tmp/"]\\[x@1 a="b"] \r\n<13>1 forged',
  '/tmp/\u0000\u0001\u001b[2J\u007f\u0085\u009b',
  '/tmp/\ud800half\udc00',
  '/tmp/\ufffe\uffff\ufdd0\u2028\u2029\u202e',
  '/tmp/\udcff\udcfe not UTF-8 as some write it',
  `/tmp/${'x'.repeat(5000)}`,
  'memfd:x (deleted)',
  '/',
  '',
]

const text = fc.oneof(
  fc.constantFrom(...nasty),
  fc.string({ unit: 'binary' }),
  fc.string({ unit: 'grapheme' }),
)

export const incidents: fc.Arbitrary<IncidentMore> = fc
  .record(
    {
      id: fc.string({ minLength: 8, maxLength: 8, unit: fc.constantFrom(...'0123456789abcdef') }),
      binary: text,
      sha256: fc.oneof(
        fc.constant(''),
        fc.string({ minLength: 64, maxLength: 64, unit: fc.constantFrom(...'0123456789abcdef') }),
      ),
      abi: fc.constantFrom('x86-64', 'i386', 'arm64'),
      window: fc.integer({ min: 2, max: 9 }),
      severity: fc.constantFrom('notice', 'incident', 'severe'),
      anomalous: fc.integer({ min: 0, max: 2 ** 40 }),
      maxLfc: fc.integer({ min: 1, max: 128 }),
      pairs: fc.array(
        fc.record({
          current: fc.nat(511),
          previous: fc.nat(511),
          distance: fc.integer({ min: 1, max: 8 }),
        }),
        { maxLength: 256 },
      ),
      pairsCut: fc.nat(1000),
      pids: fc.array(fc.integer({ min: 1, max: 4_194_304 }), { maxLength: 64 }),
      firstSeen: fc.oneof(fc.integer({ min: 0, max: 2 ** 47 }), fc.constant(8.64e15)),
      lastSeen: fc.integer({ min: 0, max: 2 ** 47 }),
      state: fc.constantFrom('open', 'quiet', 'resolved'),
      familiarity: fc.record({ known: fc.nat(20), asked: fc.nat(20), verdict: fc.constant('familiar') }),
      bits: fc.oneof(fc.double(), fc.constant(null)),
      m: fc.nat(1000),
      q: fc.double({ min: 0, max: 1 }),
      level: fc.constantFrom('odd', null),
      edge: fc.option(fc.record({ parent: text, started: text })),
      tolerated: text,
    },
    {
      requiredKeys: [
        'id',
        'binary',
        'sha256',
        'abi',
        'window',
        'severity',
        'anomalous',
        'maxLfc',
        'pairs',
        'pairsCut',
        'pids',
        'firstSeen',
        'lastSeen',
        'state',
      ],
    },
  )
  .map((one) => one as unknown as IncidentMore)

export const hosts = fc.oneof(fc.constantFrom('web-3', '', ...nasty), fc.string({ unit: 'binary' }))
