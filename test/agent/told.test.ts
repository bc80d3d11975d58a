import assert from 'node:assert/strict'
import { test } from 'node:test'
import { entrySchema } from '#incidents'
import { actionsOf } from '../../src/agent/run/told.ts'

test('a run becomes records of the journal: one for each step and incident, and for what was spared', () => {
  const step = {
    id: '00000001',
    act: 'kill',
    target: '17 /bin/x',
    incidents: ['a', 'b'],
    result: 'dry',
    line: 'would kill',
  } as const
  const records = actionsOf({
    ...{ id: 'r', at: 0, dryRun: true, expedited: [], degraded: false },
    promises: [
      {
        ...{ name: 'p', type: 'processes', place: 'default.yaml:3', state: 'dry', why: '' },
        ended: [],
        spared: ['/bin/y (18): incident c is tolerated', 'sshd (1): it is on the list'],
        steps: [step, { ...step, act: 'check', incidents: [], result: 'not_kept', line: 'x'.repeat(9000) }],
      },
    ],
  })
  assert.deepEqual(
    records.map(({ verb, subject, outcome, incident }) => [verb, subject, outcome, incident]),
    [
      ['kill', '17 /bin/x', 'would', 'a'],
      ['kill', '17 /bin/x', 'would', 'b'],
      ['check', '17 /bin/x', 'failed', undefined],
      ['processes', '/bin/y (18)', 'tolerated', 'c'],
    ],
  )
  for (const record of records) assert.ok(entrySchema.safeParse(record).success)
})
