import { createHash } from 'node:crypto'

/** Bytes of a subject at most. A digest of 1 KiB has to hold one beside 640 bytes of sketch. */
export const SUBJECT_BYTES = 160

/** Characters that a terminal or a log must not be given: controls, formats (bidi), lone surrogates, line separators. */
const unprintable = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}\p{Zl}\p{Zp}\\]/gu

/**
 * How a semaphore or digest names a binary to other hosts: its path, with what cannot be printed as `\u{X}` and a long
 * one cut with a hash of the whole. Different paths stay different, and every host makes the same of the same path.
 */
export function subjectOf(path: string): string {
  const text = path.replaceAll(
    unprintable,
    (character) => `\\u{${(character.codePointAt(0) as number).toString(16)}}`,
  )
  if (Buffer.byteLength(text) <= SUBJECT_BYTES) return text
  const tail = `\\~${createHash('sha256').update(path).digest('hex').slice(0, 16)}`
  const head = new TextDecoder()
    .decode(Buffer.from(text).subarray(0, SUBJECT_BYTES - tail.length))
    .replace(/\ufffd+$/, '')
    // Nor half of an escape.
    .replace(/\\(u(\{[0-9a-f]*)?)?$/, '')
  return head + tail
}

/** Whether a text that another host sent is one that `subjectOf` could have made. */
export function isSubject(text: string): boolean {
  if (text === '' || Buffer.byteLength(text) > SUBJECT_BYTES) return false
  const plain = text.replaceAll(/\\u\{[0-9a-f]{1,6}\}|\\~[0-9a-f]{16}$/g, '')
  return plain.search(unprintable) < 0
}
