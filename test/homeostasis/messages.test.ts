import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  anomalousMessage,
  delayingMessage,
  lifeMessages,
  normalResetMessage,
  startingNormalMessage,
  trainingResetMessage,
} from '#homeostasis'

const where = { pid: 812, binary: '/usr/bin/less' }
const counters = { calls: 500, trainCount: 400, lastModCount: 320, sequences: 70 }

describe("pH's log lines", () => {
  it('have the words and the order of fields of pH 0.18', () => {
    assert.deepEqual(
      [
        anomalousMessage({ ...where, call: 59, misses: 8, count: 41 }),
        delayingMessage({ pid: 812, count: 41, jiffies: 512 }),
        normalResetMessage({ ...where, limit: 30, count: 99 }),
        startingNormalMessage({ ...where, count: 500, taskCount: 12, total: 9000, sequences: 70 }),
      ],
      [
        { level: 'action', text: 'Anomalous 59 (8 misses), PID 812 (/usr/bin/less), count 41' },
        { level: 'action', text: 'Delaying 812 at 41 for 512 jiffies' },
        { level: 'state', text: 'Anomaly limit 30 exceeded for 812 (/usr/bin/less) at 99, normal reset' },
        {
          level: 'state',
          text: 'Starting normal monitoring in 812 (/usr/bin/less) at 500 (12, 9000) with 70 sequences',
        },
      ],
    )
    assert.match(
      trainingResetMessage({ ...where, limit: 12, lfc: 13, count: 5 }).text,
      /^Tolerize limit 12 .*LFC 13/,
    )
  })

  it('tell the changes in the life of a profile, with the path alone where no process is meant', () => {
    const { binary } = where
    assert.deepEqual(
      lifeMessages(['normal-cancelled', 'frozen', 'started-normal'], { binary, ...counters }).map(
        ({ text }) => text,
      ),
      [
        '(/usr/bin/less) normal cancelled',
        '(/usr/bin/less) now has 400 training calls and 320 since last change',
        '(/usr/bin/less) frozen',
        'Starting normal monitoring in (/usr/bin/less) at 500 (0, 0) with 70 sequences',
      ],
    )
    assert.equal(lifeMessages(['frozen'], { ...where, ...counters })[1]?.text, '812 (/usr/bin/less) frozen')
  })
})
