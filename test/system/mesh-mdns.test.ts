/** Members on one network whose addresses have all changed: multicast DNS brings them together where it is on, and is silent where not. */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { until } from './hosts.ts'
import { Lab, type LabHost, noNamespaces } from './namespaces.ts'

/** Sockets of the namespace on UDP port 5353. */
const multicast = (lab: Lab, host: LabHost): number =>
  lab
    .inside(host, 'cat', '/proc/net/udp', '/proc/net/udp6')
    .split('\n')
    .filter((line) => /^\s*\d+: [0-9A-F]+:14E9 /.test(line)).length

const connected = async (lab: Lab, host: LabHost): Promise<number> =>
  (await lab.ask<{ mesh: { connected: number } }>(host, ['status'])).mesh.connected

test('hosts that have moved find one another by multicast DNS; without it they do not, and open no such socket', {
  skip: noNamespaces() ?? false,
}, async () => {
  const lab = Lab.make(['a', 'b'])
  try {
    const [a, b] = lab.hosts as [LabHost, LabHost]
    for (const host of lab.hosts) await lab.up(host, '--no-sensor')
    await lab.ask(a, ['mesh', 'init'])
    const { token } = await lab.ask<{ token: string }>(a, ['mesh', 'invite'])
    await lab.ask(b, ['mesh', 'join', '-'], token)
    await until('connected', async () => (await connected(lab, b)) === 1 || undefined)
    for (const host of lab.hosts) assert.equal(multicast(lab, host), 0, 'off by default')

    for (const host of lab.hosts) await lab.down(host)
    lab.move(a, '10.213.7.101')
    lab.move(b, '10.213.7.102')
    // As a default route would.
    for (const host of lab.hosts) lab.inside(host, 'ip', 'route', 'add', '224.0.0.0/4', 'dev', 'eth0')
    for (const host of lab.hosts) await lab.up(host, '--no-sensor')
    await pause(4000)
    assert.equal(await connected(lab, b), 0, 'each knows only where the other was')

    for (const host of lab.hosts) await lab.down(host)
    const config = join(lab.host('a').state, '..', 'mdns.yaml')
    writeFileSync(config, 'mesh:\n  mdns: true\n', { mode: 0o644 })
    for (const host of lab.hosts) await lab.up(host, '--no-sensor', '--config', config)
    await until('found and admitted', async () => (await connected(lab, b)) === 1 || undefined, 40)
    for (const host of lab.hosts) assert.ok(multicast(lab, host) > 0)
  } finally {
    await lab.end()
  }
})
