// Encoded bytes: how long something will be on the wire, for who decides and cannot encode.
//
// Owns:      an upper bound of the length of any fact or message of the model.
// Elsewhere: encoding (proto/), the bounds themselves (registry-fact.ts, linkMessageBytesMax in ../ports.ts).
// Invariants:
//   E1. Never less than what the codecs make of it (test/proto/codecs.test.ts): what is found short enough here is short enough there.
// Source: the protobuf encoding guide; each field number, length and flag counted at its longest. Text and bytes, where lengths come from, are exact.

/** Field number and length of a text, of bytes or of a message, with room for the message that holds it alone (an id, a time). */
const headerBytes = 8;

export function encodedBytes(value: unknown): number {
  switch (typeof value) {
    case 'string':
      return headerBytes + utf8Bytes(value);
    case 'number':
      return 16;
    case 'boolean':
      return 4;
    case 'object': {
      if (value === null) return 0;
      if (ArrayBuffer.isView(value)) return headerBytes + value.byteLength;
      let bytes = headerBytes;
      for (const part of Symbol.iterator in value ? (value as Iterable<unknown>) : Object.values(value)) bytes += encodedBytes(part);
      return bytes;
    }
    default:
      return 0;
  }
}

function utf8Bytes(text: string): number {
  let bytes = 0;
  for (let index = 0; index < text.length; index += 1) {
    const unit = text.charCodeAt(index);
    // Each half of a pair counts 3, which is more than its part of the 4.
    bytes += unit < 0x80 ? 1 : unit < 0x800 ? 2 : 3;
  }
  return bytes;
}
