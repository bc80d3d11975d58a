import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ProbeError, readPorts } from '../../../src/environment/probes/index.ts'
import { FixtureHost } from './fixture.ts'

describe('the port table', () => {
  it('ships CFEngine’s services, with 443 as wwws', () => {
    const ports = readPorts()
    assert.deepEqual(ports.get('wwws'), [443])
    const cfengine3 =
      'netbiosns netbiosdgm netbiosssn imap cfengine nfsd smtp www ftp ssh wwws microsoft_ds www_alt imaps ldap ldaps mongo mysql postgres ipp'
    for (const service of [...cfengine3.split(' '), 'irc', 'telnet', 'dns'])
      assert.ok(ports.has(service), service)
  })

  it('says what is wrong in one line', () => {
    using host = new FixtureHost({})
    for (const [text, message] of [
      ['www: [80, 8000]\nhttp: 8000\n', /port 8000 is given to www and http/],
      ['www: 0\n', /www/],
      ['Www: 80\n', /small letters/],
      ['- 80\n', /record|expected/i],
      ['a: [', /YAML/],
    ] as const) {
      host.write('ports.yaml', text)
      assert.throws(
        () => readPorts(undefined, host.path('ports.yaml')),
        (error) =>
          error instanceof ProbeError && message.test(error.message) && !error.message.includes('\n'),
        text,
      )
    }
    assert.throws(() => readPorts(undefined, host.path('none')), /ENOENT/)
  })
})
