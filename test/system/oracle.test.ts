/**
 * Every table of expected numbers in the test data (LYMPH_TEST_DATA, or ../shared/data beside the checkout), through
 * the real command line, at windows 6 and 9. The tables come from three other implementations.
 */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, globSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { after, test } from 'node:test'
import { checkOracle } from '../../scripts/check-oracle.ts'

const data = join(process.env.LYMPH_TEST_DATA ?? join(import.meta.dirname, '../../../shared/data'), 'traces')
const folder = mkdtempSync(join(tmpdir(), 'lymph-oracle-test-'))
after(() => rmSync(folder, { recursive: true, force: true }))

/** Unpacked once; the commands below pick files out of it. */
function unpacked(archive: string, ...only: string[]): string {
  const name = basename(archive, '.tar.gz')
  if (!existsSync(join(folder, name)))
    execFileSync('tar', ['xzf', join(data, archive), '-C', folder, ...only.map((part) => `${name}/${part}`)])
  return join(folder, name)
}

const filesIn = (place: string) =>
  readdirSync(place)
    .sort()
    .map((name) => join(place, name))

interface Recipe {
  train: string[]
  test: string[]
  options?: string[]
}

const plain = (set: string): Recipe => ({
  train: [join(data, set, 'normal')],
  test: [join(data, set, 'intrusion')],
})

/** Normal files of a service with an even number are training, those with an odd one are tested. */
function fhids(service: string): Recipe {
  const all = unpacked('fhids/FHIDS-open.tar.gz')
  const normal = filesIn(join(all, 'normal', service))
  const even = (path: string) => Number.parseInt(basename(path), 10) % 2 === 0
  const attack = join(all, 'attack', service)
  return {
    train: normal.filter(even),
    test: [...normal.filter((path) => !even(path)), ...(existsSync(attack) ? [attack] : [])],
  }
}

/** What each table was made from, as the READMEs of the sets say. */
const recipes: Record<string, () => Recipe> = {
  'unm/oracle-login.csv': () => plain('unm/login'),
  'unm/oracle-ps.csv': () => plain('unm/ps'),
  'unm/oracle-cert-sendmail-partial.csv': () => {
    const { train, test } = plain('unm/cert-sendmail-partial')
    return { train, test: [...test, join(data, 'unm/cert-sendmail-partial/unsuccessful')] }
  },
  'unm/oracle-synth-sendmail-partial.csv': () => {
    const all = unpacked('unm/synth-sendmail-partial.tar.gz')
    return { train: [join(all, 'normal')], test: [join(all, 'intrusion')] }
  },
  'unm/oracle-xlock.csv': () => {
    const all = unpacked('unm/xlock.tar.gz', 'normal', 'intrusion')
    return { train: [join(all, 'normal')], test: [join(all, 'intrusion')] }
  },
  'unm/oracle-lpr_unm.csv': () => {
    const all = unpacked('unm/lpr_unm.tar.gz')
    const normal = filesIn(join(all, 'normal'))
    return { train: normal.slice(0, 2149), test: [...normal.slice(2149), join(all, 'intrusion')] }
  },
  'adfa-ld/oracle.csv': () => {
    const all = unpacked('adfa-ld/ADFA-LD-open.tar.gz')
    return {
      train: [join(all, 'Training_Data_Master')],
      test: [join(all, 'Validation_Data_Master'), join(all, 'Attack_Data_Master')],
      options: ['--abi', 'i386'],
    }
  },
  'fhids/oracle-FTP.csv': () => fhids('FTP'),
  'fhids/oracle-Git.csv': () => fhids('Git'),
  'fhids/oracle-Redis.csv': () => fhids('Redis'),
}

const absent = existsSync(data) ? false : `no test data at ${data}: set LYMPH_TEST_DATA`
const tables = absent
  ? Object.keys(recipes)
  : globSync('*/oracle*.csv', { cwd: data }).map((path) => join(basename(dirname(path)), basename(path)))

for (const table of tables.sort())
  test(`every trace of ${table} has the expected numbers`, { skip: absent }, async () => {
    const recipe = recipes[table]
    assert.ok(recipe, `${table} is new: say in this file what it was learned from`)
    const { train, test: tested, options } = recipe()
    for (const window of [6, 9]) {
      const result = await checkOracle(join(data, table), train, tested, window, options)
      assert.ok(result.traces > 0, 'the table has lines')
      assert.deepEqual(result.differing, [], `window ${window}`)
      assert.equal(result.beside, 0, 'the table speaks of every trace that was scored')
    }
  })
