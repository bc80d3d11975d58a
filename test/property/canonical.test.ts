/** The reader of canonical CBOR takes exactly what cborg reads and writes back as the same bytes. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decode, encode, rfc8949EncodeOptions } from 'cborg'
import fc from 'fast-check'
import { decodeCanonical } from '../../src/mesh/records/canonical.ts'

const strict = {
  strict: true,
  allowIndefinite: false,
  allowUndefined: false,
  allowNaN: false,
  allowInfinity: false,
  rejectDuplicateMapKeys: true,
}

/** As it was before there was a reader of our own: read, write, compare. */
function slowly(bytes: Uint8Array): unknown {
  const value = decode(bytes, strict)
  if (Buffer.compare(encode(value, rfc8949EncodeOptions), bytes) !== 0) throw new Error('not canonical')
  return value
}

const outcome = (read: (bytes: Uint8Array) => unknown, bytes: Uint8Array) => {
  try {
    return { value: read(bytes) }
  } catch {
    return 'refused'
  }
}

/** cborg makes a property of this key; what is read from the network shall have none of that name. */
const reserved = (bytes: Uint8Array) => Buffer.from(bytes).includes('\x69__proto__')

const same = (bytes: Uint8Array) =>
  reserved(bytes) ||
  assert.deepEqual(
    outcome(decodeCanonical, bytes),
    outcome(slowly, bytes),
    Buffer.from(bytes).toString('hex'),
  )

const text = fc.oneof(
  fc.string(),
  fc.string({ unit: 'binary' }),
  fc.string({ minLength: 20, maxLength: 300 }),
)
const { value } = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.integer(),
    fc.maxSafeInteger(),
    fc.bigInt({ min: -(2n ** 64n), max: 2n ** 64n - 1n }),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.float({ noNaN: true, noDefaultInfinity: true }),
    fc.boolean(),
    fc.constant(null),
    fc.uint8Array({ maxLength: 300 }),
    text,
    fc.array(tie('value'), { maxLength: 30 }),
    fc.dictionary(text, tie('value'), { maxKeys: 30 }),
  ),
}))

test('whatever cborg writes canonically is read as cborg reads it', () => {
  fc.assert(
    fc.property(value, (value) => same(encode(value, rfc8949EncodeOptions))),
    { numRuns: 2000 },
  )
})

test('with bytes changed, dropped or put in, it takes what is canonical and refuses the rest, as before', () => {
  const change = fc.record({ at: fc.nat(), byte: fc.nat(255), how: fc.constantFrom('set', 'drop', 'insert') })
  fc.assert(
    fc.property(value, fc.array(change, { minLength: 1, maxLength: 3 }), (value, changes) => {
      const bytes = [...encode(value, rfc8949EncodeOptions)]
      for (const { at, byte, how } of changes)
        if (how === 'set') bytes[at % bytes.length] = byte
        else if (how === 'drop') bytes.splice(at % bytes.length, 1)
        else bytes.splice(at % (bytes.length + 1), 0, byte)
      same(new Uint8Array(bytes))
    }),
    { numRuns: 5000 },
  )
})

test('bytes of chance', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 12 }), same), { numRuns: 20_000 })
})

test('other spellings of the same value are refused', () => {
  const spellings = [
    '1817', // 23 in two bytes
    '190017',
    '1a00000017',
    '1b0000000000000017',
    'f93c00', // 1.0
    'fa3fc00000', // 1.5 as a float of 4 bytes
    'fb3ff8000000000000',
    '9f01ff', // indefinite
    'bf616101ff',
    '5f4101ff',
    'a2616201616101', // b before a
    'a2616101616101', // a twice
    'a26261610161620a', // longer key first
    'a10101', // a key that is a number
    'c001', // a tag
    'f7', // undefined
    'f97e00', // not a number
    'f97c00', // infinity
    'f98000', // -0 is whatever cborg says
    '61ff', // no UTF-8
    '0000', // something follows
    'a1695f5f70726f746f5f5f01', // __proto__
    '',
  ]
  for (const hex of spellings) {
    const bytes = new Uint8Array(Buffer.from(hex, 'hex'))
    same(bytes)
    if (hex !== 'f98000') assert.throws(() => decodeCanonical(bytes), `${hex} is taken`)
  }
})

test('what nests for ever, or says it is longer than it is, is refused at once', () => {
  assert.throws(() => decodeCanonical(new Uint8Array(8192).fill(0x81)), /deep/)
  for (const head of ['5b7fffffffffffffff', '9a7fffffff', 'ba7fffffff', '7bffffffffffffffff'])
    assert.throws(() => decodeCanonical(new Uint8Array(Buffer.from(head, 'hex'))), /early/)
})
