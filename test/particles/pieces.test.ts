// Proves that a chunk may be divided anywhere, and counted by whom and in what order it will: the count is that of the undivided chunk. How: properties
// against the plain counter, on texts of every kind; threads that take turns, on a real file and over a real connection.

import { EventEmitter } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { agentId, createEnvironment, executor, task, taskId } from '../../frameworks/sdk';
import { chunkResultToJson, printChunkData, printChunkResult, printJobData, type ChunkResult } from '../../frameworks/particles/chunk-task';
import { countBytes, ParticleCounter } from '../../frameworks/particles/count';
import { countChunk } from '../../frameworks/particles/executor-program';
import { generateParticles } from '../../frameworks/particles/generate';
import { serveInput, type InputServer } from '../../frameworks/particles/input-server';
import { MALFORMED_POLICIES, type MalformedPolicy } from '../../frameworks/particles/malformed-line';
import { LINE_LENGTH_MAX } from '../../frameworks/particles/particle-text';
import { countedSoFar, countPieces, newSharedCount, pieceFor, type CountOrder } from '../../frameworks/particles/piece-count';
import { bytesOfPiece, cutPieces, PiecedChunk, PieceLines, type Piece, type PieceRun } from '../../frameworks/particles/pieces';
import { RangeConnection } from '../../frameworks/particles/range-connection';
import { identifyFile, SameFileReader } from '../../frameworks/particles/same-file';
import { WorkerPool } from '../../frameworks/particles/worker-pool';

const MIB = 1024 ** 2;

const aLine = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom('0 1 -2', '1 -2 1', '-3 0.5 7', '1 2') },
  { weight: 2, arbitrary: fc.constantFrom('', '# comment', '0 0 x', '\r', ' 1\t2 3 ') },
  { weight: 1, arbitrary: fc.integer({ min: 20, max: 300 }).map((length) => `1 2 ${'3'.repeat(length)}`) },
);
const aText = fc.tuple(fc.array(aLine, { minLength: 1, maxLength: 40 }), fc.boolean()).map(([lines, isEnded]) => Buffer.from(`${lines.join('\n')}${isEnded ? '\n' : ''}`));

/** Positions as parts of the whole, so that they shrink well. */
const someCuts = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 8 });

/** The positions from 0 to `length`, each once, in order. */
function positions(cuts: readonly number[], length: number): readonly number[] {
  return [...new Set([0, ...cuts.map((cut) => Math.floor(cut * length)), length])].sort((a, b) => a - b);
}

/** As a thread counts a piece whose bytes arrive divided at `cuts`. */
function countPiece(text: Buffer, piece: Piece, cuts: readonly number[], policy: MalformedPolicy): ChunkResult {
  const counter = new ParticleCounter(policy);
  const chunk = { start: 0, end: text.length };
  const lines = new PieceLines(chunk, piece, (bytes) => counter.write(bytes));
  const needed = bytesOfPiece(chunk, piece);
  const bytes = text.subarray(needed.start, needed.end);
  const ends = positions(cuts, bytes.length);
  for (let part = 1; part < ends.length; part++) if (!lines.write(bytes.subarray(ends[part - 1], ends[part]))) break;
  return counter.end();
}

function pieceAt(ends: readonly number[], index: number): Piece {
  return { index, start: ends[index] as number, end: ends[index + 1] as number };
}

function countInPieces(text: Buffer, cuts: readonly number[], arrivals: readonly number[], policy: MalformedPolicy, order: (pieces: readonly Piece[]) => readonly Piece[]): string {
  const ends = positions(cuts, text.length);
  const pieces = ends.slice(1).map((_end, index) => pieceAt(ends, index));
  const chunk = new PiecedChunk(pieces);
  for (const piece of order(pieces)) chunk.add({ first: piece.index, last: piece.index, result: countPiece(text, piece, arrivals, policy) });
  if (chunk.result === undefined) throw new Error('Something is missing');
  return printChunkResult(chunk.result);
}

test.each(MALFORMED_POLICIES)('under the policy %s pieces give what the chunk gives, wherever it is divided, however bytes arrive, in whatever order pieces are counted', (policy) => {
  fc.assert(
    fc.property(aText, someCuts, someCuts, fc.boolean(), (text, cuts, arrivals, isBackwards) => {
      const given = countInPieces(text, cuts, arrivals, policy, (pieces) => (isBackwards ? [...pieces].reverse() : pieces));
      expect(given).toBe(printChunkResult(countBytes(text, policy)));
    }),
    { numRuns: 1_000 },
  );
});

test.each([-2, -1, 0, 1, 2])('a line of the greatest length and %i bytes counts alike wherever it is divided', (more) => {
  const long = Buffer.from(`0 1 -2\n1 2 ${'3'.repeat(LINE_LENGTH_MAX - 4 + more)}\n0 1 -2\n`);
  const whole = printChunkResult(countBytes(long, 'count'));
  for (const near of [0, 7, 8, LINE_LENGTH_MAX, LINE_LENGTH_MAX + 7, LINE_LENGTH_MAX + 8, long.length - 7]) {
    for (const position of [near - 1, near, near + 1, near + 2]) expect(countInPieces(long, [position / long.length], [], 'count', (pieces) => pieces)).toBe(whole);
  }
});

test('lines that are far longer than a piece belong to the piece in which they begin', () => {
  const endless = Buffer.from(`0 1 -2\n${'x'.repeat(5 * LINE_LENGTH_MAX)}\n0 1 -2\n`);
  const cuts = [0.2, 0.4, 0.6, 0.8];
  expect(countInPieces(endless, cuts, [0.5], 'count', (pieces) => pieces)).toBe(printChunkResult(countBytes(endless, 'count')));
});

test('pieces are the whole chunk, shrink, and have from one to 32 MiB, the last almost one more; one thread gets no smaller ones', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 1024 * MIB }), fc.integer({ min: 1, max: 1024 * MIB }), fc.integer({ min: 1, max: 64 }), (start, length, threads) => {
      const pieces = cutPieces({ start, end: start + length }, threads);
      expect(pieces.map((piece) => piece.index)).toEqual(pieces.map((_piece, index) => index));
      expect([pieces[0]?.start, pieces.at(-1)?.end]).toEqual([start, start + length]);
      const sizes = pieces.map((piece) => piece.end - piece.start);
      sizes.forEach((size, index) => {
        if (index > 0) expect(pieces[index]?.start).toBe(pieces[index - 1]?.end);
        if (sizes.length > 1) expect(size).toBeGreaterThanOrEqual(MIB);
        expect(size).toBeLessThan(33 * MIB);
        if (index + 1 < sizes.length - 1) expect(size).toBeGreaterThanOrEqual(sizes[index + 1] as number);
      });
      if (threads === 1) expect(pieces.length).toBeLessThanOrEqual(Math.ceil(length / (32 * MIB)));
      // 1/e of it is left after as many pieces as there are threads.
      expect(pieces.length).toBeLessThanOrEqual(1 + length / (32 * MIB) + threads * (1 + Math.log(Math.max(1, length / MIB))));
    }),
  );
});

describe('threads that take turns', () => {
  let folder: string;
  let server: InputServer;
  const connections: RangeConnection[] = [];
  const readers: SameFileReader[] = [];
  const bytes = Buffer.concat(Array.from(generateParticles(100_000, 5, 'full'), (piece) => Buffer.from(piece)));
  const stopped = Buffer.concat([bytes, Buffer.from('1 2 x\n'), bytes]);

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'pieces-'));
    writeFileSync(join(folder, 'particles.txt'), stopped);
    server = await serveInput({
      source: { sizeBytes: stopped.length, read: (into, position) => Promise.resolve(stopped.copy(into, 0, position, position + into.length)) },
      executor: { 'particle-executor.js': Buffer.alloc(0), 'particle-executor.program': Buffer.alloc(0) },
      ...{ host: '127.0.0.1', port: 0, secret: 's', failed: () => undefined },
    });
  });
  afterAll(async () => {
    for (const one of [...connections, ...readers]) one.close();
    await server.close();
    rmSync(folder, { recursive: true });
  });

  function aThread(): [RangeConnection, SameFileReader] {
    const thread: [RangeConnection, SameFileReader] = [new RangeConnection(), new SameFileReader()];
    connections.push(thread[0]);
    readers.push(thread[1]);
    return thread;
  }

  async function countTogether(end: number, where: object, threadCount: number): Promise<{ readonly chunk: PiecedChunk; readonly order: CountOrder; readonly runs: readonly (readonly PieceRun[])[] }> {
    const pieces = cutPieces({ start: 0, end }, 4);
    const order: CountOrder = { inputUrl: server.inputUrl, malformed: 'stop', ...where, start: 0, end, pieces, share: newSharedCount() };
    const counted = await Promise.all(Array.from({ length: threadCount }, () => countPieces(order, ...aThread())));
    const chunk = new PiecedChunk(pieces);
    for (const run of counted.flatMap(({ runs }) => runs)) chunk.add(run);
    return { chunk, order, runs: counted.map(({ runs }) => runs) };
  }

  test.each(['from the file', 'over the network'])('share a chunk %s, each piece counted once', async (place) => {
    const sameFile = await identifyFile(join(folder, 'particles.txt'));
    if (sameFile === undefined) throw new Error('These tests need Linux');
    const { chunk, order, runs } = await countTogether(bytes.length, place === 'from the file' ? { sameFile } : {}, 3);
    expect(printChunkResult(chunk.result as ChunkResult)).toBe(printChunkResult(countBytes(bytes, 'stop')));
    expect(runs.every((own) => own.length > 0)).toBe(true);
    expect(countedSoFar(order.share)).toEqual({ bytes: bytes.length, particles: 100_000 });
    expect(chunk.missing).toEqual([]);
  });

  test('one thread makes one run of what it counts', async () => {
    const { runs, order } = await countTogether(bytes.length, {}, 1);
    expect(runs[0]?.map(({ first, last }) => [first, last])).toEqual([[0, order.pieces.length - 1]]);
  });

  test('a malformed line ends the counting, and nothing behind it is asked for', async () => {
    const { chunk, order } = await countTogether(stopped.length, {}, 2);
    expect(printChunkResult(chunk.result as ChunkResult)).toBe(printChunkResult(countBytes(stopped, 'stop')));
    expect(chunk.missing).toEqual([]);
    expect(countedSoFar(order.share).bytes).toBeLessThan(stopped.length);
  });

  test('a failure leaves what was counted, nobody takes another piece, and what is missing can be counted later', async () => {
    const { chunk, order: failed } = await countTogether(bytes.length, { inputUrl: `${server.inputUrl}s` }, 2);
    expect(chunk.result).toBeUndefined();
    expect(pieceFor(failed, 0)).toBeUndefined();
    expect(Atomics.load(failed.share, 0)).toBeLessThanOrEqual(failed.pieces.length + 2);
    const pieces = cutPieces({ start: 0, end: bytes.length }, 4);
    expect(chunk.missing).toEqual(pieces);
    const order: CountOrder = { inputUrl: server.inputUrl, malformed: 'stop', start: 0, end: bytes.length, pieces: pieces.filter(({ index }) => index % 2 === 0), share: newSharedCount() };
    const again = new PiecedChunk(pieces);
    for (const run of (await countPieces(order, ...aThread())).runs) again.add(run);
    expect(again.missing.map(({ index }) => index % 2)).toEqual(again.missing.map(() => 1));
    for (const run of (await countPieces({ ...order, pieces: again.missing, share: newSharedCount() }, ...aThread())).runs) again.add(run);
    expect(printChunkResult(again.result as ChunkResult)).toBe(printChunkResult(countBytes(bytes, 'stop')));
  });

  test('a task whose connection breaks in the middle goes on with what is missing, once the scheduler is there again', async () => {
    let brokenReads = 3;
    const shaky = await serveInput({
      source: {
        sizeBytes: bytes.length,
        read: (into, position) => (position > MIB && brokenReads-- > 0 ? Promise.reject(new Error('a cable was pulled')) : Promise.resolve(bytes.copy(into, 0, position, position + into.length))),
      },
      executor: { 'particle-executor.js': Buffer.alloc(0), 'particle-executor.program': Buffer.alloc(0) },
      ...{ host: '127.0.0.1', port: 0, secret: 's', failed: () => undefined },
    });
    const orders: CountOrder[] = [];
    const pool = new WorkerPool(2, () => new ThreadHere(...aThread(), orders));
    try {
      const chunk = { start: 0, end: bytes.length };
      const info = {
        ...task({ name: 'chunk', resources: 'cpus:2', executor: executor({ id: 'e', command: 'x', data: printJobData({ inputUrl: shaky.inputUrl, malformed: 'stop' }) }), data: printChunkData(chunk) }),
        ...{ taskId: taskId('t'), agentId: agentId('a') },
      };
      const { data } = await countChunk(info, { signal: new AbortController().signal, message: () => true }, pool, createEnvironment().clock);
      expect(data).toBe(printChunkResult(countBytes(bytes, 'stop')));
      // It was asked for again, and for less each time.
      const asked = [...new Set(orders.map(({ pieces }) => pieces.length))];
      expect(asked.length).toBeGreaterThan(1);
      expect(asked).toEqual([...asked].sort((a, b) => b - a));
    } finally {
      await shaky.close();
    }
  });
});

/** A thread of the pool in this one. */
class ThreadHere extends EventEmitter {
  constructor(
    private readonly connection: RangeConnection,
    private readonly reader: SameFileReader,
    private readonly orders: CountOrder[],
  ) {
    super();
  }

  postMessage(order: CountOrder): void {
    this.orders.push(order);
    void countPieces(order, this.connection, this.reader).then(({ runs, ...rest }) => this.emit('message', { ...rest, runs: runs.map((run) => ({ ...run, result: chunkResultToJson(run.result) })) }));
  }

  terminate(): Promise<number> {
    return Promise.resolve(0);
  }
}
