/** Where traces come from: files, .gz, .tar and .tar.gz archives (known by their content), folders, standard input. */
import { createReadStream } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { basename, join, matchesGlob } from 'node:path'
import type { Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { extract } from 'tar-stream'
import { TraceError } from '../errors.ts'

/** One trace file. Its chunks must be read (or the loop left) before the next one is asked for. */
export interface TraceSource {
  /** What it is called in results: the file's name; in a folder or archive its path below that. */
  name: string
  /** Where it lies: the path as given, with the path in the archive after it. */
  file: string
  chunks: AsyncIterable<Uint8Array>
}

export interface SourceOptions {
  /** Globs over the path below a folder or archive; a file is read when any matches (none: all). */
  include?: readonly string[]
  exclude?: readonly string[]
  /** Told of each file in a folder or archive that is passed over because its name says it is no trace. */
  onPassed?: (file: string) => void
}

/** What data sets put beside their traces: notes, maps of call numbers, tables of results. */
const BESIDE =
  /^(\.|README|LICEN[CS]E|COPYING|CITATION|.*calls\.txt|.*Syscall.List|.*\.(md|csv|json|pdf|html)$)/i

const CHUNK = 256 * 1024
const MAGIC_BYTES = 512

/** All trace files under the paths given, in their order; within folders by name, within archives as they come. */
export async function* traceSources(
  paths: readonly string[],
  options: SourceOptions = {},
): AsyncGenerator<TraceSource> {
  for (const path of paths) {
    let found = 0
    for await (const source of underPath(path, options)) {
      found++
      yield source
    }
    if (found === 0)
      throw new TraceError(`${path}: it holds no trace${options.include ? ' that --include allows' : ''}`)
  }
}

async function* underPath(path: string, options: SourceOptions): AsyncGenerator<TraceSource> {
  if (path === '-') {
    yield* opened(process.stdin, 'stdin', 'standard input', '', options)
    return
  }
  if (!(await stat(path)).isDirectory()) {
    yield* opened(createReadStream(path, { highWaterMark: CHUNK }), basename(path), path, '', options)
    return
  }
  for (const below of await filesBelow(path, '')) {
    if (!wanted(below, options, join(path, below))) continue
    const stream = createReadStream(join(path, below), { highWaterMark: CHUNK })
    // Globs speak of the path below the folder; what is in an archive below it comes with it.
    yield* opened(stream, below, join(path, below), `${below}/`, { ...options, include: [] })
  }
}

/** Paths of files below a folder, sorted. Links to files are followed, links to folders are not. */
async function filesBelow(root: string, folder: string): Promise<string[]> {
  const found: string[] = []
  const entries = await readdir(join(root, folder), { withFileTypes: true })
  entries.sort((a, b) => (a.name < b.name ? -1 : 1))
  for (const entry of entries) {
    const below = join(folder, entry.name)
    if (entry.isDirectory()) found.push(...(await filesBelow(root, below)))
    else if (entry.isFile() || (entry.isSymbolicLink() && (await stat(join(root, below))).isFile()))
      found.push(below)
  }
  return found
}

/** Whether a file of a folder or archive is to be read. */
function wanted(below: string, options: SourceOptions, file: string): boolean {
  const matches = (globs: readonly string[]) => globs.some((glob) => matchesGlob(below, glob))
  if (options.exclude && matches(options.exclude)) return false
  if (options.include && options.include.length > 0) return matches(options.include)
  if (!BESIDE.test(basename(below))) return true
  options.onPassed?.(file)
  return false
}

/**
 * One file, or what is in it when it is an archive.
 * @param under what comes before an archive's paths in names: '' for an archive that was given itself
 */
async function* opened(
  raw: Readable,
  name: string,
  file: string,
  under: string,
  options: SourceOptions,
): AsyncGenerator<TraceSource> {
  try {
    const outer = await peek(raw, file)
    const zipped = outer.head[0] === 0x1f && outer.head[1] === 0x8b
    const inner = zipped ? await peek(gunzip(outer.chunks, file), file) : outer
    if (!isTar(inner.head)) {
      yield { name, file, chunks: inner.chunks }
      return
    }
    const archive = extract()
    const feeding = feed(inner.chunks, archive)
    try {
      for await (const entry of archive) {
        const below = entry.header.name.replace(/^(\.\/)+/, '')
        const where = `${file}/${below}`
        if (entry.header.type === 'file' && wanted(below, options, where)) {
          const content = await peek(entry as AsyncIterable<Uint8Array>, where)
          const packed = content.head[0] === 0x1f && content.head[1] === 0x8b
          const chunks = packed ? gunzip(content.chunks, where) : content.chunks
          yield { name: under + below, file: where, chunks }
        }
        entry.resume()
      }
    } catch (error) {
      throw error instanceof TraceError
        ? error
        : new TraceError(`${file}: the archive cannot be read: ${(error as Error).message}: get it whole`)
    } finally {
      archive.destroy()
      await feeding
    }
  } finally {
    raw.destroy()
  }
}

/** Gives an archive its bytes; what goes wrong there goes wrong in the archive's loop. */
async function feed(chunks: AsyncIterable<Uint8Array>, archive: ReturnType<typeof extract>): Promise<void> {
  try {
    for await (const chunk of chunks) {
      if (archive.destroyed) return
      if (!archive.write(chunk))
        await new Promise<void>((go) => {
          const done = () => {
            archive.off('drain', done)
            archive.off('close', done)
            go()
          }
          archive.on('drain', done)
          archive.on('close', done)
        })
    }
    archive.end(undefined as never)
  } catch (error) {
    archive.destroy(error as Error)
  }
}

async function* gunzip(chunks: AsyncIterable<Uint8Array>, file: string): AsyncGenerator<Uint8Array> {
  const unzip = createGunzip({ chunkSize: CHUNK })
  const feeding = (async () => {
    try {
      for await (const chunk of chunks) {
        if (unzip.destroyed) return
        if (!unzip.write(chunk)) await new Promise<void>((go) => whenMoved(unzip, go))
      }
      unzip.end()
    } catch (error) {
      unzip.destroy(error as Error)
    }
  })()
  try {
    yield* unzip as AsyncIterable<Uint8Array>
  } catch (error) {
    if (error instanceof TraceError) throw error
    const cut = (error as { code?: string }).code === 'Z_BUF_ERROR'
    throw new TraceError(
      `${file}: ${cut ? 'the compressed file was cut short' : `it cannot be unpacked: ${(error as Error).message}`}: get it whole`,
    )
  } finally {
    unzip.destroy()
    await feeding
  }
}

function whenMoved(stream: ReturnType<typeof createGunzip>, go: () => void): void {
  const done = () => {
    stream.off('drain', done)
    stream.off('close', done)
    go()
  }
  stream.on('drain', done)
  stream.on('close', done)
}

function isTar(head: Uint8Array): boolean {
  return Buffer.from(head.subarray(257, 262)).toString('latin1') === 'ustar'
}

/** The first bytes of a stream, and all of it. Errors of the system carry the file's name. */
export async function peek(
  stream: AsyncIterable<Uint8Array>,
  file: string,
  bytes = MAGIC_BYTES,
): Promise<{ head: Uint8Array; chunks: AsyncIterable<Uint8Array> }> {
  const iterator = stream[Symbol.asyncIterator]()
  const held: Uint8Array[] = []
  let size = 0
  while (size < bytes) {
    const next = await iterator.next()
    if (next.done) break
    held.push(next.value)
    size += next.value.length
  }
  const head = held.length === 1 ? held[0]! : Buffer.concat(held)
  return { head: head.subarray(0, Math.max(bytes, 0)), chunks: all() }

  async function* all(): AsyncGenerator<Uint8Array> {
    try {
      if (head.length > 0) yield head
      for (;;) {
        const next = await iterator.next()
        if (next.done) return
        yield next.value
      }
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException
      if (error instanceof TraceError || code === undefined || code.startsWith('Z_')) throw error
      throw new TraceError(`${file}: ${message}`)
    } finally {
      await iterator.return?.()
    }
  }
}
