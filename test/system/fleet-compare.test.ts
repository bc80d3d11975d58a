/**
 * `fleet compare` of two hosts whose profiles of one program really differ. What must differ is computed here from
 * strace's own text, by the definition of a lookahead pair and with nothing of lymph's.
 */
import assert from 'node:assert/strict'
import { execFile, spawnSync } from 'node:child_process'
import { chmodSync, copyFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { promisify } from 'node:util'
import type { Pair } from '#homeostasis'
import { ask, Cleanup, loopback, lymph, until } from './hosts.ts'
import { pairsOfStrace, straceTo, textOf } from './strace-pairs.ts'

const run = promisify(execFile)
const skip =
  spawnSync('strace', ['-qq', '-o', '/dev/null', 'true']).status === 0 ? false : 'strace cannot trace here'
const window = 6

interface Comparison {
  binary: string
  hosts: { name: string; sha256: string; pairs: number }[]
  onlyHere: Record<string, Pair[]>
  distance: Record<string, Record<string, number>>
}

describe('fleet compare', { skip }, () => {
  const cleanup = new Cleanup()
  after(() => cleanup.end())
  const folder = skip ? '' : cleanup.folder('compare')
  const helper = join(folder, 'helper')
  const [alpha, beta, alone] = ['alpha', 'beta', 'alone'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ]
  const runs = { alpha: 'umask 022; cd /; umask 022', beta: 'cd /; kill -0 $$; cd /; : </dev/null' }

  before(async () => {
    copyFileSync('/bin/sh', helper)
    chmodSync(helper, 0o755)
    for (const [name, state] of [
      ['alpha', alpha],
      ['beta', beta],
    ] as const)
      await cleanup.up(state, ['--host', name, '--no-sensor', '--listen', await loopback()])
    await ask(alpha, ['mesh', 'init'])
    const { token } = await ask<{ token: string }>(alpha, ['mesh', 'invite'])
    const joined = await lymph(['--state', beta, 'mesh', 'join', '-'], { input: token })
    assert.equal(joined.code, 0, joined.err)
    // One learns into its running daemon, the other gets the file of a host that had none.
    const watched = await lymph(['--state', alpha, 'watch', '--', helper, '-c', runs.alpha])
    assert.equal(watched.code, 0, watched.err)
    const apart = await lymph(['--state', alone, 'watch', '--', helper, '-c', runs.beta])
    assert.equal(apart.code, 0, apart.err)
    const imported = await lymph(['--state', beta, 'profile', 'import', join(alone, 'profiles', helper)])
    assert.equal(imported.code, 0, imported.err)
  })

  it('names exactly the pairs that differ, and how far apart the two are', async () => {
    const expected = { alpha: await pairsOf(runs.alpha), beta: await pairsOf(runs.beta) }
    const only = {
      alpha: without(expected.alpha, expected.beta),
      beta: without(expected.beta, expected.alpha),
    }
    assert.ok(only.alpha.size > 3 && only.beta.size > 3)
    const shared = expected.alpha.size - only.alpha.size
    const jaccard = 1 - shared / (shared + only.alpha.size + only.beta.size)

    for (const [state, other] of [
      [alpha, 'beta'],
      [beta, 'alpha'],
    ] as const) {
      const found = await both(state, other)
      assert.equal(found.binary, helper)
      for (const name of ['alpha', 'beta'] as const) {
        assert.deepEqual(new Set(found.onlyHere[name]?.map(textOf)), only[name], `only on ${name}`)
        assert.equal(found.onlyHere[name]?.length, only[name].size)
        assert.equal(found.hosts.find((host) => host.name === name)?.pairs, expected[name].size)
      }
      assert.deepEqual(Object.keys(found.distance).sort(), ['alpha', 'beta'])
      for (const [one, two] of [
        ['alpha', 'beta'],
        ['beta', 'alpha'],
      ] as const)
        assert.ok(Math.abs((found.distance[one]?.[two] ?? 9) - jaccard) < 1e-9)
    }

    // Unnamed, who has it is known from the digests, which go out every few seconds.
    const told = await until('a digest of alpha on beta', async () => {
      const now = await lymph(['--state', beta, 'fleet', 'compare', helper])
      assert.equal(now.code, 0, now.err)
      return now.out.includes('alpha') ? now : undefined
    })
    for (const name of ['alpha', 'beta'] as const) {
      assert.ok(told.out.includes(`only on ${name}: ${only[name].size} pairs`), told.out)
      const part = told.out.split(`only on ${name}:`)[1]?.split('only on')[0] ?? ''
      const named = part.split('\n').flatMap((line) => /^ {2}(\S+) after (.*)$/.exec(line)?.slice(1, 3) ?? [])
      const pairs = new Set<string>()
      for (let i = 0; i < named.length; i += 2)
        for (const [, previous, distances] of (named[i + 1] ?? '').matchAll(/(\S+) \(([\d,]+)\)/g))
          for (const distance of (distances ?? '').split(','))
            pairs.add(`${named[i]} ${distance} ${previous}`)
      assert.deepEqual(pairs, only[name])
    }
    assert.ok(told.out.includes(jaccard.toFixed(3)), told.out)
  })

  it('says which host is not there, and of what nobody has a profile', async () => {
    for (const args of [[helper, 'gamma'], ['/no/such/program']]) {
      const { code, out, err } = await lymph(['--state', beta, 'fleet', 'compare', ...args])
      assert.ok(code === 1 || code === 2, `${code}: ${out}${err}`)
      assert.equal(err.trim().split('\n').length, 1, err)
      assert.ok(err.includes(args.at(-1) as string), err)
    }
  })

  async function both(state: string, other: string): Promise<Comparison> {
    return until(`a digest of ${other}`, async () => {
      const found = await ask<Comparison>(state, ['fleet', 'compare', helper, other])
      return found.hosts.length === 2 ? found : undefined
    })
  }

  /** Pairs of one run as `current distance previous`, by the names of calls: what strace says, windowed here. */
  async function pairsOf(script: string): Promise<Set<string>> {
    const file = join(folder, 'strace.txt')
    await run('strace', [...straceTo(file), helper, '-c', script])
    return pairsOfStrace(file, window)
  }
})

const without = (one: Set<string>, other: Set<string>) => new Set([...one].filter((pair) => !other.has(pair)))
