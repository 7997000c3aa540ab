// Proves that generated files are reproducible, well-formed, of the wanted mixture, and either whole or not there.

import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { countBytes } from '../../frameworks/particles/count';
import { generateFile, generateParticles, PRECISIONS, type Precision } from '../../frameworks/particles/generate';

function textOf(count: number, seed: number, precision: Precision = 'short'): string {
  return Array.from(generateParticles(count, seed, precision), (piece) => Buffer.from(piece).toString('latin1')).join('');
}

const withoutComment = (text: string): string => text.slice(text.indexOf('\n') + 1);

test.each<[Precision, string]>([
  ['short', '1bfe1d3e623e553b940a809c8dcc4307f989e8cbf023f231792c52e19a6d76df'],
  ['full', '31d2816b30f0bd1cf9b1a7b25032bc88bf75a9815346a18e567acfbd2f50fc1e'],
])('the same seed gives the same %s bytes in every version, so published counts stay comparable', (precision, digest) => {
  expect(createHash('sha256').update(textOf(20_000, 7, precision)).digest('hex')).toBe(digest);
});

test('other seeds give other particles, also where only the upper half of the seed differs', () => {
  const texts = [0, 1, 2 ** 32, 2 ** 32 + 1].map((seed) => withoutComment(textOf(100, seed)));
  expect(new Set(texts).size).toBe(4);
});

test('a longer file begins with the particles of a shorter one', () => {
  expect(withoutComment(textOf(1000, 5)).startsWith(withoutComment(textOf(100, 5)))).toBe(true);
});

test.each(PRECISIONS)('no particle of a %s file is malformed and each kind of landing is there, so a small file tries everything', (precision) => {
  const { count } = countBytes(Buffer.from(textOf(50_000, 11, precision)), 'count');
  const { tally } = count;
  expect({ particles: tally.particles, malformed: tally.malformed, lines: count.lines }).toEqual({ particles: 50_000, malformed: 0, lines: 50_001 });
  for (const share of [tally.negative, tally.positive, tally.origin, tally.never]) expect(share / 50_000).toBeGreaterThan(0.02);
});

test('a file is written whole under its name and nothing else is left', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'particles-'));
  try {
    await generateFile(join(folder, 'p.txt'), 30_000, 2, 'short');
    expect(await readFile(join(folder, 'p.txt'), 'latin1')).toBe(textOf(30_000, 2));
    expect(await readdir(folder)).toEqual(['p.txt']);
    await expect(generateFile(join(folder, 'none', 'p.txt'), 10, 2, 'short')).rejects.toMatchObject({ code: 'CANNOT_WRITE' });
    // The target is a folder: all is written, the renaming fails, and the temporary file goes.
    await expect(generateFile(folder, 10, 2, 'short')).rejects.toMatchObject({ code: 'CANNOT_WRITE' });
    expect((await readdir(tmpdir())).filter((name) => name.includes(`${process.pid}.partial`))).toEqual([]);
  } finally {
    await rm(folder, { recursive: true });
  }
});
