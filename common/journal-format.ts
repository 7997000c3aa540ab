// Journal format: the bytes of a journal file, and what can be believed of them after a crash.
//
// Owns:      encoding of file headers, groups and records; telling a torn end from damage.
// Elsewhere: files, order of writing, generations (journal.ts); what a record means (its owner).
// Invariants:
//   A1. A file is a header and then groups. A group is what one write carries: it is recovered whole or not at all.
//   A2. A group is written only after the one before it was synced. So only the last group of a file can be torn by a crash, and bytes after
//       a broken group prove that it was once whole: that is damage, never repaired silently.
//   A3. Damage to the last group cannot be told from a torn write and is taken for one. No format can do better without a second file.
// Source: our choice. Little-endian; layout (bytes):
//   file   = magic(8) version(4) generation(4) crc(4, of the 16 before)                                              then groups
//   group  = mark(4) sequence(6, from 0) kind(2: 0 records, 1 end of snapshot) bodyBytes(4) crc(4, of the 16 before)   then records
//   record = crc(4, of all that follows) payloadBytes(4) type(1) payload

import { crc32 } from './crc32';
import { invariant } from './invariant';

/** One opaque fact. */
export interface JournalRecord {
  /** Tag of the owner's choosing, 0..255. */
  readonly type: number;
  readonly payload: Uint8Array;
}

export type JournalFileKind = 'log' | 'snapshot';

const formatVersion = 1;
const magics: { readonly [Kind in JournalFileKind]: string } = { log: 'ALLOTLOG', snapshot: 'ALLOTSNP' };
/** `GRP!`: where to look for a group behind damage. */
const groupMark = 0x21505247;
const groupKind = { records: 0, end: 1 } as const;

export const fileHeaderBytes = 20;
const groupHeaderBytes = 20;
const recordHeaderBytes = 9;

export function encodeFileHeader(kind: JournalFileKind, generation: number): Buffer {
  const header = Buffer.alloc(fileHeaderBytes);
  header.write(magics[kind], 0, 'latin1');
  header.writeUInt32LE(formatVersion, 8);
  header.writeUInt32LE(generation, 12);
  header.writeUInt32LE(crc32(header, 0, 16), 16);
  return header;
}

/** Bytes of `records` within a group's body. The payloads are copied: their owner may reuse them. */
export function encodeRecords(records: readonly JournalRecord[]): Buffer {
  const body = Buffer.allocUnsafe(records.reduce((sum, record) => sum + recordHeaderBytes + record.payload.length, 0));
  let at = 0;
  for (const { type, payload } of records) {
    invariant(Number.isInteger(type) && type >= 0 && type <= 255, 'A record type is a byte');
    const end = at + recordHeaderBytes + payload.length;
    body.writeUInt32LE(payload.length, at + 4);
    body.writeUInt8(type, at + 8);
    body.set(payload, at + recordHeaderBytes);
    body.writeUInt32LE(crc32(body, at + 4, end), at);
    at = end;
  }
  return body;
}

/** One group of the given bodies, ready to be written at once (A1). */
export function encodeGroup(sequence: number, bodies: readonly Uint8Array[]): Buffer {
  const bodyBytes = bodies.reduce((sum, body) => sum + body.length, 0);
  return Buffer.concat([encodeGroupHeader(sequence, groupKind.records, bodyBytes), ...bodies]);
}

/** The group that closes a snapshot: without it the file is not whole. */
export function encodeSnapshotEnd(sequence: number): Buffer {
  return encodeGroupHeader(sequence, groupKind.end, 0);
}

function encodeGroupHeader(sequence: number, kind: number, bodyBytes: number): Buffer {
  const header = Buffer.alloc(groupHeaderBytes);
  header.writeUInt32LE(groupMark, 0);
  header.writeUIntLE(sequence, 4, 6);
  header.writeUInt16LE(kind, 10);
  header.writeUInt32LE(bodyBytes, 12);
  header.writeUInt32LE(crc32(header, 0, 16), 16);
  return header;
}

/** What a file holds. `records` are views into the bytes that were read. */
export interface JournalScan {
  readonly records: readonly JournalRecord[];
  /** Up to here the file can be believed: the place to go on writing. 0 when not even the header is whole. */
  readonly validBytes: number;
  readonly groups: number;
  readonly end:
    /** All bytes are whole groups. */
    | { readonly kind: 'whole' }
    /** The same, and a snapshot's end mark is the last of them. */
    | { readonly kind: 'closed' }
    /** The last write did not arrive whole (A2). */
    | { readonly kind: 'torn' }
    /** Something that was synced is not what was written. */
    | { readonly kind: 'damaged'; readonly offset: number; readonly detail: string };
}

/** Reads a whole file of the given kind and generation. Never throws on content. */
export function scanJournalFile(bytes: Buffer, kind: JournalFileKind, generation: number): JournalScan {
  const records: JournalRecord[] = [];
  let at = 0;
  let groups = 0;
  const result = (end: JournalScan['end']): JournalScan => ({ records, validBytes: at, groups, end });
  const damaged = (offset: number, detail: string): JournalScan => result({ kind: 'damaged', offset, detail });

  if (bytes.length < fileHeaderBytes || bytes.readUInt32LE(16) !== crc32(bytes, 0, 16)) {
    return hasGroupAfter(bytes, 0, 0) ? damaged(0, 'the file header is damaged') : result({ kind: 'torn' });
  }
  if (bytes.toString('latin1', 0, 8) !== magics[kind]) return damaged(0, `the file is not a journal ${kind}`);
  if (bytes.readUInt32LE(8) !== formatVersion) {
    return damaged(8, `the format version is ${bytes.readUInt32LE(8)} and this program knows ${formatVersion}`);
  }
  if (bytes.readUInt32LE(12) !== generation) return damaged(12, `the file belongs to generation ${bytes.readUInt32LE(12)}`);
  at = fileHeaderBytes;

  while (at < bytes.length) {
    const header = readGroupHeader(bytes, at);
    if (header === undefined) {
      return hasGroupAfter(bytes, at + 1, groups + 1) ? damaged(at, 'a group header is damaged') : result({ kind: 'torn' });
    }
    if (header.sequence !== groups) return damaged(at, `group ${header.sequence} stands where group ${groups} belongs`);
    const bodyBegin = at + groupHeaderBytes;
    const bodyEnd = bodyBegin + header.bodyBytes;
    if (bodyEnd > bytes.length) return result({ kind: 'torn' });
    const body = readRecords(bytes, bodyBegin, bodyEnd);
    if (body.kind === 'damaged') {
      return bodyEnd === bytes.length ? result({ kind: 'torn' }) : damaged(body.offset, 'a record is damaged');
    }
    if (header.kind === groupKind.end) {
      if (bodyEnd < bytes.length) return damaged(bodyEnd, 'bytes follow the end of the snapshot');
      at = bodyEnd;
      return result({ kind: 'closed' });
    }
    for (const record of body.records) records.push(record);
    at = bodyEnd;
    groups += 1;
  }
  return result({ kind: 'whole' });
}

function readGroupHeader(bytes: Buffer, at: number): { readonly sequence: number; readonly kind: number; readonly bodyBytes: number } | undefined {
  if (at + groupHeaderBytes > bytes.length || bytes.readUInt32LE(at) !== groupMark) return undefined;
  if (bytes.readUInt32LE(at + 16) !== crc32(bytes, at, at + 16)) return undefined;
  return { sequence: bytes.readUIntLE(at + 4, 6), kind: bytes.readUInt16LE(at + 10), bodyBytes: bytes.readUInt32LE(at + 12) };
}

/** Whether a group of at least `sequenceMin` begins at or after `from`: then what stands before it was synced once (A2). */
function hasGroupAfter(bytes: Buffer, from: number, sequenceMin: number): boolean {
  const mark = Buffer.alloc(4);
  mark.writeUInt32LE(groupMark);
  for (let at = bytes.indexOf(mark, from); at >= 0; at = bytes.indexOf(mark, at + 1)) {
    const header = readGroupHeader(bytes, at);
    if (header !== undefined && header.sequence >= sequenceMin) return true;
  }
  return false;
}

type BodyRead = { readonly kind: 'whole'; readonly records: readonly JournalRecord[] } | { readonly kind: 'damaged'; readonly offset: number };

function readRecords(bytes: Buffer, begin: number, end: number): BodyRead {
  const records: JournalRecord[] = [];
  let at = begin;
  while (at < end) {
    const payloadBegin = at + recordHeaderBytes;
    if (payloadBegin > end) return { kind: 'damaged', offset: at };
    const payloadEnd = payloadBegin + bytes.readUInt32LE(at + 4);
    if (payloadEnd > end || bytes.readUInt32LE(at) !== crc32(bytes, at + 4, payloadEnd)) return { kind: 'damaged', offset: at };
    records.push({ type: bytes.readUInt8(at + 8), payload: bytes.subarray(payloadBegin, payloadEnd) });
    at = payloadEnd;
  }
  return { kind: 'whole', records };
}
