import { StoreError } from './errors.ts'

/** pH's identity of a profile. `sha256` is that of the program's file in hex, '' while it is not known. */
export interface ProfileRecordKey {
  binary: string
  abi: string
  window: number
  sha256: string
}

/** The executable as the sensor knows it; the store keeps it as it is. */
export interface ExecutableRecord {
  path: string
  /** Of a script: the file that runs it. */
  interpreter?: string
  abi: string
  device: number
  inode: string
  generation: number
  mountNamespace: number
  deleted: boolean
}

export interface FileIdentityRecord {
  sha256: string
  sizeBytes: number
  mtimeMs: number
  ctimeMs: number
}

/** Everything kept of one profile. Times in ms since the epoch. */
export interface ProfileRecord {
  /** The profile file, as it is mirrored and exported. */
  file: Uint8Array
  /** What the operator said of this binary; undefined: the default holds. */
  response?: 'ignore' | 'delay' | undefined
  executable: ExecutableRecord
  fileIdentity: FileIdentityRecord
  /** `normalTime`: when a frozen profile is to become normal. */
  life: { frozen: boolean; normalTime: number; normal: boolean }
  savedAt: number
}

/** No path holds NUL, so joining with it is exact. */
const between = '\0'

export function profileName(key: ProfileRecordKey): string {
  const fields = [key.binary, key.abi, String(key.window), key.sha256]
  if (fields.some((field) => field.includes(between)))
    throw new StoreError(
      'invalid',
      'profiles',
      'cannot save a profile whose path or ABI holds a NUL character',
    )
  return fields.join(between)
}

export function profileKey(name: string): ProfileRecordKey {
  const [binary = '', abi = '', window = '', sha256 = ''] = name.split(between)
  return { binary, abi, window: Number(window), sha256 }
}
