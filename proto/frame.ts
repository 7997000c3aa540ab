// Frame: many messages in one gRPC message, taken apart without a schema.
//
// Owns:      joining encoded messages to a frame, and splitting a frame into the bytes of its messages.
// Elsewhere: the schema that says the same (`repeated ... = 1` in SchedulerCalls and its like), bytes of one message (loader.ts).
// Invariants:
//   R1. joinFrame writes exactly what a protobuf library writes for a message with `repeated M = 1` and nothing else, and splitFrame reads
//       what one may write for it: other fields are skipped, as unknown fields are everywhere.
//   R2. A frame without messages is empty: no bytes.
// Source: the protobuf encoding guide. Done by hand, because a message encoded alone has a size before it is queued, and one that cannot be
//         parsed spoils neither its frame nor its stream.

/** Field 1, length-delimited. */
const messageTag = 0x0a;

/** Most messages of one frame. A peer of ours stays far below; 8 MiB of empty messages would be four million. */
export const frameMessageCountMax = 100_000;

/** Bytes that a message of this length takes in a frame. */
export function framedLength(messageLength: number): number {
  return 1 + varintLength(messageLength) + messageLength;
}

export function joinFrame(messages: readonly Uint8Array[]): Buffer {
  let total = 0;
  for (const message of messages) total += framedLength(message.length);
  const frame = Buffer.allocUnsafe(total);
  let at = 0;
  for (const message of messages) {
    frame[at] = messageTag;
    at = writeVarint(frame, at + 1, message.length);
    frame.set(message, at);
    at += message.length;
  }
  return frame;
}

/** The bytes of each message, as windows on the frame; in words what is wrong with a frame that is none. */
export function splitFrame(frame: Buffer): Buffer[] | string {
  const messages: Buffer[] = [];
  const cursor = { at: 0 };
  while (cursor.at < frame.length) {
    const tag = readVarint(frame, cursor);
    const length = tag === undefined ? undefined : fieldLength(frame, cursor, tag & 7);
    if (tag === undefined || length === undefined || cursor.at + length > frame.length) return `a frame that breaks off at byte ${cursor.at} of ${frame.length}`;
    if (tag === messageTag) {
      if (messages.length === frameMessageCountMax) return `a frame of more than ${frameMessageCountMax} messages`;
      messages.push(frame.subarray(cursor.at, cursor.at + length));
    }
    cursor.at += length;
  }
  return messages;
}

interface Cursor {
  at: number;
}

/** Bytes of the value at the cursor, by wire type; the cursor stands behind the length afterwards. undefined: no such type. */
function fieldLength(frame: Buffer, cursor: Cursor, wireType: number): number | undefined {
  switch (wireType) {
    case 0:
      return readVarint(frame, cursor) === undefined ? undefined : 0;
    case 1:
      return 8;
    case 2:
      return readVarint(frame, cursor);
    case 5:
      return 4;
    default:
      return undefined;
  }
}

/** undefined when the bytes end first, or the number is longer than ten bytes. Exact up to 2^53; longer lengths exceed every frame anyway. */
function readVarint(frame: Buffer, cursor: Cursor): number | undefined {
  let value = 0;
  let weight = 1;
  for (let count = 0; count < 10; count += 1) {
    const byte = frame[cursor.at];
    if (byte === undefined) return undefined;
    cursor.at += 1;
    value += (byte & 0x7f) * weight;
    if (byte < 0x80) return value;
    weight *= 128;
  }
  return undefined;
}

function writeVarint(frame: Buffer, start: number, value: number): number {
  let at = start;
  let rest = value;
  while (rest >= 0x80) {
    frame[at] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
    at += 1;
  }
  frame[at] = rest;
  return at + 1;
}

function varintLength(value: number): number {
  let length = 1;
  for (let rest = value; rest >= 0x80; rest >>>= 7) length += 1;
  return length;
}
