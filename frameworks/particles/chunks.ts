// Chunks: a particle file in pieces of whole lines.
//
// Owns:      where a file is cut, lazily and reading only around the cuts; reading a chunk; counting the lines before one.
// Elsewhere: who counts which chunk (the scheduler), what its count is (count.ts), line numbers across chunks (particle-count.ts, C2).
// Invariants:
//   K1. Every line is in exactly one chunk; chunks are in file order, and the same file and target size give the same chunks.
//   K2. A chunk has at most its target size and LINE_LENGTH_MAX + 1 bytes more. A longer line across a cut is cut off there: it is malformed by
//       its length alone, and its tail, which no chunk holds, would not change that or its description.

import { constants, FileHandle, open } from 'node:fs/promises';
import { ParticleFailure, fileFailure } from './failure';
import { LINE_LENGTH_MAX } from './particle-text';

/** A run of whole lines of a file, by byte positions. */
export interface Chunk {
  /** 0-based, in file order. */
  readonly index: number;
  readonly start: number;
  /** The first position after the chunk. */
  readonly end: number;
  /** Where the next chunk starts: `end`, or behind the rest of an overlong line; the file size after the last chunk. */
  readonly nextStart: number;
}

/** An open file, read by position. Tests give bytes instead. */
export interface ByteSource {
  readonly sizeBytes: number;
  /** Fills `into` from `position` and returns how many bytes there were: fewer only at the end of the file. */
  read(into: Uint8Array, position: number): Promise<number>;
}

/** Opens a file as a source; the caller closes it. The size is that of now: what is appended later is not read. */
export async function openByteSource(path: string): Promise<ByteSource & { close(): Promise<void> }> {
  try {
    // Without waiting for a writer, where it is a pipe: that is refused below.
    const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const stats = await file.stat().catch(async (error: unknown) => {
      await file.close();
      throw error;
    });
    if (!stats.isFile()) {
      await file.close();
      throw new ParticleFailure('CANNOT_READ', `Cannot read "${path}" in chunks as it is no regular file`);
    }
    return { sizeBytes: stats.size, read: (into, position) => readFully(file, path, into, position), close: () => file.close() };
  } catch (error) {
    throw fileFailure('CANNOT_READ', path, error);
  }
}

async function readFully(file: FileHandle, path: string, into: Uint8Array, position: number): Promise<number> {
  try {
    let filled = 0;
    while (filled < into.length) {
      const { bytesRead } = await file.read(into, filled, into.length - filled, position + filled);
      if (bytesRead === 0) break;
      filled += bytesRead;
    }
    return filled;
  } catch (error) {
    throw fileFailure('CANNOT_READ', path, error);
  }
}

/** Bytes read around a cut at a time: many times an ordinary line, so one read nearly always finds the end of the line. */
const WINDOW_BYTES = 4096;

/** The chunks of a file from the first on, each found when it is asked for. An empty file has none. */
export async function* cutChunks(source: ByteSource, targetBytes: number): AsyncGenerator<Chunk, void, undefined> {
  for (let index = 0, start = 0; start < source.sizeBytes; index++) {
    const chunk = await cutChunk(source, targetBytes, index, start);
    yield chunk;
    start = chunk.nextStart;
  }
}

/**
 * One step of {@link cutChunks}: the chunk `index`, which starts at `start` (below the file size). A scheduler that restarts goes on from the
 * last chunk's `index + 1` and `nextStart`.
 *
 * @param targetBytes size from which on the next end of a line ends the chunk, at least 1
 */
export async function cutChunk(source: ByteSource, targetBytes: number, index: number, start: number): Promise<Chunk> {
  const { sizeBytes } = source;
  // The byte at the target's end may be the LF itself.
  const searchFrom = start + targetBytes - 1;
  if (searchFrom >= sizeBytes - 1) return { index, start, end: sizeBytes, nextStart: sizeBytes };
  const lineFeed = await findLineFeed(source, searchFrom);
  const nextStart = lineFeed < 0 ? sizeBytes : lineFeed + 1;
  // From searchFrom on it is one line. So much of it is too long whatever is before, and shorter ones are not cut off (K2).
  const end = Math.min(nextStart, searchFrom + LINE_LENGTH_MAX + 2);
  return { index, start, end, nextStart };
}

/** The position of the first LF from `from` on, or -1. */
async function findLineFeed(source: ByteSource, from: number): Promise<number> {
  const window = Buffer.allocUnsafe(WINDOW_BYTES);
  for (let position = from; position < source.sizeBytes; position += WINDOW_BYTES) {
    const length = await source.read(window, position);
    if (length === 0) break;
    const found = window.subarray(0, length).indexOf(LF);
    if (found >= 0) return position + found;
  }
  return -1;
}

/**
 * The bytes of a chunk, in a new buffer that the caller owns.
 * @throws ParticleFailure CANNOT_READ if the file has become shorter since it was cut
 */
export async function readChunk(source: ByteSource, chunk: Chunk): Promise<Buffer> {
  const bytes = Buffer.allocUnsafeSlow(chunk.end - chunk.start);
  const length = await source.read(bytes, chunk.start);
  if (length < bytes.length) {
    throw new ParticleFailure('CANNOT_READ', `Cannot read bytes ${chunk.start} to ${chunk.end} of the input as it ends at ${chunk.start + length}: it was changed`);
  }
  return bytes;
}

/** Bytes read at a time for counting lines. */
const LINE_COUNT_BYTES = 256 * 1024;

/** Lines before a chunk's start: what its own line numbers lack when the chunks before it have not been counted, e.g. when a job stops. */
export async function countLinesBefore(source: ByteSource, start: number): Promise<number> {
  const buffer = Buffer.allocUnsafe(LINE_COUNT_BYTES);
  let lines = 0;
  for (let position = 0; position < start; position += LINE_COUNT_BYTES) {
    const length = await source.read(buffer.subarray(0, Math.min(LINE_COUNT_BYTES, start - position)), position);
    const bytes = buffer.subarray(0, length);
    for (let found = bytes.indexOf(LF); found >= 0; found = bytes.indexOf(LF, found + 1)) lines++;
  }
  return lines;
}

const LF = 0x0a;
