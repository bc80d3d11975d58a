/** What was collected, by which tool, how it ended, and the hashes of it: `manifest.json` in its folder. */
import { createHash } from 'node:crypto'
import { closeSync, lstatSync, openSync, readdirSync, readFileSync, readSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { AgentError } from '../errors.ts'

const hash = z.string().regex(/^[0-9a-f]{64}$/)
const at = z.number().int().nonnegative()

export const manifestShape = z.strictObject({
  version: z.literal(1),
  id: z.string(),
  incident: z.string(),
  offender: z.strictObject({
    pid: z.number().int(),
    /** Clock ticks since boot: with the pid, who it was. */
    startTicks: z.string(),
    binary: z.string(),
    command: z.array(z.string()),
  }),
  began: at,
  ended: at,
  tools: z.array(
    z.strictObject({
      tool: z.string(),
      program: z.string(),
      toolVersion: z.string(),
      argv: z.array(z.string()),
      began: at,
      ended: at,
      /** How it ended, in a sentence. */
      end: z.string(),
      /** Why there is less than was asked for; '' where there is not. */
      cut: z.string(),
      files: z.array(z.strictObject({ name: z.string(), bytes: z.number().int(), sha256: hash })),
    }),
  ),
  /** Asked for, and not there. */
  missing: z.array(z.string()),
})

export type Manifest = z.infer<typeof manifestShape>

export const manifestName = 'manifest.json'
const idPattern = /^[0-9]{8}-[0-9]{6}-[0-9a-f]{4}$/

export function sha256Of(path: string): { sha256: string; bytes: number } {
  const hashed = createHash('sha256')
  const file = openSync(path, 'r')
  const chunk = Buffer.allocUnsafe(1024 * 1024)
  let bytes = 0
  try {
    for (let got = readSync(file, chunk); got > 0; got = readSync(file, chunk)) {
      hashed.update(chunk.subarray(0, got))
      bytes += got
    }
  } finally {
    closeSync(file)
  }
  return { sha256: hashed.digest('hex'), bytes }
}

/** Bytes of everything below a folder; 0 where there is none. */
export function bytesBelow(folder: string): number {
  let bytes = 0
  try {
    for (const entry of readdirSync(folder, { withFileTypes: true, recursive: true }))
      if (entry.isFile()) bytes += lstatSync(join(entry.parentPath, entry.name)).size
  } catch {
    // A file may go while it is looked at; a folder that is not there has none.
  }
  return bytes
}

/** @throws AgentError for an id that none has, or a manifest that is none */
export function readManifest(folder: string, id: string): { manifest: Manifest; sha256: string } {
  const file = join(folder, id, manifestName)
  let text: string
  try {
    if (!idPattern.test(id)) throw new Error('no such id')
    text = readFileSync(file, 'utf8')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    throw new AgentError(
      code === 'EACCES'
        ? `${file}: permission denied: evidence is root's`
        : `no evidence is called "${id}": see lymph evidence list`,
      2,
    )
  }
  const parsed = manifestShape.safeParse(parse(text))
  if (!parsed.success)
    throw new AgentError(`${file}: it is no manifest of lymph: it was changed, or is of another version`)
  return { manifest: parsed.data, sha256: createHash('sha256').update(text).digest('hex') }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** Newest first; what was being collected when something died is told apart. */
export function listEvidence(folder: string): { manifests: Manifest[]; broken: string[] } {
  let names: string[]
  try {
    names = readdirSync(folder)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { manifests: [], broken: [] }
    throw error
  }
  const manifests: Manifest[] = []
  const broken: string[] = names.filter((name) => name.startsWith('.'))
  for (const id of names
    .filter((name) => idPattern.test(name))
    .sort()
    .reverse())
    try {
      manifests.push(readManifest(folder, id).manifest)
    } catch {
      broken.push(id)
    }
  return { manifests, broken }
}

/** Files that are not as the manifest has them, a sentence each. */
export function verifyEvidence(folder: string, { id, tools }: Manifest): string[] {
  return tools.flatMap(({ files }) =>
    files.flatMap(({ name, sha256 }) => {
      try {
        return sha256Of(join(folder, id, name)).sha256 === sha256
          ? []
          : [`${name} is not as it was collected`]
      } catch {
        return [`${name} is gone`]
      }
    }),
  )
}
