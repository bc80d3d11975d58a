import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { appendFileSync, chmodSync, renameSync, statSync, symlinkSync, truncateSync } from 'node:fs'
import { describe, it } from 'node:test'
import { LogProbe } from '../../../src/environment/probes/logs.ts'
import { FixtureHost, journal } from './fixture.ts'

/** A host whose logs have been read once; `next` reads them 10 s later each time. */
function watched() {
  const host = new FixtureHost()
  const probe = new LogProbe(host.places)
  let seconds = 0
  probe.read(host.moment(0))
  return {
    host,
    next() {
      seconds += 10
      const { values, problems } = probe.read(host.moment(seconds))
      return { values: Object.fromEntries(values), problems: problems.map(({ line }) => line) }
    },
    [Symbol.dispose]: () => host[Symbol.dispose](),
  }
}
const bytes = (n: number) => 'x'.repeat(n)
const rest = { syslog: 0, webaccess: 0, weberrors: 0, journal: 0 }

describe('logs', () => {
  it('give their growth in bytes a second, those of several web servers together', () => {
    using logs = watched()
    appendFileSync(logs.host.path('log/syslog'), bytes(100))
    appendFileSync(logs.host.path('log/nginx/access.log'), bytes(30))
    appendFileSync(logs.host.path('log/apache2/access.log'), bytes(20))
    assert.deepEqual(logs.next(), { values: { ...rest, syslog: 10, webaccess: 5 }, problems: [] })
    assert.deepEqual(logs.next(), { values: rest, problems: [] })
  })

  it('rotated by renaming: the rest of the old one and all of the new one', () => {
    using logs = watched()
    for (const name of ['syslog.1', 'syslog-20260105']) {
      const path = logs.host.path('log/syslog')
      appendFileSync(path, bytes(50))
      renameSync(path, logs.host.path(`log/${name}`))
      logs.host.write('log/syslog', bytes(20))
      assert.deepEqual(logs.next().values.syslog, 7, name)
    }
  })

  it('rotated by copying and cutting off: what was written since', () => {
    using logs = watched()
    const path = logs.host.path('log/syslog')
    appendFileSync(path, bytes(1000))
    logs.next()
    truncateSync(path, 0)
    appendFileSync(path, bytes(40))
    assert.deepEqual(logs.next(), { values: { ...rest, syslog: 4 }, problems: [] })
  })

  it('replaced by another file: nothing is known once, then growth goes on', () => {
    using logs = watched()
    logs.host.write('log/restored', bytes(1_000_000))
    renameSync(logs.host.path('log/restored'), logs.host.path('log/syslog'))
    const { syslog: _, ...others } = rest
    assert.deepEqual(logs.next(), { values: others, problems: [] })
    appendFileSync(logs.host.path('log/syslog'), bytes(10))
    assert.equal(logs.next().values.syslog, 1)
  })

  it('vanished: one line, no value, and no growth out of nothing when it is back', () => {
    using logs = watched()
    logs.host.remove('log/syslog')
    const gone = logs.next()
    assert.ok(!('syslog' in gone.values))
    assert.equal(gone.problems.length, 1)
    assert.match(gone.problems[0]!, /^log .*syslog: it was there and is gone/)
    logs.host.write('log/syslog', bytes(500_000))
    const back = logs.next()
    assert.deepEqual(back.problems, [])
    assert.ok(!('syslog' in back.values))
    assert.equal(logs.next().values.syslog, 0)
  })

  it('one of two web servers removed: the other counts on', () => {
    using logs = watched()
    logs.host.remove('log/nginx')
    appendFileSync(logs.host.path('log/apache2/access.log'), bytes(10))
    const { values, problems } = logs.next()
    assert.equal(values.webaccess, 1)
    assert.equal(problems.length, 1)
  })

  it('made later: from its first reading on', () => {
    using logs = watched()
    logs.host.write('log/messages', bytes(300))
    assert.ok(!('messages' in logs.next().values))
    appendFileSync(logs.host.path('log/messages'), bytes(300))
    assert.equal(logs.next().values.messages, 30)
  })

  it('a folder or a dangling link in its place has no growth', () => {
    using logs = watched()
    logs.host.remove('log/syslog')
    logs.host.write('log/syslog/x', '')
    assert.ok(!('syslog' in logs.next().values))
    logs.host.remove('log/syslog')
    symlinkSync('/nowhere/at/all', logs.host.path('log/syslog'))
    assert.ok(!('syslog' in logs.next().values))
  })
})

describe('journal', () => {
  const path = 'run/log/journal/0123/system.journal'

  it('grows by the place of its last object, not by its size', () => {
    using logs = watched()
    logs.host.write(path, journal(1, 4500) + bytes(8_000_000))
    assert.equal(logs.next().values.journal, 50)
    assert.ok(statSync(logs.host.path(path)).size > 8_000_000)
  })

  it('rotated: the new one begins anew, the archived one is not looked at', () => {
    using logs = watched()
    renameSync(logs.host.path(path), logs.host.path('run/log/journal/0123/system@1-2.journal'))
    logs.host.write(path, journal(2, 90_000))
    assert.equal(logs.next().values.journal, 0)
    logs.host.write(path, journal(2, 90_100))
    assert.equal(logs.next().values.journal, 10)
  })

  it('a user who logs in for the first time adds nothing at once', () => {
    using logs = watched()
    logs.host.write('log/journal/0123/user-1000.journal', journal(3, 1_000_000))
    assert.equal(logs.next().values.journal, 0)
    logs.host.write('log/journal/0123/user-1000.journal', journal(3, 1_000_010))
    assert.equal(logs.next().values.journal, 1)
  })

  it('vanished: one line', () => {
    using logs = watched()
    logs.host.remove('run/log/journal')
    const { values, problems } = logs.next()
    assert.ok(!('journal' in values))
    assert.equal(problems.length, 1)
  })
})

describe('logs that the daemon may not see', {
  skip: process.getuid?.() !== 0 && 'only root can become somebody else',
}, () => {
  it('are one line a folder, with what to do', () => {
    using host = new FixtureHost()
    chmodSync(host.folder, 0o755)
    chmodSync(host.path('log/apache2'), 0o700)
    chmodSync(host.path('run/log/journal/0123/system.journal'), 0o600)
    const probes = new URL('../../../src/environment/probes/', import.meta.url).href
    // The modules are loaded before the rights are given up.
    const script = `import { LogProbe } from ${JSON.stringify(`${probes}logs.ts`)}
      process.setgroups([]); process.setgid(65534); process.setuid(65534)
      const { problems } = new LogProbe(${JSON.stringify(host.places)}).read({ at: 0, monotonicMs: 0 })
      console.log(JSON.stringify(problems.map(({ line }) => line)))`
    const lines = JSON.parse(
      execFileSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' }),
    ) as string[]
    assert.equal(lines.length, 2, lines.join('\n'))
    assert.match(lines[0]!, /^logs in .*apache2: cannot be seen \(EACCES\).*group adm/)
    assert.match(lines[1]!, /^journals in .*0123: cannot be read \(EACCES\).*systemd-journal/)
  })
})
