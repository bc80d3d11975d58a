import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import type { Log, ProfileRecord, ProfileRecordKey, Store, StoreOptions } from '#store'
import { openStore } from '#store'

/** A state folder that is gone after the test; the store is `store` in it. */
export function stateFolder(test: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'lymph-store-'))
  test.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

export interface Heard {
  log: Log
  lines: string[]
}

export function listener(): Heard {
  const lines: string[] = []
  return { lines, log: (level, message) => void lines.push(`${level} ${message}`) }
}

export const startTime = Date.UTC(2026, 0, 5, 12)

export function open(state: string, heard = listener(), more: Partial<StoreOptions> = {}): Promise<Store> {
  return openStore(join(state, 'store'), { now: () => startTime, log: heard.log, ...more })
}

export function key(binary: string, sha256 = '', window = 6): ProfileRecordKey {
  return { binary, abi: 'x86-64', window, sha256 }
}

export function record(binary: string, file: Uint8Array, more: Partial<ProfileRecord> = {}): ProfileRecord {
  return {
    file,
    executable: {
      path: binary,
      abi: 'x86-64',
      device: 2049,
      inode: '18446744073709551615',
      generation: 7,
      mountNamespace: 4026531841,
      deleted: false,
    },
    fileIdentity: { sha256: '', sizeBytes: 186_000, mtimeMs: 1.5, ctimeMs: 2.25 },
    life: { frozen: false, normalTime: 0, normal: false },
    savedAt: startTime,
    ...more,
  }
}

export async function all<Value>(list: AsyncIterable<Value>): Promise<Value[]> {
  const values: Value[] = []
  for await (const value of list) values.push(value)
  return values
}
