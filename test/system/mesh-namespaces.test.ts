/**
 * Three hosts in network namespaces, through the command line. The cable is pulled for 12 s here, for 60 s by
 * `npm run bench -- mesh-namespaces`, which also prints how long everything took.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { cutCable } from './mesh-cut.ts'
import { noNamespaces } from './namespaces.ts'

test('three hosts: found, invite, join; a cable pulled, semaphores on both sides; afterwards none lost, none twice', {
  skip: noNamespaces() ?? false,
}, async (t) => {
  const cut = await cutCable(12)
  t.diagnostic(JSON.stringify(cut))
  assert.equal(cut.toldMs.length, 2)
  assert.notEqual(cut.equalMs, -1, 'equal in the end')
  assert.deepEqual(cut.lost, [])
  assert.deepEqual(cut.twice, [])
  assert.equal(cut.expected, 16)
})
