// Piece count: counts pieces of a chunk while their bytes arrive.
//
// Owns:      from where the bytes of a piece come; taking one piece after the other; what that amounts to: counts, or a reason to try again or to give up.
// Elsewhere: reading the file on this machine (same-file.ts), fetching from it (range-connection.ts), which lines are a piece's (pieces.ts), the thread
//            it runs in (count-worker.ts), trying again (executor-program.ts).
// Invariants:
//   R1. A result is of exactly the bytes asked for, or of those up to the line that stopped it.
//   R2. Memory is bounded: bytes are counted as they come, and the server is read no faster than they are counted.
//   R3. Each piece is taken by one thread, whichever comes first; after a failure, or a line that stops the counting, nobody takes another.

import type { ChunkData, ChunkResult, JobData } from './chunk-task';
import { ParticleCounter, type CountOutcome } from './count';
import { appendCounts } from './particle-count';
import { bytesOfPiece, PieceLines, type Piece, type PieceRun } from './pieces';
import type { FetchEnd, RangeConnection } from './range-connection';
import type { SameFileReader } from './same-file';

/** What several threads are given alike. */
export interface CountOrder extends JobData, ChunkData {
  /** What is to be counted of the chunk, in file order. */
  readonly pieces: readonly Piece[];
  /** Shared by the threads, and by whoever wants to know how far they are. */
  readonly share: SharedCount;
}

/** Why a piece was not counted: `broken` is worth another try. */
export type CountFailure = Extract<FetchEnd, { kind: 'broken' | 'refused' }>;

/** What one thread has done of an order. */
export interface CountedPieces {
  readonly runs: readonly PieceRun[];
  readonly failure?: CountFailure;
}

/**
 * Whole numbers that several threads change: how many of the pieces are taken, how many bytes and particles of the chunk are counted, how many threads have
 * begun with it.
 */
export type SharedCount = Int32Array<SharedArrayBuffer>;
const [TAKEN, BYTES, PARTICLES, BEGUN] = [0, 1, 2, 3];

/** Of a chunk of which nothing is counted. A chunk has at most some more than 1 GiB, which fits. */
export function newSharedCount(): SharedCount {
  return new Int32Array(new SharedArrayBuffer(4 * Int32Array.BYTES_PER_ELEMENT));
}

/** How much of the chunk is counted, in whole pieces. */
export function countedSoFar(share: SharedCount): { readonly bytes: number; readonly particles: number } {
  return { bytes: Atomics.load(share, BYTES), particles: Atomics.load(share, PARTICLES) };
}

/** Before threads are given pieces: none is taken. */
export function takeNone(share: SharedCount): void {
  Atomics.store(share, TAKEN, 0);
  Atomics.store(share, BEGUN, 0);
}

/** From now on there is no next piece (R3). */
export function takeAll({ pieces, share }: CountOrder): void {
  Atomics.store(share, TAKEN, pieces.length);
}

/** The piece that a further thread would take first, when the order was given to `threads` already; undefined when there is none. */
export function pieceFor({ pieces, share }: CountOrder, threads: number): Piece | undefined {
  // Those that have not begun will take one each.
  return pieces[Atomics.load(share, TAKEN) + Math.max(0, threads - Atomics.load(share, BEGUN))];
}

function takePiece({ pieces, share }: CountOrder): Piece | undefined {
  return pieces[Atomics.add(share, TAKEN, 1)];
}

/** Takes pieces and counts them until there is none left, or one fails. */
export async function countPieces(order: CountOrder, connection: RangeConnection, reader: SameFileReader): Promise<CountedPieces> {
  const runs: PieceRun[] = [];
  const first = takePiece(order);
  Atomics.add(order.share, BEGUN, 1);
  for (let piece = first; piece !== undefined; piece = takePiece(order)) {
    const counted = await countPiece(order, piece, connection, reader);
    if (counted.kind !== 'counted') {
      takeAll(order);
      return { runs, failure: counted };
    }
    const { outcome } = counted;
    addTo(runs, piece, outcome);
    Atomics.add(order.share, BYTES, piece.end - piece.start);
    Atomics.add(order.share, PARTICLES, outcome.count.tally.particles);
    if (outcome.kind === 'stopped') takeAll(order);
  }
  return { runs };
}

/** Pieces that follow each other become one run. */
function addTo(runs: PieceRun[], { index }: Piece, { kind, count }: ChunkResult): void {
  const before = runs.at(-1);
  if (before === undefined || before.last + 1 !== index) runs.push({ first: index, last: index, result: { kind, count } });
  else runs[runs.length - 1] = { first: before.first, last: index, result: { kind, count: appendCounts([before.result.count, count]) } };
}

/** How fetching and counting a piece ended. */
export type PieceOutcome = { readonly kind: 'counted'; readonly outcome: CountOutcome } | CountFailure;

export async function countPiece(
  { inputUrl, malformed, sameFile, start, end }: JobData & ChunkData,
  piece: Piece,
  connection: RangeConnection,
  reader: SameFileReader,
): Promise<PieceOutcome> {
  const chunk = { start, end };
  const bytes = bytesOfPiece(chunk, piece);
  if (sameFile !== undefined) {
    const { counter, lines } = begin();
    if (reader.read(sameFile, bytes.start, bytes.end, (read) => lines.write(read))) return { kind: 'counted', outcome: counter.end() };
  }
  const { counter, lines } = begin();
  const fetched = await connection.fetch(inputUrl, bytes.start, bytes.end, (arrived) => lines.write(arrived));
  switch (fetched.kind) {
    case 'complete':
    case 'enough':
      return { kind: 'counted', outcome: counter.end() };
    case 'broken':
    case 'refused':
      return fetched;
  }

  function begin(): { readonly counter: ParticleCounter; readonly lines: PieceLines } {
    const counter = new ParticleCounter(malformed);
    return { counter, lines: new PieceLines(chunk, piece, (taken) => counter.write(taken)) };
  }
}
