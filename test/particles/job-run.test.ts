// Proves what the default size of a chunk promises, for inputs of every size. How: property-based tests over whole cuts.

import * as fc from 'fast-check';
import { chunkBytesDefault } from '../../frameworks/particles/job-run';

const MIB = 1024 ** 2;

function sizesOf(sizeBytes: number): readonly number[] {
  const sizes: number[] = [];
  for (let start = 0; start < sizeBytes; start += sizes.at(-1) ?? 0) sizes.push(Math.min(chunkBytesDefault(sizeBytes, start), sizeBytes - start));
  return sizes;
}

test('chunks never grow towards the end, and stay between 1 and 64 MiB but for the last', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 40 * 1024 * MIB }), (sizeBytes) => {
      const sizes = sizesOf(sizeBytes);
      sizes.forEach((size, index) => {
        if (index + 1 < sizes.length) expect(size).toBeGreaterThanOrEqual(MIB);
        expect(size).toBeLessThanOrEqual(Math.min(64 * MIB, sizes[index - 1] ?? Infinity));
      });
    }),
  );
});

test('an input of at least 128 MiB is at most 32 chunks per GiB or 32 in all, and ends in chunks of a 100th of it or less', () => {
  fc.assert(
    fc.property(fc.integer({ min: 128 * MIB, max: 40 * 1024 * MIB }), (sizeBytes) => {
      const sizes = sizesOf(sizeBytes);
      expect(sizes.length).toBeLessThanOrEqual(Math.max(32, sizeBytes / (32 * MIB)));
      expect(sizes.at(-1)).toBeLessThanOrEqual(sizeBytes / 100);
    }),
  );
});
