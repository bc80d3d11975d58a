import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { namedSettings, parseSeconds, parseSetting, readConfig, variables } from '#daemon'
import { DEFAULT_SETTINGS } from '#homeostasis'
import { settingsPage } from '../../scripts/docs/settings.ts'

test('docs/reference/settings.md is fresh (else: node scripts/docs/settings.ts)', () => {
  const page = readFileSync(new URL('../../docs/reference/settings.md', import.meta.url), 'utf8')
  assert.equal(page, settingsPage())
})

test('the shipped config is the table of settings and the core of pH', () => {
  const { settings } = readConfig()
  for (const { key, initial } of variables) assert.equal(settings[key], initial, key)
  const { logLevel: _, judge: __, ...core } = settings
  assert.deepEqual(core, { ...DEFAULT_SETTINGS })
  assert.equal(namedSettings(settings).normal_wait, 7 * 24 * 3600)
})

test('what a setting takes, and what it says of the rest', () => {
  assert.deepEqual(parseSetting('normal_wait', '2d12h'), ['normalWait', 60 * 3600])
  assert.deepEqual(parseSetting('window', 9), ['window', 9])
  assert.throws(() => parseSetting('window', 10), /setting window: "10" is not a whole number from 2 to 9/)
  assert.throws(() => parseSetting('default_response', 'kill'), /is not one of ignore, delay/)
  assert.throws(() => parseSetting('windw', 6), /no setting is called "windw": the settings are window, /)
  assert.equal(parseSeconds('1h30'), undefined)
})

test('a mistake in the config is told with its line', () => {
  const folder = mkdtempSync(join(tmpdir(), 'lymph-config-'))
  const file = join(folder, 'lymph.yaml')
  const complaint = (text: string, expected: RegExp) => {
    writeFileSync(file, text)
    assert.throws(() => readConfig(file), expected)
  }
  try {
    complaint('settings:\n  window: 12\n', /lymph\.yaml:2:11: setting window: "12" is not a whole number/)
    complaint('listne: []\n', /lymph\.yaml:1:\d+: listne: /)
    complaint('settings: [\n', /lymph\.yaml:\d+:\d+: /)
    assert.throws(
      () => readConfig(join(folder, 'none')),
      /config .*none: there is no such file: name a readable file with --config/,
    )
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})
