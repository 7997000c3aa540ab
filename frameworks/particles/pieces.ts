// Pieces: a chunk in parts that several threads count at the same time.
//
// Owns:      where a chunk is divided, which bytes a piece needs and which of their lines are its own, what the counts of pieces give together.
// Elsewhere: who takes which piece (worker-pool.ts), counting one (piece-count.ts), where a file is cut into chunks (chunks.ts).
// Invariants:
//   I1. Every line of a chunk belongs to exactly one piece: the one in which it begins. Pieces are divided without looking at the bytes.
//   I2. The counts of the pieces, put together, are the count of the chunk, however it was divided; also where a line stops the counting, and which.
//   I3. A piece that was counted is never counted again, whatever becomes of the others.
// Source: splits of text by Hadoop's TextInputFormat (I1); guided self-scheduling as in job-run.ts.

import { appendCounts } from './particle-count';
import type { ChunkData, ChunkResult } from './chunk-task';
import { LINE_LENGTH_MAX } from './particle-text';

/** A part of a chunk, by byte positions of the file. */
export interface Piece {
  /** 0-based, in file order. */
  readonly index: number;
  readonly start: number;
  readonly end: number;
}

/** What a thread counted: pieces that follow each other, as one. `result` is `stopped` by a line of the last one. */
export interface PieceRun {
  readonly first: number;
  readonly last: number;
  readonly result: ChunkResult;
}

/** Less is not worth the asking: some milliseconds of counting. And what is told of a chunk is told in whole pieces: a second or two of a Pi's core. */
const PIECE_BYTES = { least: 1024 ** 2, most: 32 * 1024 ** 2 };

/** The chunk in pieces that shrink, each an equal part of what is left for each thread: whenever others come to help, they are done at the same time as who began. */
export function cutPieces({ start, end }: ChunkData, threads: number): readonly Piece[] {
  const pieces: Piece[] = [];
  for (let from = start; from < end; ) {
    const size = Math.min(PIECE_BYTES.most, Math.max(PIECE_BYTES.least, Math.ceil((end - from) / threads)));
    // A rest that is smaller than a piece is none of its own.
    const to = end - from - size < PIECE_BYTES.least ? end : from + size;
    pieces.push({ index: pieces.length, start: from, end: to });
    from = to;
  }
  return pieces;
}

/**
 * The bytes that {@link PieceLines} needs: also the one before, which tells whether a line begins at the start, and behind the end the rest of the last line.
 * As much of it as tells that a line is too long; more of it changes nothing (K2 of chunks.ts).
 */
export function bytesOfPiece(chunk: ChunkData, piece: Piece): ChunkData {
  return {
    start: Math.max(chunk.start, piece.start - 1),
    end: piece.end === chunk.end ? chunk.end : Math.min(chunk.end, piece.end + LINE_LENGTH_MAX + 1),
  };
}

/** Hands on the lines of a piece (I1), whatever way its bytes are divided: `write` those of {@link bytesOfPiece} in order. */
export class PieceLines {
  private position: number;
  private isWithin: boolean;
  private isOver = false;
  /** Where the byte is, at the earliest, that ends the piece's last line. None for the last piece: it goes to the end of the chunk. */
  private readonly lastFrom: number;

  /** @param take gets the bytes of the lines in order, cut anywhere; false once it wants no more */
  constructor(
    chunk: ChunkData,
    piece: Piece,
    private readonly take: (bytes: Uint8Array) => boolean,
  ) {
    this.position = bytesOfPiece(chunk, piece).start;
    this.isWithin = piece.start === chunk.start;
    this.lastFrom = piece.end === chunk.end ? Infinity : piece.end - 1;
  }

  /** False once nothing more is wanted of the whole chunk; what is behind the piece is passed over. */
  write(bytes: Uint8Array): boolean {
    const { position } = this;
    this.position += bytes.length;
    if (this.isOver) return true;
    let from = 0;
    if (!this.isWithin) {
      const lineEnd = bytes.indexOf(LF);
      // The line that goes on here is over in a later piece: then no line begins in this one.
      this.isOver = (lineEnd < 0 ? position + bytes.length : position + lineEnd) >= this.lastFrom;
      if (lineEnd < 0 || this.isOver) return true;
      this.isWithin = true;
      from = lineEnd + 1;
    }
    if (this.position <= this.lastFrom) return this.take(bytes.subarray(from));
    const lineEnd = bytes.indexOf(LF, Math.max(from, this.lastFrom - position));
    if (lineEnd < 0) return this.take(bytes.subarray(from));
    this.isOver = true;
    return this.take(bytes.subarray(from, lineEnd + 1));
  }
}

/** What is known of a chunk's pieces, until they are all there. */
export class PiecedChunk {
  /** By the first piece of each. */
  private readonly runs = new Map<number, PieceRun>();

  /** @param pieces of one chunk, all of them in order */
  constructor(private readonly pieces: readonly Piece[]) {}

  add(run: PieceRun): void {
    this.runs.set(run.first, run);
  }

  /** What is still to be counted. Nothing behind a line that stops the counting. */
  get missing(): readonly Piece[] {
    const missing: Piece[] = [];
    for (let index = 0; index < this.pieces.length; ) {
      const run = this.runs.get(index);
      if (run?.result.kind === 'stopped') break;
      if (run === undefined) missing.push(this.pieces[index] as Piece);
      index = (run?.last ?? index) + 1;
    }
    return missing;
  }

  /** Of the whole chunk; undefined while something is missing. */
  get result(): ChunkResult | undefined {
    const results: ChunkResult[] = [];
    for (let index = 0; index < this.pieces.length; ) {
      const run = this.runs.get(index);
      if (run === undefined) return undefined;
      results.push(run.result);
      if (run.result.kind === 'stopped') break;
      index = run.last + 1;
    }
    return { kind: results.at(-1)?.kind ?? 'complete', count: appendCounts(results.map(({ count }) => count)) };
  }
}

const LF = 0x0a;
