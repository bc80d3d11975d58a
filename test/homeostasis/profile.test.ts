import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  changeSetting,
  DEFAULT_SETTINGS,
  emptyTables,
  lifeStep,
  mergeTables,
  NEW_LIFE,
  namedSettings,
  Profile,
  type Settings,
  settingsFrom,
  tableFrom,
} from '#homeostasis'

const settings: Settings = { ...DEFAULT_SETTINGS }
const key = { binary: '/bin/p', abi: 'x86-64' as const, window: 6, sha256: '' }
const learn = (profile: Profile, calls: number[]) => {
  const task = profile.begin()
  for (const call of calls) profile.process(task, call, 0)
  return task
}

describe('the operator', () => {
  const trained = () => {
    const profile = new Profile(key, settings)
    learn(profile, [1, 2, 3, 1, 2, 3])
    return profile
  }

  it('normalize: training is the test table now, and goes on', () => {
    const profile = trained()
    profile.act('normalize')
    assert.equal(profile.state, 'normal')
    assert.equal(profile.process(profile.begin(), 1, 0).anomalous, false)
    assert.equal(profile.process(profile.begin(), 9, 0).anomalous, true)
    assert.ok(
      profile.train.table.pairs > profile.test.table.pairs,
      'what was anomalous is learned all the same',
    )
  })

  it('sensitize: training is forgotten, the test table stays', () => {
    const profile = trained()
    profile.act('normalize')
    const { pairs } = profile.test.table
    profile.act('sensitize')
    assert.deepEqual(
      [profile.train.table.pairs, profile.train.sequences, profile.test.table.pairs, profile.state],
      [0, 0, pairs, 'normal'],
    )
  })

  it('tolerize: tests no more, keeps what it learned', () => {
    const profile = trained()
    profile.act('normalize')
    profile.act('tolerize')
    assert.equal(profile.state, 'learning')
    assert.equal(profile.process(profile.begin(), 9, 0).anomalous, false)
    assert.ok(profile.train.table.pairs > 0)
  })

  it('reset: forgets everything', () => {
    const profile = trained()
    profile.act('normalize')
    profile.act('reset')
    assert.deepEqual(profile.toTables(), emptyTables())
  })

  it('delays only where the response is delay, its own or the default', () => {
    const profile = new Profile(key, { ...settings, delayFactor: 1 })
    learn(profile, [1, 1, 1])
    profile.act('normalize')
    assert.equal(profile.process(profile.begin(), 9, 0).delayMs, 0)
    profile.settings = { ...profile.settings, defaultResponse: 'delay' }
    assert.equal(profile.process(profile.begin(), 10, 0).delayMs, 20)
    profile.response = 'ignore'
    assert.equal(profile.process(profile.begin(), 11, 0).delayMs, 0)
  })
})

describe('tasks', () => {
  it('a fork copies window and locality frame, an exec begins anew', () => {
    const profile = new Profile(key, settings)
    const task = learn(profile, [1, 2, 3])
    profile.act('normalize')
    profile.process(task, 9, 0)
    const child = task.fork()
    assert.deepEqual(child.previous(), task.previous())
    assert.deepEqual([child.lfc, child.calls], [1, 0])
    profile.process(child, 9, 0)
    assert.equal(task.lfc, 1)
    assert.equal(child.lfc, 2)
    const other = new Profile({ ...key, binary: '/bin/q' }, settings)
    child.exec(other)
    assert.deepEqual(child.previous(), [511, 511, 511, 511, 511])
    assert.deepEqual([child.profile, child.lfc, child.maxLfc, child.calls], [other, 0, 0, 0])
  })

  it('a frame of another length begins empty', () => {
    const profile = new Profile(key, settings)
    const task = learn(profile, [1])
    profile.act('normalize')
    profile.process(task, 9, 0)
    assert.equal(task.lfc, 1)
    profile.settings = { ...settings, localityWindow: 2 }
    profile.process(task, 9, 0)
    profile.process(task, 9, 0)
    profile.process(task, 9, 0)
    assert.equal(task.lfc, 2)
  })
})

describe('saved tables', () => {
  it('come back as they were, also with foreign numbers', () => {
    const profile = new Profile(key, settings)
    learn(profile, [1, 2, 700, 3, 1, 2])
    profile.act('normalize')
    learn(profile, [1, 5])
    const back = Profile.fromTables(key, profile.toTables(), settings)
    assert.deepEqual(back.toTables(), profile.toTables())
    assert.equal(back.toTables().rows[0]?.train.length, 1024)
  })

  it('merge: pairs are united, and the table changed last when learning brought something new', () => {
    const saved = new Profile(key, settings)
    learn(saved, [1, 2, 3, 1, 2, 3])
    const same = new Profile(key, settings)
    learn(same, [1, 2])
    const merged = mergeTables(saved.toTables(), same.toTables())
    assert.equal(merged.calls, 8)
    assert.equal(merged.train.lastModCount, saved.train.lastModCount + 2)
    assert.ok(tableFrom(merged.rows, 'train').equals(saved.train.table))
    const more = new Profile(key, settings)
    learn(more, [1, 2, 9, 9, 9, 9, 9, 9, 9])
    const grown = mergeTables(saved.toTables(), more.toTables())
    assert.equal(grown.train.lastModCount, more.train.lastModCount)
    assert.ok(tableFrom(grown.rows, 'train').has(9, 9, 5))
  })
})

describe('lifeStep', () => {
  const settled = { calls: 100, trainCount: 100, lastModCount: 76 }

  it('freezes, waits strictly longer than normalWait, names the table that froze', () => {
    const frozen = lifeStep(NEW_LIFE, settled, settings, 1000)
    assert.deepEqual(frozen.transitions, ['frozen'])
    assert.deepEqual(frozen.state, { frozen: true, normalTime: 1000 + 7 * 86_400_000, lastModified: 24 })
    const later = { calls: 200, trainCount: 200, lastModCount: 176 }
    assert.equal(lifeStep(frozen.state, later, settings, frozen.state.normalTime).startNormal, undefined)
    assert.equal(lifeStep(frozen.state, later, settings, frozen.state.normalTime + 1).startNormal, 24)
  })

  it('a table that changed since cancels, and may freeze anew with a new wait', () => {
    const { state } = lifeStep(NEW_LIFE, settled, settings, 0)
    const changed = lifeStep(state, { calls: 150, trainCount: 150, lastModCount: 3 }, settings, 10)
    assert.deepEqual([changed.transitions, changed.state], [['normal-cancelled'], NEW_LIFE])
    const again = lifeStep(state, { calls: 1000, trainCount: 1000, lastModCount: 900 }, settings, 20)
    assert.deepEqual(again.transitions, ['normal-cancelled', 'frozen'])
    assert.equal(again.state.normalTime, 20 + 7 * 86_400_000)
  })

  it('does not freeze at a ratio of exactly 4', () => {
    assert.equal(
      lifeStep(NEW_LIFE, { calls: 100, trainCount: 100, lastModCount: 75 }, settings, 0).state,
      NEW_LIFE,
    )
  })
})

describe('settings', () => {
  it('have the names of the command line and refuse what is out of range', () => {
    assert.equal(namedSettings(settings).normal_wait, 604_800)
    assert.equal(changeSetting(settings, 'normal_wait', '60').normalWait, 60)
    assert.equal(changeSetting(settings, 'default_response', 'delay').defaultResponse, 'delay')
    assert.throws(
      () => changeSetting(settings, 'window', 10),
      /window is a whole number from 2 to 9, not '10'/,
    )
    assert.throws(() => changeSetting(settings, 'window', '6x'), /not '6x'/)
    assert.throws(() => changeSetting(settings, 'empty', 'none'), /symbol or skip/)
    assert.throws(
      () => changeSetting(settings, 'normal-wait', 1),
      /there is no setting 'normal-wait'.*normal_wait/,
    )
    assert.deepEqual(settingsFrom(namedSettings(settings)), settings)
  })
})
