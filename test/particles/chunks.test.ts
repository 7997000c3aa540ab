// Proves that the chunks of a file hold every line exactly once, whole and in order, whatever the lines and sizes are.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { ByteSource, Chunk, countLinesBefore, cutChunk, cutChunks, openByteSource, readChunk } from '../../frameworks/particles/chunks';
import { countBytes, ParticleCounter } from '../../frameworks/particles/count';
import { appendCounts, particleCountToJson } from '../../frameworks/particles/particle-count';
import { LINE_LENGTH_MAX } from '../../frameworks/particles/particle-text';

/** Bytes as a source that counts how many of them were read. */
function aSource(text: string): ByteSource & { readBytes: number } {
  const bytes = Buffer.from(text);
  return {
    sizeBytes: bytes.length,
    readBytes: 0,
    async read(into, position) {
      const length = bytes.copy(into, 0, position, position + into.length);
      this.readBytes += length;
      return length;
    },
  };
}

async function chunksOf(source: ByteSource, targetBytes: number): Promise<Chunk[]> {
  const chunks: Chunk[] = [];
  for await (const chunk of cutChunks(source, targetBytes)) chunks.push(chunk);
  return chunks;
}

test('chunks follow each other without gap or overlap, end with lines, and are of the wanted size', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.string({ unit: fc.constantFrom('a', '\n', '1 2 3\n'), maxLength: 30 })), fc.integer({ min: 1, max: 60 }), async (parts, targetBytes) => {
      const text = parts.join('');
      const source = aSource(text);
      const chunks = await chunksOf(source, targetBytes);
      let expectedStart = 0;
      for (const [index, chunk] of chunks.entries()) {
        expect(chunk).toMatchObject({ index, start: expectedStart, nextStart: chunk.end });
        expect(chunk.end).toBeGreaterThan(chunk.start);
        const isLast = index === chunks.length - 1;
        if (!isLast) expect(text[chunk.end - 1]).toBe('\n');
        if (!isLast) expect(chunk.end - chunk.start).toBeGreaterThanOrEqual(targetBytes);
        // Without its last line a chunk is smaller than wanted: it is as small as whole lines allow.
        const lastLineStart = text.slice(0, chunk.end - 1).lastIndexOf('\n') + 1;
        expect(lastLineStart - chunk.start).toBeLessThan(targetBytes);
        expect(await readChunk(source, chunk)).toEqual(Buffer.from(text.slice(chunk.start, chunk.end)));
        expectedStart = chunk.nextStart;
      }
      expect(expectedStart).toBe(text.length);
    }),
  );
});

test('overlong lines bound the chunks and change no count: cut off or not, each is one malformed line', async () => {
  const longLine = fc.integer({ min: LINE_LENGTH_MAX - 2, max: LINE_LENGTH_MAX + 9000 }).map((length) => '7'.repeat(length));
  const padded = fc.integer({ min: LINE_LENGTH_MAX - 7, max: LINE_LENGTH_MAX + 3 }).map((length) => `1 2 3${' '.repeat(length - 5)}`);
  const lines = fc.array(fc.oneof(longLine, padded, fc.constantFrom('1 2 3', 'x', '')), { maxLength: 8 });
  await fc.assert(
    fc.asyncProperty(lines, fc.boolean(), fc.oneof(fc.integer({ min: 1, max: 50 }), fc.integer({ min: 1, max: 200_000 })), async (texts, isEnded, targetBytes) => {
      const text = texts.join('\n') + (isEnded ? '\n' : '');
      const source = aSource(text);
      const chunks = await chunksOf(source, targetBytes);
      for (const chunk of chunks) expect(chunk.end - chunk.start).toBeLessThanOrEqual(targetBytes + LINE_LENGTH_MAX + 1);
      const counts = await Promise.all(chunks.map(async (chunk) => countBytes(await readChunk(source, chunk), 'count').count));
      const whole = new ParticleCounter('count');
      whole.write(Buffer.from(text));
      expect(particleCountToJson(appendCounts(counts))).toEqual(particleCountToJson(whole.end().count));
    }),
    { numRuns: 60 },
  );
});

test('an empty file has no chunk', async () => {
  expect(await chunksOf(aSource(''), 10)).toEqual([]);
});

test('cutting goes on from any chunk to the same chunks, so a restarted scheduler needs only the last one', async () => {
  const source = aSource('1 2 3\n'.repeat(1000));
  const chunks = await chunksOf(source, 100);
  for (const [index, chunk] of chunks.entries()) {
    const next = chunks[index + 1];
    if (next !== undefined) expect(await cutChunk(source, 100, chunk.index + 1, chunk.nextStart)).toEqual(next);
  }
});

test('cutting reads only around the cuts, so a large file is cut at once', async () => {
  const source = aSource('1 2 3\n'.repeat(1_000_000));
  const chunks = await chunksOf(source, 1_000_000);
  expect(chunks).toHaveLength(6);
  expect(source.readBytes).toBeLessThan(6 * 4096 + 1);
});

test('the lines before a chunk are those that the chunks before it count', async () => {
  const text = Array.from({ length: 50_000 }, (_unused, index) => (index % 7 === 0 ? '# note' : '1 2 3')).join('\n');
  const source = aSource(text);
  let lines = 0;
  for (const chunk of await chunksOf(source, 60_000)) {
    expect(await countLinesBefore(source, chunk.start)).toBe(lines);
    lines += countBytes(await readChunk(source, chunk), 'count').count.lines;
  }
  expect(lines).toBe(50_000);
});

test('a file that became shorter is a failure, not a smaller count', async () => {
  const source = aSource('1 2 3\n');
  await expect(readChunk(source, { index: 0, start: 0, end: 7, nextStart: 7 })).rejects.toMatchObject({ code: 'CANNOT_READ' });
});

test('what is no regular file is refused at once, also a pipe that nobody writes into', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'chunks-'));
  try {
    execFileSync('mkfifo', [join(folder, 'pipe')]);
    for (const path of [join(folder, 'pipe'), folder]) await expect(openByteSource(path)).rejects.toMatchObject({ code: 'CANNOT_READ' });
  } finally {
    rmSync(folder, { recursive: true });
  }
});
