/** What the certificate of a host calls it are classes here, for as long as it says so. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ClassBoard } from '#classes'
import { type HeardPorts, MeshHeard } from '../../../src/daemon/mesh/heard.ts'

test('tags of the certificate are classes; another certificate, or none, other classes', () => {
  const classes = new ClassBoard()
  let tags: string[] | undefined = ['web', 'owner_shop']
  const link = { status: () => (tags ? {} : null), mesh: { status: () => ({ tags }) }, classes: () => [] }
  const heard = new MeshHeard({
    link: link as unknown as HeardPorts['link'],
    classes,
    now: () => 1000,
    rules: { quorum: { hosts: 'third', windowMs: 1 }, allow: [] },
    hashes: () => [],
  })
  const hold = () => {
    heard.settle()
    return classes
      .at(1000)
      .map(({ name }) => name)
      .sort()
  }
  assert.deepEqual(hold(), ['owner_shop', 'web'])
  tags = ['db']
  assert.deepEqual(hold(), ['db'])
  tags = undefined
  assert.deepEqual(hold(), [])
})
