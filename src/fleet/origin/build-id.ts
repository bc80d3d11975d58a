/** The build-id of an ELF file: what the linker calls one build, in the note `.note.gnu.build-id` (gABI, "Note Section"). */

/** Reads up to `length` bytes at `offset`; fewer at the end of the file. */
export type ReadAt = (offset: number, length: number) => Promise<Uint8Array>

/** No linker writes more program headers, longer notes or longer ids; a file that says so is not read further. */
const headersLimit = 64
const noteBytesLimit = 16 * 1024
const idBytes = { least: 8, most: 32 }

const PT_NOTE = 4
const NT_GNU_BUILD_ID = 3

/** Where things are in the headers of 32 and 64 bit files. */
const layouts = {
  1: { header: 52, phoff: 28, phentsize: 42, phnum: 44, entry: 32, offset: 4, filesz: 16 },
  2: { header: 64, phoff: 32, phentsize: 54, phnum: 56, entry: 56, offset: 8, filesz: 32 },
} as const

/**
 * The id in hex, at most 20 bytes of it; undefined for a file without one, and for any that is not a well-formed ELF.
 * Reads at most the headers and 16 KiB of notes, whatever the file says.
 */
export async function buildIdOf(read: ReadAt): Promise<string | undefined> {
  const start = await read(0, 64)
  if (start.length < 52 || start[0] !== 0x7f || start[1] !== 0x45 || start[2] !== 0x4c || start[3] !== 0x46)
    return undefined
  const layout = layouts[start[4] as 1 | 2]
  const little = start[5] === 1
  if (!layout || start.length < layout.header || (!little && start[5] !== 2)) return undefined
  const wide = layout.entry === 56
  const head = viewOf(start)
  const entrySize = head.getUint16(layout.phentsize, little)
  const entries = head.getUint16(layout.phnum, little)
  const tableAt = numberAt(head, layout.phoff, wide, little)
  if (entrySize !== layout.entry || entries === 0 || entries > headersLimit || tableAt === undefined)
    return undefined
  const table = await read(tableAt, entries * entrySize)
  let left = noteBytesLimit
  for (let at = 0; at + entrySize <= table.length; at += entrySize) {
    const entry = viewOf(table.subarray(at, at + entrySize))
    if (entry.getUint32(0, little) !== PT_NOTE) continue
    const offset = numberAt(entry, layout.offset, wide, little)
    const size = numberAt(entry, layout.filesz, wide, little)
    if (offset === undefined || size === undefined || size > left) continue
    left -= size
    const found = idIn(await read(offset, size), little)
    if (found) return found
  }
  return undefined
}

/** Notes follow one another, name and description each filled up to four bytes. */
function idIn(notes: Uint8Array, little: boolean): string | undefined {
  const view = viewOf(notes)
  for (let at = 0; at + 12 <= notes.length; ) {
    const nameSize = view.getUint32(at, little)
    const size = view.getUint32(at + 4, little)
    const type = view.getUint32(at + 8, little)
    const content = at + 12 + filled(nameSize)
    const next = content + filled(size)
    if (nameSize > notes.length || size > notes.length || content + size > notes.length) return undefined
    const isGnu = nameSize === 4 && String.fromCharCode(...notes.subarray(at + 12, at + 16)) === 'GNU\0'
    if (isGnu && type === NT_GNU_BUILD_ID) {
      if (size < idBytes.least || size > idBytes.most) return undefined
      return Buffer.from(notes.subarray(content, content + Math.min(size, 20))).toString('hex')
    }
    at = next
  }
  return undefined
}

const filled = (size: number): number => Math.ceil(size / 4) * 4

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.length)

/** A file offset or size that a file can have. */
function numberAt(view: DataView, at: number, wide: boolean, little: boolean): number | undefined {
  if (!wide) return view.getUint32(at, little)
  const value = view.getBigUint64(at, little)
  return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : undefined
}
