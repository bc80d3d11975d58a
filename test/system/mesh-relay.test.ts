/**
 * Two hosts behind NATs of their own, with the same private address, and one that both can dial: everything through the command
 * line, nothing said of relays in any config.
 */
import assert from 'node:assert/strict'
import { realpathSync } from 'node:fs'
import { test } from 'node:test'
import { until as lookUntil } from './hosts.ts'
import { Lab, type LabHost, noNamespaces } from './namespaces.ts'

interface MemberLine {
  name: string
  state: string
  connected: boolean
  addresses: string[]
}
const until = (what: string, look: () => Promise<boolean>, seconds = 60) =>
  lookUntil(what, async () => (await look()) || undefined, seconds)

const members = (lab: Lab, host: LabHost) => lab.ask<MemberLine[]>(host, ['mesh', 'members'])
const gauges = async (lab: Lab, host: LabHost) =>
  (await lab.ask<{ gauges: Record<string, number> }>(host, ['mesh', 'status'])).gauges

test('two hosts behind NATs ask one another through a member; one of them revoked is cut off', {
  skip: noNamespaces() ?? false,
}, async (t) => {
  const lab = Lab.make(['c', 'a', 'b'])
  try {
    const [c, a, b] = lab.hosts as [LabHost, LabHost, LabHost]
    for (const host of [a, b]) lab.hide(host, '192.168.1.2')
    // Somebody else's network at that address: packets go out, and nothing comes back.
    lab.inside(c, 'ip', 'route', 'add', '192.168.1.0/24', 'via', '10.213.7.200', 'onlink', 'dev', 'eth0')
    for (const host of lab.hosts) await lab.up(host, '--no-sensor')
    await lab.ask(c, ['mesh', 'init'])
    for (const host of [a, b]) {
      const { token } = await lab.ask<{ token: string }>(c, ['mesh', 'invite'])
      await lab.ask(host, ['mesh', 'join', '-'], token)
    }
    const began = performance.now()
    await until(
      'a and b are connected',
      async () => {
        const [ofA, ofB] = [await members(lab, a), await members(lab, b)]
        return [...ofA, ...ofB].filter(({ connected }) => connected).length === 6
      },
      60,
    )
    t.diagnostic(
      `connected through the relay ${((performance.now() - began) / 1000).toFixed(1)} s after the joins`,
    )
    await until('b knows where a is, and that is at a relay alone', async () => {
      const told = (await members(lab, b)).find(({ name }) => name === 'a')?.addresses ?? []
      return told.length > 0 && told.every((one) => one.endsWith('/p2p-circuit'))
    })

    // A direct question: the body of a profile.
    for (const host of [a, b]) await lab.show(host, ['watch', '--', realpathSync('/bin/true')])
    await until(
      'b tells of the profile',
      async () =>
        (await lab.ask<{ binary: string; hosts: unknown[] }[]>(a, ['fleet', 'binaries'])).some(
          ({ binary, hosts }) => binary.endsWith('/true') && hosts.length === 2,
        ),
      60,
    )
    const compared = await lab.ask<{ hosts: { name: string; pairs: number }[] }>(a, [
      'fleet',
      'compare',
      realpathSync('/bin/true'),
    ])
    assert.deepEqual(compared.hosts.map(({ name }) => name).sort(), ['a', 'b'])
    assert.ok(compared.hosts.every(({ pairs }) => pairs > 0))

    // Gossip and sync, by way of c.
    await lab.raise(a, { binary: '/opt/of-a' })
    await until('b hears a', async () => (await lab.warnings(b)).includes('a:/opt/of-a'), 20)

    const revoked = performance.now()
    await lab.ask(c, ['mesh', 'revoke', 'a']).catch(() => undefined)
    await until(
      'slot and connections are gone',
      async () => {
        const [slots, ofB] = [(await gauges(lab, c)).relaySlots, await members(lab, b)]
        return (
          slots === 1 &&
          ofB.some(({ name, state, connected }) => name === 'a' && state === 'revoked' && !connected)
        )
      },
      20,
    )
    t.diagnostic(
      `revoked and cut ${((performance.now() - revoked) / 1000).toFixed(1)} s after the command began, commands included`,
    )
    assert.equal((await gauges(lab, b)).relayed, 0)
  } finally {
    await lab.end()
  }
})
