import assert from 'node:assert/strict'
import { existsSync, globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { tell } from './read.ts'

const newestFirst = [
  '1602667846491641183 | 0 | 11981 | > | epoll_wait |  | 1',
  '1602667846491305748 | 2678351 | 11981 | < | writev | data=| a > b | x | 12',
  '1602667846488627397 | 0 | 11981 | > | writev | size=246 | 12',
  '1602667846487261594 | 0 | 11988 | > | <unknown> |  | 6',
  '1602667846487039048 | 0 | 11981 | > | read | fd=3 | 4',
]
const inOrder = ['11981 read', '11988 unknown', '11981 writev', '11981 epoll_wait']

test('entries count, exits do not; the oldest comes first, however the file is sorted', async () => {
  for (const lines of [newestFirst, newestFirst.toReversed()])
    for (const end of ['\n', '\r\n'])
      for (const chunk of [1, 1000]) {
        const { format, told } = await tell(lines.join(end) + end, { chunk })
        assert.equal(format, 'sysdig')
        assert.deepEqual(told, inOrder)
      }
})

test('records that are none, or cut short, are refused', async () => {
  const text = newestFirst.join('\n')
  assert.deepEqual((await tell(text)).told, inOrder)
  await assert.rejects(tell(text.slice(0, -2)), /line 5: ends in the middle: the file was cut short/)
  await assert.rejects(tell(`${text}\nnonsense\n`), /line 6: no record 'time \| latency/)
})

const data = join(
  process.env.LYMPH_TEST_DATA ?? join(import.meta.dirname, '../../../shared/data'),
  'traces/lidds-demo',
)

test('recorded alarms', { skip: existsSync(data) ? false : `no ${data}: set LYMPH_TEST_DATA` }, async () => {
  const files = globSync('*.gz', { cwd: data })
  assert.ok(files.length > 0)
  for (const file of files) {
    const text = gunzipSync(readFileSync(join(data, file)))
    const { told, format } = await tell(text)
    assert.equal(format, 'sysdig')
    // Blocks of newest first; within one time the later line is the older.
    const expected = [...text.toString('latin1').matchAll(/^(\d+) \| \d+ \| (\d+) \| > \| <?(\w+)/gm)]
      .reverse()
      .map(([, time, pid, name]) => ({ time: BigInt(time!), line: `${pid} ${name}` }))
      .sort((a, b) => (a.time < b.time ? -1 : a.time > b.time ? 1 : 0))
    assert.deepEqual(
      told,
      expected.map(({ line }) => line),
    )
  }
})
