// Proves that counting a file, its lines in any division, and its chunks through JSON all give the same count with the same line numbers.

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { cutChunks, openByteSource, readChunk } from '../../frameworks/particles/chunks';
import { countBytes, countFile, ParticleCounter, rehearse } from '../../frameworks/particles/count';
import { generateFile } from '../../frameworks/particles/generate';
import { appendCounts, emptyCount, KEPT_MALFORMED_MAX, ParticleCount, particleCountFromJson, particleCountToJson } from '../../frameworks/particles/particle-count';
import { exactSide } from './exact-parabola';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'particles-'));
});
afterAll(() => rm(folder, { recursive: true }));

function countOf(text: string): ParticleCount {
  const outcome = countBytes(Buffer.from(text), 'count');
  if (outcome.kind !== 'complete') throw new Error('The policy count never stops');
  return outcome.count;
}

const lineText = fc.oneof(
  fc.tuple(fc.integer({ min: -9, max: 9 }), fc.integer({ min: -9, max: 9 }), fc.integer({ min: -9, max: 9 })).map((parts) => parts.join(' ')),
  fc.constantFrom('# note', '', '1 2', 'x 1 2', '1 2 y'),
);

test('a rehearsal has every outcome, and no line that the fast path leaves to the slow one by mistake', () => {
  const { tally } = rehearse().count;
  expect([tally.negative, tally.positive, tally.origin, tally.never].every((count) => count > 0)).toBe(true);
  expect(tally.malformed).toBe(0);
});

test('counts are those of exact arithmetic', () => {
  const coefficients = fc.array(fc.tuple(fc.double({ noNaN: true, noDefaultInfinity: true }), fc.integer({ min: -5, max: 5 }), fc.integer({ min: -5, max: 5 })));
  fc.assert(
    fc.property(coefficients, (particles) => {
      const { tally } = countOf(particles.map((coefficient) => coefficient.join(' ')).join('\n'));
      const expected = { negative: 0, positive: 0, origin: 0, never: 0 };
      for (const [a, b, c] of particles) expected[exactSide(a, b, c)]++;
      expect({ negative: tally.negative, positive: tally.positive, origin: tally.origin, never: tally.never }).toEqual(expected);
    }),
  );
});

test('splitting a file at any ends of lines and appending the counts gives the count of the file, line numbers included', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(lineText, fc.boolean()), { maxLength: 60 }), (lines) => {
      const runs: string[] = [''];
      for (const [text, isCut] of lines) {
        runs[runs.length - 1] += `${text}\n`;
        if (isCut) runs.push('');
      }
      const whole = countOf(runs.join(''));
      const appended = appendCounts(runs.map(countOf));
      expect(appended.tally.equals(whole.tally)).toBe(true);
      expect({ lines: appended.lines, malformedLines: appended.malformedLines }).toEqual({ lines: whole.lines, malformedLines: whole.malformedLines });
    }),
  );
});

test('appending is associative with the empty count as its zero, so parts may be put together as they come', () => {
  fc.assert(
    fc.property(fc.array(lineText), fc.array(lineText), fc.array(lineText), (x, y, z) => {
      const [cx, cy, cz] = [x, y, z].map((lines) => countOf(lines.map((text) => `${text}\n`).join(''))) as [ParticleCount, ParticleCount, ParticleCount];
      const json = (count: ParticleCount): unknown => particleCountToJson(count);
      expect(json(appendCounts([appendCounts([cx, cy]), cz]))).toEqual(json(appendCounts([cx, appendCounts([cy, cz])])));
      expect(json(appendCounts([emptyCount(), cx, emptyCount()]))).toEqual(json(cx));
    }),
  );
});

test('a count survives JSON text, so an executor needs no other language', () => {
  fc.assert(
    fc.property(fc.array(lineText), (lines) => {
      const json = particleCountToJson(countOf(lines.join('\n')));
      const back = particleCountFromJson(JSON.parse(JSON.stringify(json)));
      expect(back.ok && particleCountToJson(back.value)).toEqual(json);
    }),
  );
});

const sent = (): Record<string, unknown> => JSON.parse(JSON.stringify(particleCountToJson(countOf('1 2 3\nx\n')))) as Record<string, unknown>;
test.each<[claim: string, json: unknown, field: string]>([
  ['nothing', null, 'count'],
  ['a broken tally', { ...sent(), tally: {} }, 'tally.origin'],
  ['fewer lines than particles', { ...sent(), lines: 1 }, 'lines'],
  ['a malformed line that is not told', { ...sent(), malformedLines: [] }, 'malformedLines'],
  ['a malformed line behind the end', { ...sent(), malformedLines: [{ lineNumber: 3, field: 'a', value: 'x', expected: 'y' }] }, 'malformedLines[0]'],
  ['a malformed line of a field that is none', { ...sent(), malformedLines: [{ lineNumber: 2, field: 'd', value: 'x', expected: 'y' }] }, 'malformedLines[0]'],
  ['a malformed line that floods the report', { ...sent(), malformedLines: [{ lineNumber: 2, field: 'a', value: 'x'.repeat(1000), expected: 'y' }] }, 'malformedLines[0]'],
])('%s is refused by its field, so a broken executor adds no particle', (_claim, json, field) => {
  const checked = particleCountFromJson(json);
  expect(checked.ok ? 'accepted' : checked.refusal.field).toBe(field);
});

test('only the first malformed lines are kept but all are counted, so a file of rubbish fills no memory', () => {
  const count = countOf('x\n'.repeat(1000));
  expect(count.tally.malformed).toBe(1000);
  expect(count.malformedLines.map((line) => line.lineNumber)).toEqual(Array.from({ length: KEPT_MALFORMED_MAX }, (_unused, index) => index + 1));
});

test('the policy stop ends at the first malformed line and names it', () => {
  const outcome = countBytes(Buffer.from('1 2 3\n# note\nx 1 2\n1 2 3\nx\n'), 'stop');
  expect(outcome).toMatchObject({ kind: 'stopped', malformedLine: { lineNumber: 3, field: 'a', value: 'x' } });
  expect(outcome.count.tally.toJSON()).toMatchObject({ particles: 1, malformed: 1 });
});

test('the policy stop without a malformed line is a complete count', () => {
  expect(countBytes(Buffer.from('1 2 3\n'), 'stop').kind).toBe('complete');
});

test('a file counted whole, in pieces and in chunks of any size gives the same count', async () => {
  const path = join(folder, 'some.txt');
  await generateFile(path, 20_000, 3, 'full');
  const whole = await countFile(path, 'count');
  const source = await openByteSource(path);
  try {
    for (const targetBytes of [1000, 65_536, 1_000_000]) {
      const counts: ParticleCount[] = [];
      for await (const chunk of cutChunks(source, targetBytes)) counts.push(countBytes(await readChunk(source, chunk), 'count').count);
      expect(particleCountToJson(appendCounts(counts))).toEqual(particleCountToJson(whole.count));
    }
    expect(whole.count.tally.particles).toBe(20_000);
  } finally {
    await source.close();
  }
});

test('a file larger than the read buffer keeps its lines whole and its line numbers right', async () => {
  const path = join(folder, 'numbered.txt');
  await writeFile(path, `${'1 -3 2\n'.repeat(100_000)}bad\n${'0 1 0\n'.repeat(100_000)}1 0 1`);
  const outcome = await countFile(path, 'count');
  expect(outcome.count.tally.toJSON()).toMatchObject({ particles: 200_001, positive: 100_000, origin: 100_000, never: 1, malformed: 1 });
  expect(outcome.count.malformedLines.map((line) => line.lineNumber)).toEqual([100_001]);
  expect(outcome.count.lines).toBe(200_002);
});

test('a file that is not there is an expected failure that names it', async () => {
  await expect(countFile(join(folder, 'none'), 'count')).rejects.toMatchObject({ code: 'CANNOT_READ', message: expect.stringContaining('none" as there is no such file') as string });
});

test('a counter that got nothing has counted nothing', () => {
  expect(particleCountToJson(new ParticleCounter('stop').end().count)).toEqual(particleCountToJson(emptyCount()));
});
