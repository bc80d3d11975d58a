import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { cliReference, page } from '../../scripts/docs/cli.ts'
import { entries, hasFile, load } from '../../src/cli/commands.ts'

test('docs/reference/cli.md is what the commands say', async () => {
  assert.equal(readFileSync(page, 'utf8'), await cliReference(), 'run node scripts/docs/cli.ts')
})

test('every command there is loads under its own name', async () => {
  for (const { name } of entries) assert.equal((await load(name)).name(), name)
})

test('every command and option says what it is for', async () => {
  const silent: string[] = []
  const look = (command: Awaited<ReturnType<typeof load>>, path: string) => {
    if (command.description() === '') silent.push(path)
    for (const option of command.options) if (!option.description) silent.push(`${path} ${option.flags}`)
    for (const below of command.commands) look(below, `${path} ${below.name()}`)
  }
  for (const { name } of entries) if (hasFile(name)) look(await load(name), name)
  assert.deepEqual(silent, [])
})
