// Proves what the default size of a chunk promises, for inputs of every size. How: property-based tests over whole cuts.

import * as fc from 'fast-check';
import { chunkBytesDefault } from '../../frameworks/particles/job-run';

const MIB = 1024 ** 2;

function sizesOf(sizeBytes: number, places: number): readonly number[] {
  const sizes: number[] = [];
  for (let start = 0; start < sizeBytes; start += sizes.at(-1) ?? 0) sizes.push(Math.min(chunkBytesDefault(sizeBytes, start, places), sizeBytes - start));
  return sizes;
}

test('chunks never grow towards the end, and stay between 1 and 64 MiB but for the last', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 40 * 1024 * MIB }), fc.integer({ min: 1, max: 1_000 }), (sizeBytes, places) => {
      const sizes = sizesOf(sizeBytes, places);
      sizes.forEach((size, index) => {
        if (index + 1 < sizes.length) expect(size).toBeGreaterThanOrEqual(MIB);
        expect(size).toBeLessThanOrEqual(Math.min(64 * MIB, sizes[index - 1] ?? Infinity));
      });
    }),
  );
});

test('an input has no more than five chunks for each place, or one for each 60 MiB', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 40 * 1024 * MIB }), fc.integer({ min: 4, max: 1_000 }), (sizeBytes, places) => {
      expect(sizesOf(sizeBytes, places).length).toBeLessThanOrEqual(5 * places + sizeBytes / (60 * MIB));
    }),
  );
});

test('where an 8th of an equal part is worth a task, the first chunks keep all places busy, and the last are an 8th of an equal part', () => {
  fc.assert(
    fc.property(fc.integer({ min: 4, max: 100 }), fc.integer({ min: 1, max: 64 }), (places, mibibytes) => {
      const sizeBytes = 8 * places * mibibytes * MIB;
      const sizes = sizesOf(sizeBytes, places);
      expect(sizes.length).toBeGreaterThanOrEqual(places);
      expect(sizes.at(-1)).toBeLessThanOrEqual(mibibytes * MIB);
    }),
  );
});
