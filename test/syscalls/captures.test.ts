/** The recorded strace logs of the test data (LYMPH_TEST_DATA), against what can be counted with one pattern. */
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { CallNames, readTrace, traceSources } from '#syscalls'

const data = join(process.env.LYMPH_TEST_DATA ?? join(import.meta.dirname, '../../../shared/data'), 'traces')
const archive = join(data, 'strace-capture/strace-open.tar.gz')

test('every call of the recorded logs counts once, every process has a parent', {
  skip: existsSync(archive) ? false : `no ${archive}: set LYMPH_TEST_DATA`,
}, async () => {
  let files = 0
  let children = 0
  for await (const source of traceSources([archive])) {
    files++
    const parts: Uint8Array[] = []
    for await (const part of source.chunks) parts.push(Buffer.from(part))
    const text = Buffer.concat(parts).toString('latin1')
    const expected = new Map<number, number>()
    for (const [, pid, name] of text.matchAll(/^(\d+) +(\w+)\(/gm))
      if (name !== 'restart_syscall') expected.set(Number(pid), (expected.get(Number(pid)) ?? 0) + 1)
    const counted = new Map<number, number>()
    const made = new Set<number>()
    const names = new CallNames('x86-64')
    const again = {
      ...source,
      chunks: (async function* () {
        yield* parts
      })(),
    }
    await readTrace(again, names, {
      call: (task: number) => {
        assert.ok(made.has(task) || made.size === 0, `${source.name}: process ${task} came from nowhere`)
        made.add(task)
        counted.set(task, (counted.get(task) ?? 0) + 1)
      },
      exec: (_, binary) => assert.match(binary, /^[./]/),
      fork: (task: number) => {
        children++
        made.add(task)
      },
      exit: () => {},
    })
    assert.deepEqual([...counted].sort(), [...expected].sort(), source.name)
    assert.equal(names.dynamic.size, 0, `${source.name}: ${[...names.dynamic.values()]}`)
  }
  assert.ok(files > 200 && children > 200)
})
