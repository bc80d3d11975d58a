/** xsalsa20 1.2.0 ships no types. */
declare module 'xsalsa20' {
  /** A running XSalsa20 key stream: 24-byte nonce, 32-byte key. */
  export default function xsalsa20(
    nonce: Uint8Array,
    key: Uint8Array,
  ): { update(data: Uint8Array): Uint8Array; finalize(): void }
}
