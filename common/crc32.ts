// CRC-32: the check sum that tells a torn or damaged record from a whole one.
//
// Owns:      the function and its table.
// Elsewhere: what is summed (journal-format.ts).
// Source: CRC-32/ISO-HDLC (polynomial 0x04C11DB7 reflected, as in zlib, PNG, Ethernet). Own code because `zlib.crc32` is missing from the
//         older Node 20 releases, the only ones there are for 32-bit ARM.

const table = Uint32Array.from({ length: 256 }, (_unused, index) => {
  let remainder = index;
  for (let bit = 0; bit < 8; bit += 1) remainder = remainder & 1 ? (remainder >>> 1) ^ 0xedb88320 : remainder >>> 1;
  return remainder >>> 0;
});

/** Check sum of `bytes[begin, end)`, an unsigned 32-bit integer. Of the ASCII text `123456789` it is 0xCBF43926. */
export function crc32(bytes: Uint8Array, begin = 0, end = bytes.length): number {
  let remainder = 0xffffffff;
  // The table has an entry for every byte, and `end` is within `bytes`: the fallbacks are for the compiler only.
  for (let at = begin; at < end; at += 1) remainder = (table[(remainder ^ (bytes[at] ?? 0)) & 0xff] ?? 0) ^ (remainder >>> 8);
  return (remainder ^ 0xffffffff) >>> 0;
}
