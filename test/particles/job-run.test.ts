// Proves what the default size of a chunk promises, for inputs of every size. How: property-based tests over whole cuts.

import * as fc from 'fast-check';
import { chunkBytesDefault } from '../../frameworks/particles/job-run';

const MIB = 1024 ** 2;

function sizesOf(sizeBytes: number, places: number, agents: number): readonly number[] {
  const sizes: number[] = [];
  for (let start = 0; start < sizeBytes; start += sizes.at(-1) ?? 0) sizes.push(Math.min(chunkBytesDefault(sizeBytes, start, { places, agents }), sizeBytes - start));
  return sizes;
}

const aSize = fc.integer({ min: 1, max: 40 * 1024 * MIB });
const someAgents = fc.integer({ min: 1, max: 3 });

test('chunks never grow towards the end, and stay between 1 and 128 MiB but for the last', () => {
  fc.assert(
    fc.property(aSize, fc.integer({ min: 1, max: 1_000 }), someAgents, (sizeBytes, places, agents) => {
      const sizes = sizesOf(sizeBytes, places, agents);
      const isWrong = (size: number, index: number): boolean => (index + 1 < sizes.length && size < MIB) || size > Math.min(128 * MIB, sizes[index - 1] ?? Infinity);
      expect(sizes.filter(isWrong)).toEqual([]);
    }),
  );
});

test('on one agent an input has one chunk for each place, or one for each 128 MiB', () => {
  fc.assert(
    fc.property(aSize, fc.integer({ min: 4, max: 1_000 }), (sizeBytes, places) => {
      expect(sizesOf(sizeBytes, places, 1).length).toBeLessThanOrEqual(Math.max(places, Math.ceil(sizeBytes / (128 * MIB))));
    }),
  );
});

test('on one agent every place gets an equal part, where that is neither too little nor too much', () => {
  fc.assert(
    fc.property(fc.integer({ min: 4, max: 100 }), fc.integer({ min: MIB, max: 128 * MIB }), (places, bytes) => {
      expect(sizesOf(places * bytes, places, 1)).toEqual(Array.from({ length: places }, () => bytes));
    }),
  );
});

test('on several agents an input has no more than five chunks for each place, or one for each 120 MiB', () => {
  fc.assert(
    fc.property(aSize, fc.integer({ min: 4, max: 1_000 }), (sizeBytes, places) => {
      expect(sizesOf(sizeBytes, places, 2).length).toBeLessThanOrEqual(5 * places + sizeBytes / (120 * MIB));
    }),
  );
});

test('where an 8th of an equal part is worth a task, the first chunks keep all places of several agents busy, and the last are an 8th of an equal part', () => {
  fc.assert(
    fc.property(fc.integer({ min: 4, max: 100 }), fc.integer({ min: 1, max: 64 }), (places, mibibytes) => {
      const sizeBytes = 8 * places * mibibytes * MIB;
      const sizes = sizesOf(sizeBytes, places, 2);
      expect(sizes.length).toBeGreaterThanOrEqual(places);
      expect(sizes.at(-1)).toBeLessThanOrEqual(mibibytes * MIB);
    }),
  );
});
