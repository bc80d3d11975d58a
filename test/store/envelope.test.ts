import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fromCbor, toCbor } from '../../src/store/cbor.ts'
import { open, seal } from '../../src/store/envelope.ts'

test('a sealed record is the canonical CBOR of its three parts, whatever its length', () => {
  for (const length of [0, 1, 23, 24, 255, 256, 16_384, 16_385, 65_535, 65_536]) {
    const payload = new Uint8Array(length).map((_, i) => i)
    for (const version of [1, 23, 24, 300]) {
      const sealed = seal('!kv.mesh!a/b', version, payload)
      assert.deepEqual(new Uint8Array(toCbor(fromCbor(sealed))), new Uint8Array(sealed), `${length} bytes`)
      const opened = open('!kv.mesh!a/b', version, sealed)
      assert.ok(opened.ok && Buffer.compare(opened.payload, payload) === 0)
      assert.equal(open('!kv.mesh!a/c', version, sealed).ok, false, 'under another key')
    }
  }
})
