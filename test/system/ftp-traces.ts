/** Recorded FTP servers, and attacks on them (FHIDS), as calls that the player can replay. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { callNumber } from '#syscalls'
import { UNPLAYABLE } from './kernel-player.ts'

const data = process.env.LYMPH_TEST_DATA ?? '../shared/data'
const archive = join(data, 'traces/fhids/FHIDS-open.tar.gz')

export const noFtpTraces: string | false = existsSync(archive) ? false : `no ${archive}`

export const playable = (calls: number[]): number[] => calls.filter((call) => !UNPLAYABLE.has(call))

/**
 * @param folder what is unpacked goes there
 * @returns about `count` traces of a kind, spread over all there are
 */
export function ftpTraces(folder: string): (kind: 'normal' | 'attack', count: number) => number[][] {
  const kinds = ['FHIDS-open/normal/FTP', 'FHIDS-open/attack/FTP']
  const unpacked = spawnSync('tar', ['xzf', archive, '-C', folder, ...kinds])
  assert.equal(unpacked.status, 0)
  return (kind, count) => {
    const from = join(folder, 'FHIDS-open', kind, 'FTP')
    const all = readdirSync(from).sort()
    const every = Math.max(1, Math.floor(all.length / count))
    return all
      .filter((_, i) => i % every === 0)
      .map((file) => readFileSync(join(from, file), 'utf8').trim().split(/\s+/))
      .map((names) => playable(names.flatMap((name) => callNumber('x86-64', name) ?? [])))
      .filter((calls) => calls.length > 0 && calls.length < 100_000)
  }
}
