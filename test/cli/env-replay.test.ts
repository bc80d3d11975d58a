/** `lymph env replay`, as its user runs it. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { lymph } from './lymph.ts'

const folder = mkdtempSync(join(tmpdir(), 'lymph-replay-'))
after(() => rmSync(folder, { recursive: true, force: true }))

let files = 0
function csv(text: string): string {
  const file = join(folder, `series${files++}.csv`)
  writeFileSync(file, text)
  return file
}

const stamp = (i: number, step = 300) =>
  new Date(Date.UTC(2024, 0, 1) + i * step * 1000).toISOString().slice(0, 19).replace('T', ' ')

/** Rows of 100 with one value at `jump`. */
const series = (count: number, jump: number, value: number | string = 600, step = 300) =>
  `timestamp,value\n${Array.from({ length: count }, (_, i) => `${stamp(i, step)},${i === jump ? value : 100}`).join('\n')}\n`

test('prints a row for each row: the jump is anomalous, the row after normal', async () => {
  const file = csv(series(700, 650))
  const { code, out, err } = await lymph(['env', 'replay', file])
  assert.deepEqual([code, err], [0, ''])
  const rows = out.trim().split('\n')
  assert.equal(rows[0], 'timestamp,value,anomaly_score,class')
  assert.equal(rows.length, 701)
  const [time, value, score, name] = rows[651]!.split(',')
  assert.deepEqual([time, value, name], [stamp(650), '600', 'value_high_anomalous'])
  assert.ok(Number(score) >= 0.5 && Number(score) <= 1)
  assert.match(rows[652]!, /,value_normal$/)
  for (const row of rows.slice(1)) {
    const high = Number(row.split(',')[2]) >= 0.5
    assert.equal(high, row.endsWith('_anomalous'), row)
  }
})

test('no row knows of those below it', async () => {
  const whole = await lymph(['env', 'replay', csv(series(700, 650))])
  const head = await lymph(['env', 'replay', csv(series(655, 650))])
  assert.equal(whole.out.split('\n').slice(0, 656).join('\n'), head.out.trimEnd())
})

test('--threshold is the one score, alone and as JSON', async () => {
  assert.deepEqual(await lymph(['env', 'replay', '--threshold']), { code: 0, out: '0.5\n', err: '' })
  assert.deepEqual(JSON.parse((await lymph(['env', 'replay', '--threshold', '--json'])).out), {
    threshold: 0.5,
  })
})

test('--json is one array with what the verdict rests on; --name names the classes', async () => {
  const { code, out } = await lymph(['env', 'replay', '--json', '--name', 'www.in', csv(series(400, 390))])
  assert.equal(code, 0)
  const rows = JSON.parse(out)
  assert.equal(rows.length, 400)
  assert.equal(rows[0].class, '')
  assert.deepEqual(rows[390].classes.slice(0, 2), ['www_in_high', 'www_in_high_dev1'])
  assert.equal(rows[390].class, 'www_in_high_anomalous')
  assert.equal(Math.round(rows[390].expected), 100)
  assert.equal(rows[390].precedent.values[0], 100)
  assert.match(rows[390].sure, /1 day, week slot not yet in use/)
})

for (const [every, step, count, jump] of [
  ['minute', 60, 3000, 2900],
  ['half hour', 1800, 700, 650],
  ['hour', 3600, 700, 650],
  ['day', 86_400, 400, 390],
  ['week', 604_800, 400, 390],
] as const)
  test(`rows every ${every} are judged too`, async () => {
    const { code, out, err } = await lymph(['env', 'replay', csv(series(count, jump, 600, step))])
    assert.deepEqual([code, err], [0, ''])
    const rows = out.trim().split('\n').slice(1)
    assert.deepEqual(
      rows.flatMap((row, i) => (row.endsWith('anomalous') ? [i] : [])),
      [jump],
    )
  })

test('other columns, CR LF, a byte order mark, zones in stamps, epochs, standard input', async () => {
  const rows =
    '\ufeffid,timestamp,value\r\n1,2024-01-01T00:00:00Z,1\r\n2,2024-01-01T01:05:00+01:00,2e0\r\n3,1704067800,-.5\r\n'
  const { code, out, err } = await lymph(['env', 'replay', '-'], { input: rows })
  assert.deepEqual([code, err], [0, ''])
  assert.deepEqual(out.trim().split('\n').slice(1), [
    '2024-01-01T00:00:00Z,1,0,',
    '2024-01-01T01:05:00+01:00,2e0,0,',
    '1704067800,-.5,0,',
  ])
})

test('equal stamps are samples; a row that goes back a little is noted and left out', async () => {
  const equal = csv('timestamp,value\n2024-01-01 00:00:00,1\n2024-01-01 00:00:00,2\n2024-01-01 00:05:00,3\n')
  assert.deepEqual((await lymph(['env', 'replay', equal])).err, '')
  const back = csv('timestamp,value\n2024-01-01 02:55:00,1\n2024-01-01 02:00:00,2\n2024-01-01 02:05:00,3\n')
  const { code, out, err } = await lymph(['env', 'replay', back])
  assert.equal(code, 0)
  assert.equal(out.trim().split('\n').length, 4)
  assert.match(
    err,
    /^note: .*series\d+\.csv:3: the clock went 55 minutes back: nothing is learned until 11 more/,
  )
  const week = `${series(20, -1)}${stamp(3000)},1\n`
  assert.match((await lymph(['env', 'replay', csv(week)])).err, /:22: the clock went 10 days ahead/)
})

const head = 'timestamp,value\n2024-01-01 00:00:00,1\n'
for (const [what, text, message] of [
  ['an empty file', '', /series\d+\.csv: it is empty/],
  ['no rows', 'timestamp,value\n', /series\d+\.csv: it has no row/],
  ['no header', '2024-01-01 00:00:00,1\n', /series\d+\.csv:1: the first line must name the columns/],
  ['too few fields', `${head}2024-01-01 00:05:00\n`, /:3: '2024-01-01 00:05:00' has 1 fields/],
  ['too many fields', `${head}2024-01-01 00:05:00,1,2\n`, /:3: .* has 3 fields where the first line has 2/],
  ['a value that is none', `${head}2024-01-01 00:05:00,many\n`, /:3: 'many' is no number/],
  ['NaN', `${head}2024-01-01 00:05:00,NaN\n`, /:3: 'NaN' is no number/],
  ['no value', `${head}2024-01-01 00:05:00,\n`, /:3: '' is no number/],
  ['hexadecimal', `${head}2024-01-01 00:05:00,0x10\n`, /:3: '0x10' is no number/],
  ['an infinite value', `${head}2024-01-01 00:05:00,1e999\n`, /:3: '1e999' is no number/],
  ['a gigantic value', `${head}2024-01-01 00:05:00,1e35\n`, /:3: 1e35 is no measurement/],
  ['a stamp that is none', `${head}yesterday,1\n`, /:3: 'yesterday' is no timestamp/],
  ['a day that is none', `${head}2024-02-30 00:05:00,1\n`, /:3: '2024-02-30 00:05:00' is no timestamp/],
  [
    'rows not in order',
    `${head}2023-12-30 00:05:00,1\n`,
    /:3: 2023-12-30 00:05:00 is 2875 minutes before the row above/,
  ],
  ['an empty line between rows', `${head}\n2024-01-01 00:05:00,1\n`, /:3: an empty line between rows/],
  ['a line without end', `${head}${'9'.repeat(100_000)}`, /:3: a line of \d+ characters/],
  ['bytes that are no text', `${head}\u0000\u001b[2J,1\n`, /:3: '\\x00\\x1b\[2J' is no timestamp/],
] as const)
  test(`${what}: one line with file and line, exit 2`, async () => {
    const { code, err } = await lymph(['env', 'replay', csv(text)])
    assert.equal(code, 2, err)
    assert.match(err, message)
    assert.match(err, /^error: lymph env replay: .+\n$/)
    assert.equal(err.split('\n').length, 2)
  })

test('a file that is not there, a folder, no file, an unknown zone', async () => {
  assert.match(
    (await lymph(['env', 'replay', join(folder, 'none.csv')])).err,
    /none\.csv: there is no such file/,
  )
  assert.equal((await lymph(['env', 'replay', folder])).code, 2)
  assert.match((await lymph(['env', 'replay'])).err, /no file: give a CSV file/)
  const zone = await lymph(['env', 'replay', '--zone', 'Mars', csv(series(3, -1))])
  assert.equal(zone.code, 2)
  assert.match(zone.err, /'Mars' is no time zone/)
})
